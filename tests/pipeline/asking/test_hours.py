"""When to post, on posts whose best hour is planted; each row is what `predict` says of a draft posted then."""

import numpy as np
import pandas as pd
import pytest

from features.bow import Bow
from features.user_time import UserTime
from pipeline import predict
from pipeline.asking import hours
from pipeline.asking.drafts import read
from pipeline.asking.forecaster import Forecaster
from pipeline.asking.hours import Doubt
from pipeline.base import params
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

BEST, NEVER = 18, 3
NOW = pd.Timestamp("2022-03-01 10:20", tz="UTC")
SYSTEMS = {
    "trees": {
        "model": "xgboost",
        "features": ["user_time", "bow"],
        "intervals": {"level": 0.9, "by": "user_id"},
        "seeds": 2,
    },
    "online": {"model": "svr", "features": ["context"]},
    "user_mean": {},
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Posts at any hour but one; those of one hour have eight times the likes, and noise is small."""
    root, posts = tmp_path_factory.mktemp("hours"), build_posts(500)
    hour = posts["posted_at"].dt.hour
    noise = np.random.default_rng(0).normal(0, 0.2, 500)
    posts["likes"] = np.round(2 ** (6 + 3 * (hour == BEST) + noise))
    posts = posts[hour != NEVER]
    write_posts_folder(root / "raw", posts=posts, images=False)
    trees = {"n_estimators": 60, "max_depth": 4, "learning_rate": 0.1, "threads": 1}
    systems = {**SYSTEMS, "trees": {**SYSTEMS["trees"], "trees": trees}}
    features = {"user_time": {}, "bow": {"minimum_count": 5}, "context": {}}
    paths = write_params(root, features=features, systems=systems)
    run_stages(paths, results=False)
    return paths


def drafts_of(paths, **changes):
    table = pd.read_csv(paths.root / "raw/posts.csv").drop(columns=["likes", "collected_at"]).head(3).assign(**changes)
    path = paths.root / "raw/drafts.csv"
    table.to_csv(path, index=False)
    return path, table


def when(paths, system, path, **options):
    return predict.when(paths, params.load(paths.params), system, path, now=NOW, **options)


def test_the_planted_hour_is_the_best_and_others_are_told_from_it(paths):
    path, table = drafts_of(paths, posted_at=["2021-06-01T09:30:00Z", None, None])
    told = when(paths, "trees", path)
    assert list(told.columns) == [
        *("post_id", "posted_at"),
        *(f"{name}{end}" for name in ("likes_log2p1", "likes") for end in ("", "_low", "_high")),
        *("likes_difference", "likes_difference_low", "likes_difference_high", "likes_as_good"),
    ]
    assert told["post_id"].tolist() == table["post_id"].repeat(168).tolist()
    first = told["posted_at"].iloc[[0, 167, 168]].dt.strftime("%d %H:%M").tolist()
    assert first == ["01 10:00", "08 09:00", "01 11:00"]
    for _, own in told.groupby("post_id"):
        best = own.loc[own["likes_log2p1"].idxmax()]
        assert best["posted_at"].hour == BEST
        assert (best["likes_difference"], best["likes_as_good"]) == (0, True)
        assert (own["likes_difference"] <= 0).all()
        expected = own["likes_log2p1"] - own["likes_log2p1"].max()
        np.testing.assert_allclose(own["likes_difference"], expected, atol=1e-12)
        hour = own["posted_at"].dt.hour
        assert own["likes_as_good"][hour == BEST].mean() > 0.7
        assert own["likes_as_good"][hour == NEVER].all()
        assert not own["likes_as_good"][~hour.isin([BEST, NEVER])].any()
        assert np.isinf(own["likes_difference_high"][hour == NEVER]).all()


def test_each_row_is_what_predict_says_of_a_draft_posted_then(paths):
    path, _ = drafts_of(paths, posted_at=None)
    for system in ("trees", "online"):
        told = when(paths, system, path, days=3)
        some = told.iloc[[0, 40, 200, 400]]
        _, table = drafts_of(paths)
        table = table.iloc[[0, 0, 1, 2]].assign(posted_at=some["posted_at"].astype("str").to_numpy())
        table.to_csv(path.with_name("then.csv"), index=False)
        then = predict.predict(paths, params.load(paths.params), system, path.with_name("then.csv"), days=3)
        columns = [column for column in then if column.startswith("likes")]
        np.testing.assert_allclose(some[columns], then[columns], rtol=1e-6)


def test_what_reads_no_time_is_made_once(paths, monkeypatch):
    asked = {"bow": [], "user_time": []}
    for name, cls in (("bow", Bow), ("user_time", UserTime)):

        def counted(self, posts, extract=cls.extract, rows=asked[name]):
            rows.append(len(posts))
            return extract(self, posts)

        monkeypatch.setattr(cls, "extract", counted)
    monkeypatch.setattr(hours, "AT_ONCE", 2)
    path, _ = drafts_of(paths)
    assert len(when(paths, "trees", path)) == 3 * 168
    assert asked == {"bow": [3], "user_time": [3, 336, 168]}


def test_drafts_that_have_their_features_keep_those_that_read_no_time(paths, monkeypatch):
    path, _ = drafts_of(paths, posted_at=["2021-06-01T09:30:00Z", None, None])
    p = params.load(paths.params)
    forecaster = Forecaster(paths, p, "trees")
    asked = forecaster.ask(read(paths, p, path))
    monkeypatch.setattr(Bow, "extract", None)
    told = hours.ask(paths, forecaster, asked.drafts, now=NOW, asked=asked)
    monkeypatch.undo()
    pd.testing.assert_frame_equal(told, when(paths, "trees", path))


def test_a_system_that_knows_no_time_finds_all_hours_alike(paths):
    path, _ = drafts_of(paths)
    told = when(paths, "user_mean", path)
    assert (told["likes_difference"] == 0).all()
    assert told["likes_as_good"].all()


def test_the_command_writes_a_table(paths):
    path, _ = drafts_of(paths)
    predict.main(paths, ["--system", "user_mean", "--posts", str(path), "--hours"])
    assert len(pd.read_csv(path.with_name("drafts.hours.csv"))) == 3 * 168


def test_doubt_is_that_of_two_factors():
    """Hours of 4 and 25 posts, weekdays of 16 and 100; nothing is in doubt of a moment beside itself."""
    counts = np.array([4, 25, *[1] * 22]), np.array([16, 100, *[1] * 5])
    doubt = Doubt(2.0, *counts, 0.95)
    start = pd.Timestamp("2024-01-01", tz="UTC")  # a Monday
    times = pd.Series(start + pd.to_timedelta(np.arange(168), unit="h"))
    told = doubt.columns(np.where(np.arange(168) == 1, 5.0, 3.0), times)
    reach = 1.959964 * 2 * np.sqrt([1 / 4 + 1 / 25, 0, 1 / 16 + 1 / 100, 1 / 4 + 1 / 25 + 1 / 16 + 1 / 100])
    rows = [0, 1, 25, 24]
    np.testing.assert_allclose((told["difference_high"] - told["difference"])[rows], reach, rtol=1e-6)
    np.testing.assert_array_equal(told["difference"][rows], [-2, 0, -2, -2])
    np.testing.assert_array_equal(told["as_good"][rows], [reach[0] >= 2, True, False, reach[3] >= 2])
