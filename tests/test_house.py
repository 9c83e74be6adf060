"""Rules of the house that no linter knows: which way imports point, what a dependency is for, what tests check."""

import ast
import re
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

from features import base as features
from models import base as models
from models.parts import attention, boosting
from pipeline.base import params
from pipeline.base.paths import Paths
from pipeline.readers import dataset

ROOT = Path(__file__).parents[1]
STAGES = ["code", "sample", "posts", "plan", "images", "split", "candidates"]
STAGES += ["features", "inputs", "train", "look", "evaluate", "card", "predict", "explain", "rank", "export"]
STAGES += ["submit", "protocols", "times", "page"]
ROOMS = {
    "pipeline/base": set(),
    "pipeline/storage": {"pipeline/base"},
    "pipeline/metrics": {"pipeline/base"},
    "pipeline/readers": {"pipeline/base"},
    "features": {"pipeline/base", "pipeline/storage"},
    "models": {"pipeline/base", "pipeline/storage", "pipeline/metrics"},
    "pipeline/report": {"pipeline/base", "pipeline/storage", "pipeline/metrics", "models"},
    "pipeline/asking": {"pipeline/base", "pipeline/storage", "features", "models", "pipeline"},  # posts and images
    "pipeline/web": {"pipeline/base", "pipeline/storage", "pipeline/metrics", "pipeline/readers", "pipeline/report"}
    | {"pipeline/asking", "features", "models", "pipeline"},  # rank
    "pipeline": {"pipeline/base", "pipeline/storage", "pipeline/metrics", "pipeline/readers", "pipeline/report"}
    | {"pipeline/asking", "pipeline/web", "features", "models"},
}
"""What each room may import beside itself; a stage, stages to its left."""
TOPS = ("pipeline", "features", "models")
CODE = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))


def room(path: str) -> str:
    """The room a file of the project lies in; its longest name that fits."""
    return max((name for name in ROOMS if path.startswith(f"{name}/")), key=len)


@cache
def imported_names(path: Path) -> set[str]:
    """Everything that a file imports, with its dots."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def imports(path: Path) -> set[str]:
    """The project's modules that a file imports, as paths from the root."""
    files = {f"{name.replace('.', '/')}.py" for name in imported_names(path)}
    return {
        file for file in files if file.split("/")[0] in ("pipeline", "features", "models") and (ROOT / file).exists()
    }


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    own = room(str(path.relative_to(ROOT)))
    for file in imports(path):
        assert room(file) in {own, *ROOMS[own]}, f"{path.relative_to(ROOT)} imports {file}"


def test_stages_import_from_the_left():
    assert {path.stem for path in (ROOT / "pipeline").glob("*.py")} == {"__init__", *STAGES}
    for path in (ROOT / "pipeline").glob("*.py"):
        for file in imports(path):
            if room(file) == "pipeline" and path.stem in STAGES:
                assert STAGES.index(Path(file).stem) < STAGES.index(path.stem), f"{path.name} imports {file}"


def test_what_people_add_lies_in_like_rooms():
    for folder in ("pipeline/readers", "features", "models"):
        assert {"base.py", "parts"} <= {path.name for path in (ROOT / folder).iterdir()}


def normal(name: str) -> str:
    """The name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name.strip().lower())


def requirements() -> dict[str, str]:
    """{name: reason} of requirements.in."""
    lines = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]
    parts = [line.partition("#") for line in lines]
    return {normal(re.split(r"[\[=<>]", requirement)[0]): reason for requirement, _, reason in parts}


@pytest.mark.parametrize("name", requirements())
def test_every_dependency_has_its_reason_and_its_pin(name):
    assert len(requirements()[name].split()) > 1, f"requirements.in: {name} has no reason"
    lock = (ROOT / "requirements.txt").read_text()
    assert re.search(rf"^{re.escape(name)}(\[.*\])?==", lock, re.M), f"requirements.txt lacks {name}"


TOOLS = {
    "basedpyright": ("Makefile", "\tbasedpyright"),
    "dvc": ("Makefile", "\tdvc repro"),
    "ipykernel": ("tests/notebooks/test_notebooks.py", '"ipykernel_launcher"'),
    "pre-commit": (".pre-commit-config.yaml", "repos:"),
    "pytest-xdist": ("Makefile", "pytest -n logical"),
    "python-multipart": ("pipeline/web/form_page.py", "request.form("),  # by Starlette
    "ruff": ("Makefile", "\truff check"),
    "uv": ("Makefile", "-m uv"),
}
"""Dependencies that are run by name, and where."""


def test_every_dependency_is_imported_or_run():
    folders = (*TOPS, "benchmarks", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    modules = {name.split(".")[0] for path in files for name in imported_names(path)}
    found = packages_distributions()
    used = {normal(distribution) for module in modules for distribution in found.get(module, ())}
    assert set(requirements()) - used <= set(TOOLS) <= set(requirements())
    for tool, (file, words) in TOOLS.items():
        assert words in (ROOT / file).read_text(encoding="utf-8"), f"{file} does not run {tool}"


@pytest.mark.parametrize("path", [Paths(ROOT).params, *sorted((ROOT / "presets").glob("*.yaml"))], ids=lambda p: p.name)
def test_params_files_have_only_keys_that_are_read(path):
    p = params.load(path)
    dataset.make(p.dataset, ROOT)
    for entry in p.features.values():
        features.make(entry)
    for name, entry in p.systems.items():
        used = models.flat(models.make(entry).features)
        assert set(used) <= set(p.features), f"systems.{name} uses a feature without an entry"


def test_there_are_presets():
    assert len(list((ROOT / "presets").glob("*.yaml"))) >= 2


def test_shapes_and_types_are_checked_while_tests_run():
    assert boosting.shares(["a", "b"], [1, 3]) == {"a": 0.25, "b": 0.75}
    with pytest.raises(TypeCheckError, match="'gain'"):
        boosting.shares(["a"], "1")
    with pytest.raises(TypeCheckError, match="'mask'"):
        attention.masked_softmax(torch.zeros(2, 3), torch.ones(2, 4, dtype=torch.bool))
