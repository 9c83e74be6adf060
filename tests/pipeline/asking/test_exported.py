"""A packed system predicts, without the data, the very numbers it did with it."""

import json
import shutil

import pandas as pd
import pytest

from models.trained import Trained
from pipeline import export, predict
from pipeline.asking import exported, hours
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

TREES = {"n_estimators": 5, "max_depth": 2}
FOLDED = {"folds": 2, "by": "user_id"}
SYSTEMS = {
    "trees": {
        "model": "xgboost",
        "features": ["user_time", "category", "image_stats"],
        "trees": TREES,
        "seeds": 2,
        "intervals": FOLDED,
    },
    "words": {"model": "svr", "features": ["tfidf", "sentence"]},
    "after": {
        "model": "dtcn",
        "features": {"image": ["image_stats"], "user": ["user_vector"]},
        "training": {"epochs": 1},
    },
    "medians": {
        **{
            "model": "lightgbm",
            "features": ["activity", "history", "retrieval"],
            "trees": {**TREES, "loss": "absolute"},
        },
        "intervals": FOLDED,
    },
    "blend": {"parts": ["medians", "trees"], "intervals": FOLDED},
}
FEATURES = {"user_time": {}, "category": {}, "image_stats": {}, "tfidf": {}, "sentence": {}, "user_vector": {}}
FEATURES |= {"activity": {}, "history": {}, "retrieval": {}}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root = tmp_path_factory.mktemp("packing")
    write_posts_folder(root / "raw", posts=build_posts(60))
    paths = write_params(root, features=FEATURES, systems=SYSTEMS)
    run_stages(paths, results=False)
    return paths


@pytest.fixture
def drafts(paths, tmp_path):
    folder = shutil.copytree(paths.root / "raw", tmp_path / "drafts")
    return folder / "posts.csv"


@pytest.fixture
def packed(paths, tmp_path):
    export.main(paths, ["--system", "trees", "--out", str(tmp_path / "packed")])
    return tmp_path / "packed"


@pytest.mark.parametrize("system", SYSTEMS)
def test_it_predicts_without_the_data_what_it_predicts_with_it(paths, drafts, system, tmp_path, monkeypatch):
    folder = tmp_path / "some" / "packed"
    export.main(paths, ["--system", system, "--out", str(folder)])
    predict.main(paths, ["--system", system, "--posts", str(drafts), "--out", str(tmp_path / "with.csv")])
    monkeypatch.chdir(tmp_path)
    hidden = paths.root.rename(tmp_path / "away")
    try:
        predict.main(arguments=["--from", str(folder), "--posts", str(drafts), "--out", "without.csv"])
    finally:
        hidden.rename(paths.root)
    pd.testing.assert_frame_equal(pd.read_csv("without.csv"), pd.read_csv("with.csv"))


@pytest.mark.parametrize("system", ["trees", "blend", "after", "words"])
def test_it_knows_the_best_hours_without_the_data(paths, drafts, system, tmp_path):
    table = pd.read_csv(drafts).head(2)
    table.to_csv(drafts, index=False)
    folder = tmp_path / "packed"
    export.main(paths, ["--system", system, "--out", str(folder)])
    asked = ["--posts", str(drafts), "--hours", "--out"]
    predict.main(paths, ["--system", system, *asked, str(tmp_path / "with.csv")])
    hidden = paths.root.rename(tmp_path / "away")
    try:
        predict.main(arguments=["--from", str(folder), *asked, str(tmp_path / "without.csv")])
    finally:
        hidden.rename(paths.root)
    told = pd.read_csv(tmp_path / "with.csv")
    assert len(told) == 2 * 168
    assert (told["likes_difference_high"] > told["likes_difference"]).any()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "without.csv"), told)


def test_what_is_known_of_hours_is_packed_as_it_is(paths, packed):
    trained = Trained.open(Paths(packed), "trees")
    told, there = hours.doubts_of(Paths(packed), trained), hours.doubts_of(paths, Trained.open(paths, "trees"))
    assert (told["likes"].deviation, told["likes"].level) == (there["likes"].deviation, there["likes"].level)
    assert told["likes"].hours.sum() == told["likes"].weekdays.sum() == 36
    assert told["likes"].hours.tolist() == there["likes"].hours.tolist()
    with (packed / "data/models/trees" / hours.FILE).open("a") as file:
        file.write(" ")
    with pytest.raises(UserError, match=r"hours\.json is not what was packed; export it again"):
        exported.unpack(packed)


def test_it_has_no_labels_no_pickle_and_no_other_system(packed):
    posts = pd.read_parquet(packed / "data/posts.parquet")
    assert set(posts) == {"post_id", "user_id"}
    assert list(params.load(packed / "params.yaml").systems) == ["trees"]
    assert [folder.name for folder in (packed / "data/models").iterdir()] == ["trees"]
    files = [file for file in packed.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".parquet", ".txt", ".ubj", ".yaml"}
    assert not [file for file in files if file.name == "folds.parquet"]
    assert not [file for file in files if file.read_bytes().startswith((b"\x80", b"PK"))]  # pickles, PyTorch's zips


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"versions": {"numpy": "1.0"}}, r"numpy .* instead of 1\.0; pip install -r .*requirements\.txt"),
        ({"versions": {"no_such_package": "1.0"}}, "no_such_package none instead of 1.0"),
        ({"code": {"models/xgboost.py": "0"}}, "models/xgboost.py is another than the one it was trained by"),
        ({"format": 1}, "packed in format 1, and this release reads 2; export it again"),
        ({"files": []}, "damaged"),
        ({"system": 1}, "damaged"),
    ],
)
def test_what_does_not_fit_is_refused(packed, change, message):
    file = packed / exported.FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(UserError, match=message):
        exported.unpack(packed)


def test_labels_of_test_posts_stay_behind(paths, tmp_path):
    export.main(paths, ["--system", "blend", "--out", str(tmp_path / "packed")])
    posts = pd.read_parquet(tmp_path / "packed/data/posts.parquet").merge(
        pd.read_parquet(tmp_path / "packed/data/splits.parquet"), on="post_id"
    )
    assert posts.loc[posts["part"] == "test", "likes"].isna().all()
    assert posts.loc[posts["part"] == "train", "likes"].notna().any()
    said = pd.read_parquet(tmp_path / "packed/data/predictions/trees.parquet")
    assert set(said["part"]) == {"validation"}
    models = tmp_path / "packed/data/models"
    told = pd.read_parquet(models / "trees/folds.parquet")
    assert len(told)
    assert set(told["post_id"]) <= set(posts.loc[posts["part"] == "train", "post_id"])


def test_a_changed_or_missing_file_is_refused(packed):
    file = next(packed.rglob("model.ubj"))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"model\.ubj is not what was packed; export it again"):
        exported.unpack(packed)
    file.unlink()
    with pytest.raises(UserError, match=r"model\.ubj is not what was packed; export it again"):
        exported.unpack(packed)


def test_no_such_system_or_a_folder_that_is_there(paths, packed, tmp_path):
    with pytest.raises(UserError, match=r"--out .*packed: is there already"):
        export.main(paths, ["--system", "trees", "--out", str(packed)])
    with pytest.raises(UserError, match=r"--system none: not trained here"):
        export.main(paths, ["--system", "none", "--out", str(tmp_path / "new")])
    with pytest.raises(UserError, match=r"no export\.json there"):
        exported.unpack(tmp_path)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".export-*"))
