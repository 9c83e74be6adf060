"""What DVC is for beyond one folder: a remote that a second clone pulls from, experiments, artifacts."""

import json
import shutil
import subprocess

import pytest

from pipeline import protocols
from pipeline.base.paths import Paths
from tests.conftest import write_posts_folder
from tests.projects import PARAMS, ROOT, Project

pytestmark = pytest.mark.slow


def git(project, *command):
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    return subprocess.run(["git", *who, *command], cwd=project.root, check=True, capture_output=True, text=True)


def dvc(project, *command):
    result = project.run(*command)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A clone where all has run, committed, whose data is tracked and pushed to a remote."""
    root = tmp_path_factory.mktemp("first")
    write_posts_folder(root / "raw", n=60)
    made = Project(root)
    shutil.copy(ROOT / ".gitignore", root)
    dvc(made, "add", "--quiet", "raw")
    made.repro()
    dvc(made, "remote", "add", "--default", "store", str(tmp_path_factory.mktemp("store")))
    git(made, "add", "--all")
    git(made, "commit", "--quiet", "--message", "All of it")
    dvc(made, "push", "--run-cache")
    return made


@pytest.fixture(scope="module")
def second(first, tmp_path_factory):
    """A clone of it."""
    root = tmp_path_factory.mktemp("second") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(first.root), str(root)], check=True)
    made = Project.__new__(Project)
    made.root = root
    return made


def test_a_second_clone_pulls_what_the_first_made_and_trains_nothing(first, second):
    dvc(second, "pull", "--run-cache", "--allow-missing")
    assert (second.root / "raw/posts.csv").read_bytes() == (first.root / "raw/posts.csv").read_bytes()
    stages, _ = second.repro()
    assert set(stages) <= {"plan"}, "the plan links to files of the machine it runs on"
    assert second.repro()[0] == []
    assert git(second, "status", "--porcelain").stdout == ""
    assert (second.root / "data/models/words/system.json").is_file()


def test_an_experiment_changes_one_parameter_and_is_compared(first):
    dvc(first, "exp", "run", "--quiet", "--name", "deeper", "--set-param", "systems.words.trees.max_depth=3")
    table = dvc(first, "exp", "show", "--json")
    assert "FileNotFoundError" not in table
    shown = json.loads(table)
    experiments = [row for revision in shown for row in revision.get("experiments") or []]
    assert "deeper" in json.dumps(experiments)
    differences = json.loads(dvc(first, "exp", "diff", "HEAD", "deeper", "--json"))
    assert list(differences["params"]["params.yaml"]) == ["systems.words.trees.max_depth"]
    assert any(key.startswith("words.likes") for key in differences["metrics"]["results/metrics.json"])
    git(first, "checkout", "--quiet", "--", ".")


def test_experiments_queue_in_copies_of_the_tree_and_stand_side_by_side(first, tmp_path):
    dvc(first, "exp", "run", "--quiet", "--queue", "--name", "waits", "--set-param", "split.method=users")
    dvc(first, "queue", "start", "--jobs", "1")
    dvc(first, "queue", "logs", "--follow", "waits")
    assert "waits" in dvc(first, "exp", "list", "--name-only")
    protocols.main(Paths(first.root), ["HEAD", "waits", "--out", str(tmp_path)])
    text = (tmp_path / "protocols.md").read_text(encoding="utf-8")
    assert [line.split()[1] for line in text.splitlines() if line.startswith("tiny, ")] == ["random", "users"]
    assert (tmp_path / "ranks_likes.png").is_file()
    assert git(first, "status", "--porcelain").stdout == ""


def test_artifacts_are_systems_of_the_tour():
    from tests.projects import YAML

    flow = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())
    systems = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["systems"]
    assert {artifact["path"].removeprefix("data/models/") for artifact in flow["artifacts"].values()} <= set(systems)
    assert set(PARAMS["systems"]) - set(systems)  # those of a test are none


def test_another_repository_gets_one_model(first, tmp_path):
    source = f"{first.root}/.git"
    command = [*Project.dvc, "get", source, "data/models/words", "--out", str(tmp_path / "words")]
    subprocess.run(command, check=True, env=Project.env, capture_output=True)
    assert (tmp_path / "words/system.json").is_file()
