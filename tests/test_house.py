"""Rules of the house that no linter knows: which way imports point, that every dependency has its reason."""

import ast
import re
from pathlib import Path

import pytest

from pipeline import params, plan
from pipeline.paths import Paths

ROOT = Path(__file__).parents[1]
SHARED = {"errors", "paths", "params", "store", "compute", "targets", "published", "metrics", "stream"}
STAGES = ["readers", "posts", "images", "split", "features", "inputs", "examples", "train", "evaluate", "predict"]


def imports(path: Path) -> set[str]:
    """Dotted names of the project's modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("pipeline", "features", "models")}


@pytest.mark.parametrize("folder", ["features", "models"])
def test_extensions_import_only_shared_parts(folder):
    allowed = {*SHARED, "images"} if folder == "features" else SHARED
    for path in (ROOT / folder).glob("*.py"):
        for name in imports(path):
            top, _, rest = name.partition(".")
            assert top == folder or (top == "pipeline" and rest.split(".")[0] in allowed), f"{path.name} imports {name}"


def test_stages_import_from_the_left():
    order = {name: i for i, name in enumerate(STAGES)}
    for path in (ROOT / "pipeline").rglob("*.py"):
        stage = "readers" if path.parent.name == "readers" else path.stem
        for name in imports(path):
            other = name.split(".")[1] if name.startswith("pipeline.") else ""
            if stage in order and other in order:
                assert order[other] <= order[stage], f"{path.name} imports {name}"


def test_every_dependency_has_its_reason_and_its_pin():
    lock = (ROOT / "requirements.txt").read_text()
    lines = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]
    assert lines
    for line in lines:
        requirement, _, reason = line.partition("#")
        name = re.sub(r"[-_.]+", "-", re.split(r"[\[=<>]", requirement.strip())[0].lower())
        assert len(reason.split()) > 1, f"requirements.in: {name} has no reason"
        assert re.search(rf"^{re.escape(name)}(\[.*\])?==", lock, re.M), f"requirements.txt lacks {name}"


@pytest.mark.parametrize("path", [Paths(ROOT).params, *sorted((ROOT / "presets").glob("*.yaml"))], ids=lambda p: p.name)
def test_params_files_have_only_keys_that_are_read(path):
    p = params.load(path)
    plan.check_sections(p)
    for name, entry in p["features"].items():
        plan.make_feature(name, entry)
    for name, entry in p["systems"].items():
        used = plan.models.flat(plan.make_system(name, entry).features)
        assert set(used) <= set(p["features"]), f"systems.{name} uses a feature without an entry"


def test_there_are_presets():
    assert len(list((ROOT / "presets").glob("*.yaml"))) >= 2
