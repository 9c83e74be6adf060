"""Hashes of code: what counts, what does not, and how far imports are followed."""

import ast

import pytest

from models.base import discover
from pipeline import code as stage
from pipeline.base import code
from pipeline.base.paths import Paths
from pipeline.storage import store

SOURCE = '''
"""About this."""
from features.parts import helper
from pipeline.storage import store
class A:
    """Doc."""
    def f(self):
        """Doc."""
        return {number}  # {comment}
'''


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The project's root, as far as modules are looked up there."""
    (tmp_path / "features/parts").mkdir(parents=True)
    monkeypatch.setattr(code, "ROOT", tmp_path)


def hashed(folder, number=1, comment="why", helper="X = 1"):
    (folder / "features/feature.py").write_text(SOURCE.format(number=number, comment=comment))
    (folder / "features/parts/helper.py").write_text(helper)
    code._read.cache_clear()
    return code.digest("features/feature.py", ["features"])


def test_code_counts_and_words_about_it_do_not(tmp_path, root):
    first = hashed(tmp_path)
    assert hashed(tmp_path, comment="other") == first
    assert hashed(tmp_path, helper='"""Doc."""\nX = 1') == first
    assert hashed(tmp_path, number=2) != first
    assert hashed(tmp_path, helper="X = 2") != first


def test_words_under_constants_and_fields_do_not_count(tmp_path, root):
    plain = hashed(tmp_path, helper="X = 1")
    assert hashed(tmp_path, helper='X = 1\n"""What X is."""') == plain


@pytest.mark.parametrize("model", discover())
def test_code_is_the_systems_and_what_feeds_it(model):
    found = code.hashes(f"models/{model}.py")
    assert {f"models/{model}.py", "models/base.py", "pipeline/storage/examples.py", "pipeline/base/targets.py"} <= set(
        found
    )
    assert all((code.ROOT / file).is_file() for file in found)


def test_code_follows_imports_to_the_end_and_not_beyond():
    found = set(code.hashes("models/xgb_mlp.py"))
    assert {
        "models/parts/stacking.py",
        "models/xgboost.py",
        "models/parts/boosting.py",
        "models/parts/training.py",
    } <= found
    assert not {"models/catboost.py", "models/constant.py", "pipeline/train.py"} & found
    assert "models/parts/training.py" not in code.hashes("models/xgboost.py")


def test_no_module_hides_an_import():
    """Absolute imports alone are followed, so that is what modules of the project have to use."""
    for file in [file for top in code.TOPS for file in (code.ROOT / top).rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{file.name} imports relatively"


def test_every_stage_reader_feature_and_system_has_its_file(tmp_path):
    stage.main(Paths(tmp_path))
    for kind, folder in stage.FOLDERS.items():
        for path in (code.ROOT / folder).glob("[!_]*.py"):
            found = store.read_json(Paths(tmp_path).code(kind, path.stem))
            assert f"{folder}/{path.name}" in found
    assert "pipeline/storage/packs.py" in store.read_json(Paths(tmp_path).code("stages", "images"))
    assert "pipeline/storage/packs.py" not in store.read_json(Paths(tmp_path).code("stages", "split"))
