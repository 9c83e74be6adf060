"""Which code and columns a system's inputs name."""

import ast

import pandas as pd
import pytest

from models.base import columns_read, discover, make
from pipeline import inputs
from pipeline.storage import store
from tests.models.small import SMALL


@pytest.mark.parametrize("model", discover())
def test_code_is_the_systems_and_what_feeds_it(model):
    code = inputs.code_of(model)
    assert {f"models/{model}.py", "models/base.py", "pipeline/storage/examples.py", "pipeline/base/targets.py"} <= set(
        code
    )
    assert all((inputs.ROOT / file).is_file() for file in code)


def test_code_follows_imports_to_the_end_and_not_beyond():
    code = set(inputs.code_of("xgb_mlp"))
    assert {
        "models/parts/stacking.py",
        "models/xgboost.py",
        "models/parts/boosting.py",
        "models/parts/training.py",
    } <= code
    assert not {"models/catboost.py", "models/constant.py", "pipeline/train.py"} & code
    assert "models/parts/training.py" not in inputs.code_of("xgboost")


def test_no_module_hides_an_import():
    """`imported` reads absolute imports only, so that is what modules of the project have to use."""
    for file in [*(inputs.ROOT / "models").glob("*.py"), *(inputs.ROOT / "pipeline").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{file.name} imports relatively"


def test_columns_are_the_targets_and_the_systems():
    catboost = make("catboost", SMALL["catboost"])
    columns = columns_read(catboost, {"likes": "log2_per_day", "views": "max"})
    assert columns == ["likes", "views", "posted_at", "collected_at", "user_id", "category"]
    assert columns_read(make("mean", {"model": "constant"}), {"likes": "max"}) == ["likes"]
    assert columns_read(make("ceiling", {}), {"likes": "max"}) == ["likes", "expected_max_likes"]


def test_hash_of_a_column_is_of_its_values_and_their_posts(project):
    paths = project()
    frame = pd.DataFrame({"post_id": ["a", "b"], "user_id": ["x", None], "likes": [1.0, None]})
    store.write_frame(paths.posts, frame)
    before = inputs.hash_columns(paths, ["user_id", "likes"])
    assert len(set(before.values())) == 2
    store.write_frame(paths.posts, frame.assign(likes=[1.0, 2.0]))
    after = inputs.hash_columns(paths, ["user_id", "likes"])
    assert after["user_id"] == before["user_id"]
    assert after["likes"] != before["likes"]
    store.write_frame(paths.posts, frame.iloc[::-1])
    assert inputs.hash_columns(paths, ["user_id"])["user_id"] != before["user_id"]
