"""Each notebook runs on a tiny project that the stages themselves made, and is kept without outputs."""

import json
import shutil
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from tests.conftest import write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FEATURES = {"user_time": {}, "image_stats": {}, "pixels": {"image_size": 8}, "bow": {"minimum_count": 3}, "context": {}}
FEATURES |= {"user_vector": {}, "sentence": {}}
FEATURES |= {"vgg_regions": {"pretrained": None, "image_size": 64}, "words": {"minimum_count": 3}}
CNN = {"channels": [2, 2], "hidden": [8, 4], "head": "linear", "standardize": True, "training": {"epochs": 2}}
UHAN = {"features": {"regions": ["vgg_regions"], "words": ["words"]}, "hidden": 4, "head": [4]}
UHAN |= {"region_layer": "linear"}
UHAN |= {"training": {"epochs": 2, "batch_size": 16, "validate_every": None, "patience": None}}
DSN = {"features": {"image": ["image_stats"], "text": ["sentence"], "user": ["user_vector"]}, "hidden": 4, "heads": 2}
DSN |= {"training": {"epochs": 2, "batch_size": 16}}
FACETED = {"factors": 4, "hidden": 4, "embedding": 4, "space": 4}
FACETED |= {"training": {"epochs": 2, "batch_size": 16, "patience": None}}
SYSTEMS = {
    "mean": {"model": "constant"},
    "user_mean": {},
    "context_svr": {"model": "svr", "features": ["context"]},
    "bow_svr": {"model": "svr", "features": ["bow", "context"]},
    "hybrid_cnn": {"features": {"image": ["pixels"], "context": ["context"]}, **CNN},
    "uhan": UHAN,
    "uhan_no_user": {"model": "uhan", **UHAN, "user": False},
    "dsn": DSN,
    "dsn_l1": {"model": "dsn", **DSN, "length": 1},
    "popularity": {},
    "amnl": {"features": {"image": ["image_stats"]}, **FACETED},
    "amnl_no_social": {"model": "amnl", "features": {"image": ["image_stats"]}, **FACETED, "social": False},
    "amnl_plus": {"features": {"regions": ["vgg_regions"]}, **FACETED},
}
SAYS = {
    "01_explore_posts_and_results": ["The best system is **", "60 rows read, 60 kept"],
    "02_picture_or_words": [
        "`inception_svr` was not run: it has no entry in params.yaml",
        "**Differs from the paper**: data tiny instead of",
        "- picture (`hybrid_cnn`): ",
        "- words (`bow_svr`): ",
    ],
    "03_where_uhan_looks": [
        "Attention: `uhan`, `uhan_no_user`. Below: `uhan`, likes, seed 0.",
        "Untrained: `vgg_regions`",
        "12 of 12 test posts have picture and words",
        "12 test posts as if by 4 users.",
        "**Differs from the paper**: data tiny instead of",
    ],
    "04_do_posts_before_help": [
        "Looks back: `dsn`. Below: `dsn`, likes, seed 0.",
        "`dsn` against `dsn_l1`: ",
        "**Differs from the paper**: data tiny instead of",
    ],
    "05_who_will_share_it": [
        "Below: `amnl`, seed 0.",
        "Untrained: `vgg_regions`",
        "- the friends (`amnl_no_social` goes without): ",
        "`amnl_plus`: entropy ",
        "**Differs from the paper**: data tiny instead of",
    ],
}
"""What each notebook says of a dataset that has everything."""
LACKS = {
    "01_explore_posts_and_results": ["no users", "no times", "no picture"],
    "02_picture_or_words": [
        "`hybrid_cnn` was not run: without context: the data lacks posted_at, collected_at; without pixels",
        "`context_svr` was not run: without context: the data lacks posted_at, collected_at",
        "`bow_svr` runs without context",
        "No system that looks at pictures ran",
        "`context_svr` and another system have to run",
    ],
    "03_where_uhan_looks": [
        "`uhan` was not run: the data lacks user_id",
        "`uhan_no_user` was not run: without vgg_regions: the data lacks image",
        "There is nothing to show here",
        "None of the paper's systems ran",
    ],
    "04_do_posts_before_help": [
        "`dsn` was not run: the data lacks user_id, category, subcategory, concept, posted_at",
        "There is nothing to show here",
        "None of the paper's systems ran",
    ],
    "05_who_will_share_it": [
        "`amnl` was not run: the data lacks interactions, follows",
        "No ranker ran. There is nothing to show here",
        "None of the paper's systems ran",
    ],
}
"""And of one that has words and counts alone."""


def tiny(root, *, targets, split, **options):
    """A project that ran in `root`, as large as it must be to have every section."""
    write_posts_folder(root / "raw", **options)
    if "drop" not in options:
        write_shares(root / "raw")
    dataset = {"missing": "drop", "targets": targets}
    paths = write_params(root, features=FEATURES, systems=SYSTEMS, dataset=dataset, split={"method": split})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        run_stages(paths)
    return paths


def write_shares(folder):
    """Everybody follows everybody, and shares one in three of what there is, a day to a week after it was posted."""
    posts, rng = pd.read_csv(folder / "posts.csv"), np.random.default_rng(0)
    users = posts["user_id"].unique()
    pairs = pd.DataFrame({"user_id": users}).merge(posts[["post_id", "posted_at"]], how="cross")
    pairs = pairs[rng.random(len(pairs)) < 1 / 3]
    late = pd.to_timedelta(rng.integers(24, 168, len(pairs)), unit="h")
    pairs = pairs.assign(at=pd.to_datetime(pairs.pop("posted_at")) + late)
    pairs.to_csv(folder / "interactions.csv", index=False)
    follows = pd.DataFrame({"follower_id": users}).merge(pd.DataFrame({"followee_id": users}), how="cross")
    follows[follows["follower_id"] != follows["followee_id"]].to_csv(folder / "follows.csv", index=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A dataset that has everything."""
    return tiny(tmp_path_factory.mktemp("whole"), targets={"likes": "max"}, split="chronological_shuffled")


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """One that has words and counts alone; run as notebooks often are, from their folder."""
    drop = ["user_id", "posted_at", "collected_at", "category", "subcategory", "concept"]
    root = tmp_path_factory.mktemp("counts")
    paths = tiny(root, targets={"likes": "log2p1"}, split="random", images=False, drop=drop)
    (root / "notebooks").mkdir()
    return paths


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Run a notebook's first cells in `folder`, with this interpreter whatever kernels are installed."""
    kernel = tmp_path / "jupyter/kernels/likecast-test/kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "test", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")

    def run(path, folder, cells=None):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = notebook.cells[:cells]
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=300, kernel_name="likecast-test", resources=resources).execute()
        return [output for cell in notebook.cells for output in cell.get("outputs", [])]

    return run


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_leaves_the_project_alone(path, whole, execute):
    before = {p: p.stat().st_mtime_ns for p in whole.root.rglob("*") if p.is_file()}
    outputs = execute(path, whole.root)
    assert [text for text in SAYS[path.stem] if text not in said(outputs)] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 5
    assert {p: p.stat().st_mtime_ns for p in whole.root.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_on_a_table_of_counts_alone(path, counts, execute):
    outputs = execute(path, counts.root / "notebooks")
    assert [text for text in LACKS[path.stem] if text not in said(outputs)] == []


@pytest.mark.parametrize(
    ("kept", "says", "silent"),
    [
        ("user_mean", "No entry of `systems` looks at regions and words; `presets/uhan.yaml` has them.", "test posts"),
        ("uhan_no_user", "`uhan_no_user` knows no users: its attention is the same whoever posts.", "as if by"),
    ],
)
def test_where_uhan_looks_with_other_systems(whole, execute, tmp_path, kept, says, silent):
    [path] = [path for path in NOTEBOOKS if path.stem.startswith("03")]
    root = tmp_path / "project"
    shutil.copytree(whole.root, root)
    write_params(root, features=FEATURES, systems={kept: SYSTEMS[kept]}, dataset={"targets": {"likes": "max"}})
    found = said(execute(path, root))
    assert says in found
    assert silent not in found


def said(outputs):
    return "".join(output.get("data", {}).get("text/markdown", "") for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert {"kernelspec", "language_info"} >= set(notebook.metadata)
