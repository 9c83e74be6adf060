"""Each notebook runs on a tiny project that the stages themselves made, and is kept without outputs."""

import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.stages import run_stages

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FEATURES = {"user_time": {}, "image_stats": {}, "pixels": {"size": 8}, "bow": {"minimum_count": 3}, "context": {}}
CNN = {"channels": [2, 2], "hidden": [8, 4], "head": "linear", "standardize": True, "epochs": 2}
SYSTEMS = {
    "mean": {"model": "constant"},
    "user_mean": {},
    "context_svr": {"model": "svr", "features": ["context"]},
    "bow_svr": {"model": "svr", "features": ["bow", "context"]},
    "hybrid_cnn": {"features": {"image": ["pixels"], "context": ["context"]}, **CNN},
}
SAYS = {
    "01_explore_posts_and_results": ["The best system is **", "60 rows read, 60 kept"],
    "02_picture_or_words": [
        "`inception_svr` was not run: it has no entry in params.yaml",
        "**Substitute data**",
        "- picture (`hybrid_cnn`): ",
        "- words (`bow_svr`): ",
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
}
"""And of one that has words and counts alone."""


@pytest.fixture
def tiny(project, posts_folder, monkeypatch):
    """`tiny(images=..., drop=...)`: a project that ran, as large as it must be to have every section."""

    def build(targets=None, split="chronological_shuffled", **options):
        posts_folder(**options)
        dataset = {"missing": "drop", "targets": targets or {"likes": "log2p1"}}
        paths = project(features=FEATURES, systems=SYSTEMS, dataset=dataset, split={"method": split})
        monkeypatch.chdir(paths.root)
        run_stages(paths)
        return paths

    return build


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
def test_notebook_runs_and_leaves_the_project_alone(path, tiny, execute):
    paths = tiny(targets={"likes": "max"})
    before = {p: p.stat().st_mtime_ns for p in paths.root.rglob("*") if p.is_file()}
    outputs = execute(path, paths.root)
    shown = "".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    assert [text for text in SAYS[path.stem] if text not in shown] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 5
    assert {p: p.stat().st_mtime_ns for p in paths.root.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_on_a_table_of_counts_alone(path, tiny, execute):
    drop = ["user_id", "posted_at", "collected_at", "category", "subcategory", "concept"]
    paths = tiny(images=False, drop=drop, split="random")
    (paths.root / "notebooks").mkdir()
    outputs = execute(path, paths.root / "notebooks")
    shown = "".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    assert [text for text in LACKS[path.stem] if text not in shown] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert {"kernelspec", "language_info"} >= set(notebook.metadata)
