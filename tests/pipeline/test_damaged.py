"""Files of earlier stages that were changed since: one line that names them and how to make them again."""

import json
import re
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from features.parts.extraction import packing_of
from models.base import flat
from models.trained import Trained
from pipeline import evaluate, features, inputs, look, predict, train
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.report.attention.viewer import Viewer
from pipeline.storage import store
from pipeline.storage.packs import read_images
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
    look.main(made)
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


@contextmanager
def kept(folder, aside):
    """A folder that is after the block as it was before, whatever began to write there."""
    shutil.copytree(folder, aside)
    yield
    shutil.rmtree(folder)
    shutil.move(aside, folder)


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
def test_what_training_told_that_was_changed_is_one_line(paths, drafts, how, tmp_path):
    with kept(paths.attention("any").parent, tmp_path / "attention"):
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
def test_a_feature_file_that_is_none_is_one_line(paths, feature, how, tmp_path):
    p = params.load(paths.params)
    user = next(name for name, entry in SYSTEMS.items() if feature in flat(entry.get("features", [])))
    with (
        kept(paths.model(user), tmp_path / user),
        mutated(paths.feature(feature), how),
        pytest.raises(UserError) as error,
    ):
        train.train(paths, p, user)
    assert f"data/features/{feature}.arrow is damaged (" in str(error.value)
    assert str(error.value).endswith(f"): run dvc repro -f feature@{feature}")


@pytest.mark.parametrize("how", OTHERS)
@pytest.mark.parametrize("name", ["posts", "splits"])
def test_a_table_that_is_none_is_one_line(paths, name, how, tmp_path):
    aside = kept(paths.model("xgboost"), tmp_path / "xgboost")
    with aside, mutated(getattr(paths, name), how), pytest.raises(UserError) as error:
        train.train(paths, params.load(paths.params), "xgboost")
    assert re.search(rf"data/{name}\.parquet is damaged \(\w+\): remove it and run dvc repro$", str(error.value))


@pytest.mark.parametrize("how", OTHERS)
def test_a_plan_that_is_none_is_one_line(paths, how):
    p, said = params.load(paths.params), r"\.json is damaged \(\w+\): run dvc repro -f plan$"
    for kind, name, stage in [
        ("systems", "xgboost", lambda: train.train(paths, p, "xgboost")),
        ("systems", "xgboost", lambda: inputs.main(paths)),
        ("features", "user_time", lambda: features.run(paths, p, "user_time")),
    ]:
        with mutated(paths.plan(kind, name), how), pytest.raises(UserError, match=f"{name}{said}"):
            stage()


@pytest.mark.parametrize(
    ("key", "value"), [("run", "yes"), ("why", 1), ("columns", "likes"), ("features", [1]), ("features", None)]
)
def test_a_plan_of_other_types_is_one_line(paths, key, value):
    file = paths.plan("systems", "xgboost")
    before = file.read_text()
    store.write_json(file, {**store.read_json(file), key: value})
    with pytest.raises(UserError, match=r"xgboost\.json is damaged \(TypeError\): run dvc repro -f plan$"):
        train.train(paths, params.load(paths.params), "xgboost")
    file.write_text(before)


@pytest.mark.parametrize("how", OTHERS)
def test_what_packing_told_that_is_no_such_thing_is_one_line(paths, how, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "audit.json").write_bytes(MUTATIONS[how](b'{"packing": {"max_side": 64}}'))
    with pytest.raises(UserError, match=r"audit\.json is damaged \(\w+\): run dvc repro -f images$"):
        packing_of(folder)


@pytest.mark.parametrize("how", OTHERS)
def test_attention_and_predictions_that_are_none_are_one_line(paths, how, tmp_path):
    viewer = Viewer(paths, Trained.open(paths, "uhan"), "likes")
    with mutated(paths.attention("uhan"), how), pytest.raises(UserError, match=r"damaged \(\w+\): run dvc .* look$"):
        _ = viewer.kinds
    again = r"predictions/uhan\.parquet is damaged \(\w+\): run dvc repro -f train@uhan$"
    with kept(paths.attention("any").parent, tmp_path / "attention"):
        for stage in (viewer.predictions, lambda: look.main(paths), lambda: evaluate.main(paths)):
            with mutated(paths.predictions("uhan"), how), pytest.raises(UserError, match=again):
                stage()


def test_another_table_in_place_of_one_is_one_line(paths):
    before = paths.splits.read_bytes()
    paths.splits.write_bytes(paths.posts.read_bytes())
    with pytest.raises(UserError, match=r"splits\.parquet is damaged"):
        train.train(paths, params.load(paths.params), "xgboost")
    paths.splits.write_bytes(before)


@pytest.mark.parametrize("how", OTHERS)
def test_a_pack_of_pictures_that_is_none_is_one_line(how, packed, draw, tmp_path):
    index = packed(draw["pictures"](tmp_path / "raw", 3))
    with mutated(tmp_path / "images" / index["shard"][0], how), pytest.raises(UserError, match=r"repro -f images$"):
        list(read_images(tmp_path / "images", index["image_id"]))


@pytest.mark.parametrize("names", [None, ["a", "b"]])
def test_flipped_bits_of_a_feature_are_one_line_or_values(names, tmp_path):
    """Wherever they lie; among those are keys and names that are no UTF-8 any more."""
    path = tmp_path / "x.arrow"
    with store.FeatureWriter(path, shape=(2,), dtype="float32", names=names, metadata={"of": "größe"}) as writer:
        writer.append([f"p{i}" for i in range(9)], np.ones((9, 2), np.float32), np.ones(9, dtype=bool))
    good, damaged = path.read_bytes(), 0
    for place in range(0, len(good), 3):
        path.unlink()
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        try:
            store.feature_metadata(path)
            store.read_feature(path)
        except UserError:
            damaged += 1
    assert damaged > len(good) / 6
