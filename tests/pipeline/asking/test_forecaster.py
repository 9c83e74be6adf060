import numpy as np
import pandas as pd
import pytest

from models.trained import ENDS, predictions
from pipeline.asking.drafts import read
from pipeline.asking.forecaster import Forecaster, names
from pipeline.base import params
from pipeline.base.errors import UserError
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root = tmp_path_factory.mktemp("asked")
    write_posts_folder(root / "raw", posts=build_posts(40))
    trees = {"n_estimators": 5, "max_depth": 2}
    systems = {"trees": {"model": "xgboost", "features": ["user_time", "image_stats"], "seeds": 2, "trees": trees}}
    features = {"user_time": {}, "image_stats": {}}
    paths = write_params(root, features=features, systems=systems)
    run_stages(paths, results=False)
    return paths


def test_opened_once_it_answers_many_times(paths):
    p = params.load(paths.params)
    forecaster = Forecaster(paths, p, "trees")
    drafts = read(paths, p, paths.root / "raw/posts.csv")
    first = forecaster(drafts)
    away = paths.model("trees").rename(paths.root / "away")
    again = forecaster(drafts)
    away.rename(paths.model("trees"))
    assert len(first) == len(drafts) == 40
    np.testing.assert_array_equal(first["likes_log2p1"], again["likes_log2p1"])


def test_each_seed_has_its_share(paths):
    p = params.load(paths.params)
    forecaster = Forecaster(paths, p, "trees")
    posts = forecaster.ask(read(paths, p, paths.root / "raw/posts.csv")).examples["likes"]
    alone = [forecaster.trained.system("likes", seed).predict(posts) for seed in forecaster.trained.seeds]
    np.testing.assert_allclose(forecaster.predict(posts), np.mean(alone, axis=0))


def test_names_and_a_system_that_is_none(paths):
    assert names(paths) == ["trees"]
    with pytest.raises(UserError, match=r"--system trees2: not trained here; run dvc repro \(trained: trees\)"):
        Forecaster(paths, params.load(paths.params), "trees2")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A booster with intervals, on posts of three users and, every third, of somebody else whose likes are anything."""
    root = tmp_path_factory.mktemp("intervals")
    posts = build_posts(600, users=3)
    other = np.arange(600) % 3 == 2
    rng = np.random.default_rng(1)
    posts.loc[other, "user_id"] = [f"other{i}" for i in range(other.sum())]
    posts.loc[other, ["followers", "user_photos"]] = np.nan
    posts.loc[other, "likes"] = np.round(np.exp2(rng.uniform(0, 12, other.sum())))
    posts.loc[rng.random(600) < 0.2, ["title", "text", "tags"]] = None
    write_posts_folder(root / "raw", posts=posts, images=False)
    trees = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.1, "threads": 1}
    asked = {"features": ["user_time", "bow"], "trees": trees, "intervals": {"by": "user_id"}}
    systems = {"lightgbm": {**asked, "seeds": 2}, "plain": {"model": "lightgbm", **asked, "intervals": None}}
    features = {"user_time": {}, "bow": {"minimum_count": 5}}
    paths = write_params(root, features=features, systems=systems)
    run_stages(paths, results=False)
    return paths


def test_drafts_of_which_less_is_known_get_a_number_and_a_wider_interval(told):
    p = params.load(told.params)
    table = pd.read_csv(told.root / "raw/posts.csv").drop(columns="likes").iloc[[0] * 4]
    table["post_id"] = ["known", "new user", "no words", "nothing"]
    for column in ("user_id", "followers", "user_photos", "is_pro"):
        table[column] = [table[column].iloc[0], None, table[column].iloc[0], None]
    for column in ("title", "text", "tags"):
        table[column] = [*table[column].iloc[:2], None, None]
    table["posted_at"] = [*table["posted_at"].iloc[:3], None]
    drafts = told.root / "drafts.csv"
    table.to_csv(drafts, index=False)
    frame = Forecaster(told, p, "lightgbm")(read(told, p, drafts)).set_index("post_id")
    assert list(frame) == [f"{name}{end}" for name in ("likes_log2p1", "likes") for end in ("", "_low", "_high")]
    assert np.isfinite(frame).all(axis=None)
    assert (frame["likes_low"] >= 0).all()
    assert (frame["likes_log2p1_low"] <= frame["likes_log2p1"]).all()
    assert (frame["likes"] <= frame["likes_high"]).all()
    width = frame["likes_log2p1_high"] - frame["likes_log2p1_low"]
    assert width["new user"] > 2 * width["known"]
    assert width["nothing"] > 2 * width["known"]
    assert "likes_low" not in Forecaster(told, p, "plain")(read(told, p, drafts))


def test_a_table_that_does_not_say_whose_drafts_are_has_intervals_of_new_users(told):
    p = params.load(told.params)
    table = pd.read_csv(told.root / "raw/posts.csv").head(3)
    table.drop(columns="user_id").to_csv(told.root / "unsaid.csv", index=False)
    table.assign(user_id="nobody").to_csv(told.root / "nobody.csv", index=False)
    forecaster = Forecaster(told, p, "lightgbm")
    unsaid, nobody = (forecaster(read(told, p, told.root / f"{name}.csv")) for name in ("unsaid", "nobody"))
    pd.testing.assert_frame_equal(unsaid, nobody)


def test_intervals_of_drafts_are_those_of_training_over_seeds(told):
    p = params.load(told.params)
    frame = Forecaster(told, p, "lightgbm")(read(told, p, told.root / "raw/posts.csv")).set_index("post_id")
    known = predictions(told, "lightgbm").groupby("post_id")[["prediction", *ENDS]].mean()
    own = frame.loc[known.index, ["likes_log2p1", "likes_log2p1_low", "likes_log2p1_high"]]
    np.testing.assert_allclose(own, known, rtol=1e-5)
