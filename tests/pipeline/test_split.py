import numpy as np
import pandas as pd
import pytest

from pipeline import split
from pipeline.base.errors import UserError
from pipeline.split import assign
from pipeline.storage import store

METHODS = ["random", "chronological", "chronological_shuffled", "users"]
RATIOS = [0.6, 0.2, 0.2]


def parts_of(posts, method, ratios=RATIOS, seed=0):
    return assign(posts, seed=seed, method=method, ratios=ratios).set_index("post_id")["part"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ratios", [RATIOS, [0.8, 0, 0.2], [0.34, 0.33, 0.33]])
def test_every_post_has_one_part_and_shares_are_near(make_posts, method, ratios):
    posts = make_posts(300, users=60)
    parts = assign(posts, seed=0, method=method, ratios=ratios)
    assert parts["post_id"].tolist() == posts["post_id"].tolist()
    for part, ratio in zip(split.PARTS, ratios, strict=True):
        assert (parts["part"] == part).mean() == pytest.approx(ratio, abs=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_rows_changes_nothing(make_posts, method):
    posts = make_posts(100, users=20)
    shuffled = posts.sample(frac=1, random_state=1)
    pd.testing.assert_series_equal(parts_of(posts, method), parts_of(shuffled, method)[posts["post_id"]])


@pytest.mark.parametrize("method", METHODS)
def test_a_week_later_or_other_names_of_users_that_sort_alike_change_nothing(make_posts, method):
    posts = make_posts(100, users=20)
    later = posts.assign(posted_at=posts["posted_at"] + pd.Timedelta(days=7), title="x")
    pd.testing.assert_series_equal(parts_of(posts, method), parts_of(later, method))


@pytest.mark.parametrize(
    ("method", "changes"), [("chronological", False), *((m, True) for m in METHODS if m != "chronological")]
)
def test_the_seed_decides_where_chance_does(make_posts, method, changes):
    posts = make_posts(100, users=20)
    assert (not parts_of(posts, method, seed=0).equals(parts_of(posts, method, seed=1))) == changes


def test_chronological_parts_follow_each_other(make_posts):
    posts = make_posts(100).sample(frac=1, random_state=0)
    times = posts["posted_at"].groupby(parts_of(posts, "chronological").to_numpy())
    assert times.max()["train"] < times.min()["validation"]
    assert times.max()["validation"] < times.min()["test"]


def test_shuffled_newest_posts_are_dealt_to_validation_and_test(make_posts):
    posts = make_posts(200)
    times = posts["posted_at"].groupby(parts_of(posts, "chronological_shuffled").to_numpy())
    assert times.max()["train"] < min(times.min()["validation"], times.min()["test"])
    assert times.min()["test"] < times.max()["validation"]


@pytest.mark.parametrize("method", ["chronological", "chronological_shuffled"])
@pytest.mark.parametrize("seed", range(5))
def test_posts_of_one_instant_stay_on_one_side(make_posts, method, seed):
    posts = make_posts(120)
    days = np.sort(np.random.default_rng(seed).integers(0, 8, 120))
    posts["posted_at"] = pd.Timestamp("2021-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    sides = parts_of(posts, method).to_numpy()
    if method == "chronological_shuffled":
        sides = np.where(sides == "train", "train", "later")
    assert pd.Series(sides).groupby(days).nunique().max() == 1


def test_users_of_validation_and_test_are_unseen(make_posts):
    posts = make_posts(200, users=25)
    assert parts_of(posts, "users").groupby(posts["user_id"].to_numpy()).nunique().max() == 1


@pytest.mark.parametrize(("method", "column"), [("chronological", "posted_at"), ("users", "user_id")])
def test_posts_that_lack_what_decides_belong_to_no_part(make_posts, method, column):
    posts = make_posts(100, users=20)
    posts.loc[10:14, column] = pd.NaT if column == "posted_at" else None
    parts = assign(posts, seed=0, method=method, ratios=RATIOS)["part"]
    assert parts[10:15].tolist() == ["unused"] * 5
    assert (parts == "unused").sum() == 5


@pytest.mark.parametrize(
    "ratios", [[0.5, 0.5], [0.7, 0.2, 0.2], [1, 0, 0], [0, 0.5, 0.5], [1.2, -0.4, 0.2], [0.5, 0.5, float("nan")], []]
)
def test_shares_that_are_none_are_named(make_posts, ratios):
    with pytest.raises(UserError, match=r"split\.ratios"):
        assign(make_posts(20), seed=0, method="random", ratios=ratios)


@pytest.mark.parametrize(
    ("method", "posts", "message"),
    [
        ("users", {"user_id": "u"}, "1 users cannot be split into train, validation, test"),
        ("chronological", {"posted_at": pd.Timestamp("2021-01-01", tz="UTC")}, "1 distinct times cannot"),
        ("chronological", {"posted_at": pd.NaT}, "0 distinct times cannot"),
        ("chronological_shuffled", {"posted_at": pd.Timestamp("2021-01-01", tz="UTC")}, "1 distinct times cannot"),
    ],
)
def test_too_little_to_split_is_one_clear_line(make_posts, method, posts, message):
    with pytest.raises(UserError, match=message):
        assign(make_posts(20).assign(**posts), seed=0, method=method, ratios=RATIOS)


def test_two_posts_are_too_few_for_three_parts(make_posts):
    with pytest.raises(UserError, match="2 posts cannot be split"):
        assign(make_posts(2), seed=0, method="random", ratios=RATIOS)


def test_no_part_is_empty_however_small_its_share(make_posts):
    assert parts_of(make_posts(10), "random", [0.98, 0.01, 0.01]).value_counts().to_dict() == {
        "train": 8,
        "validation": 1,
        "test": 1,
    }


def test_the_stage_writes_the_parts_and_counts_the_unused(make_posts, project, caplog):
    posts = make_posts(50)
    posts.loc[:3, "posted_at"] = pd.NaT
    paths = project(split={"method": "chronological"})
    store.write_frame(paths.posts, posts)
    split.main(paths)
    splits = store.read_frame(paths.splits)
    assert splits["post_id"].tolist() == posts["post_id"].tolist()
    assert (splits["part"] == "unused").sum() == 4
    assert "4 posts have no posted_at" in caplog.text


def test_the_stage_names_the_column_it_lacks(make_posts, project):
    paths = project(split={"method": "users"})
    store.write_frame(paths.posts, make_posts(20).drop(columns="user_id"))
    with pytest.raises(UserError, match="users needs column 'user_id'"):
        split.main(paths)
    assert not paths.splits.exists()
