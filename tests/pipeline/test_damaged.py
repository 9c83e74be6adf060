"""Files of earlier stages that were changed since: one line that names them and how to make them again."""

import json
import re
from contextlib import contextmanager

import pytest

from models.base import flat
from models.trained import Trained
from pipeline import evaluate, look, predict, train
from pipeline.base import params
from pipeline.base.errors import UserError
from tests.conftest import write_params, write_posts_folder
from tests.stages import run_stages

TREES = {"n_estimators": 3, "max_depth": 2}
STOPPING = {"training": {"epochs": 1}}
SYSTEMS = {
    "user_mean": {},
    "xgboost": {"features": ["user_time"], "trees": TREES},
    "lightgbm": {"features": ["user_time"], "trees": TREES},
    "catboost": {"features": ["user_time"], "trees": TREES},
    "svr": {"features": ["user_time"]},
    "xgb_mlp": {"features": {"base": ["user_time"], "head": ["category"]}, "trees": TREES, **STOPPING},
    "uhan": {"features": {"regions": [], "words": ["words"]}, "hidden": 4, "head": [4], "image": False, **STOPPING},
}
FEATURES = {"user_time": {}, "category": {}, "words": {"minimum_count": 1, "length": 6}}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged")
    write_posts_folder(root / "raw", images=False)
    made = write_params(root, features=FEATURES, systems=SYSTEMS)
    run_stages(made, results=False)
    return made


@pytest.fixture
def drafts(paths):
    return paths.root / "raw/posts.csv"


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x20]) + content[middle + 1 :]


MUTATIONS = {
    "flipped": flipped,
    "cut": lambda content: content[: len(content) // 3],
    "empty": lambda content: b"",
    "another type": lambda content: b'{"a": [1, null]}',
    "a list": lambda content: b"[]",
    "no text": lambda content: b"\x80\x04\x95\xff",
    "deep": lambda content: b"[" * 100_000,
}


OTHERS = [how for how in MUTATIONS if how != "flipped"]
"""What makes another file of one. A single value that changed in a table is DVC's to see."""


@contextmanager
def mutated(file, how):
    """A file changed, without `how` removed, within the block."""
    before = file.read_bytes()
    file.unlink()
    if how:
        file.write_bytes(MUTATIONS[how](before))
    yield
    file.write_bytes(before)


def ask(paths, system, drafts):
    return predict.predict(paths, params.load(paths.params), system, drafts)


@pytest.mark.slow
@pytest.mark.parametrize("how", [*MUTATIONS, None])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_model_that_was_changed_is_one_line(paths, drafts, system, how):
    learned = sorted(p for p in paths.model(system).rglob("*") if p.is_file() and p.name != "system.json")
    assert learned
    for file in learned:
        name = file.relative_to(paths.model(system)).as_posix()
        with mutated(file, how), pytest.raises(UserError) as error:
            ask(paths, system, drafts)
        assert str(error.value).endswith(f"data/models/{system} is damaged ({name}): run dvc repro -f train@{system}")


@pytest.mark.parametrize("how", MUTATIONS)
def test_what_training_told_that_was_changed_is_one_line(paths, drafts, how):
    for stage in (lambda: ask(paths, "uhan", drafts), lambda: look.main(paths), lambda: evaluate.main(paths)):
        with mutated(paths.model("uhan") / "system.json", how), pytest.raises(UserError) as error:
            stage()
        assert str(error.value).endswith("data/models/uhan is damaged (system.json): run dvc repro -f train@uhan")


def test_every_number_that_training_told_counts(paths):
    file = paths.model("xgboost") / "system.json"
    content = json.loads(file.read_text())
    content["targets"]["likes"]["transform"]["name"] = "identity"
    before = file.read_text()
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"data/models/xgboost is damaged \(system\.json\)"):
        Trained.open(paths, "xgboost")
    file.write_text(before)
    assert Trained.open(paths, "xgboost").run


@pytest.mark.parametrize("how", OTHERS)
@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_file_that_is_none_is_one_line(paths, feature, how):
    p = params.load(paths.params)
    user = next(name for name, entry in SYSTEMS.items() if feature in flat(entry.get("features", [])))
    with mutated(paths.feature(feature), how), pytest.raises(UserError) as error:
        train.train(paths, p, user)
    assert f"data/features/{feature}.arrow is damaged (" in str(error.value)
    assert str(error.value).endswith(f"): run dvc repro -f feature@{feature}")


@pytest.mark.parametrize("how", OTHERS)
@pytest.mark.parametrize("name", ["posts", "splits"])
def test_a_table_that_is_none_is_one_line(paths, name, how):
    with mutated(getattr(paths, name), how), pytest.raises(UserError) as error:
        train.train(paths, params.load(paths.params), "xgboost")
    assert re.search(rf"data/{name}\.parquet is damaged \(\w+\): remove it and run dvc repro$", str(error.value))


@pytest.mark.parametrize("how", [how for how in OTHERS if how not in ("another type", "a list")])
def test_a_plan_that_is_none_is_one_line(paths, how):
    with mutated(paths.plan("systems", "xgboost"), how), pytest.raises(UserError, match=r"xgboost\.json is damaged"):
        train.train(paths, params.load(paths.params), "xgboost")
