"""Labels of earlier posts: the numbers by hand, what is hidden, and that nothing leaks."""

import json

import numpy as np
import pandas as pd
import pytest

from features.history import History
from features.parts import past as looking
from features.parts.labels import OF_GROUP
from pipeline.base.errors import UserError
from tests.features.past import by_users, chronological, drawn, seen

POSTS, Y = drawn(70)
PART = chronological(POSTS)
DAY = pd.Timedelta(days=1)


def values(feature, posts=POSTS):
    return pd.DataFrame(feature.extract(posts), columns=feature.names, index=posts["post_id"].to_numpy())


def told(part=PART, y=Y, posts=POSTS, **arguments):
    return values(seen(History(**arguments), posts, y, part), posts)


def by_hand(earlier, level):
    """What is known of one group whose earlier posts have these labels and days, oldest first."""
    y, days = (np.array(column, float) for column in zip(*earlier, strict=True)) if earlier else (np.array([]),) * 2
    n = len(y)
    ranks = np.arange(n)[::-1]
    return {
        "known": n,
        "mean": y.mean() if n else np.nan,
        "mean_with_2": (y.sum() + 2 * level) / (n + 2),
        "mean_with_8": (y.sum() + 8 * level) / (n + 8),
        "last": y[-1] if n else np.nan,
        "last_but_one": y[-2] if n > 1 else np.nan,
        "mean_of_3": y[-3:].mean() if n else np.nan,
        "median": np.median(y) if n else np.nan,
        "smallest": y.min() if n else np.nan,
        "largest": y.max() if n else np.nan,
        **{f"mean_by_{r}_posts": np.average(y, weights=0.5 ** (ranks / r)) if n else np.nan for r in (3, 10)},
        **{f"mean_by_{d}_days": np.average(y, weights=0.5 ** (-days / d)) if n else np.nan for d in (30, 365)},
        "deviation": y.std() if n > 1 else np.nan,
    }


@pytest.mark.parametrize("group", ["user_id", "category"])
def test_numbers_of_a_group_are_those_by_hand(group):
    found = told(matched=False).filter(regex=f"^{group.removesuffix('_id')}_")
    level = told(matched=False)["everybody_likes_log2p1_mean"]
    found.columns = [name.partition("log2p1_")[2] for name in found]
    assert list(found.columns) == list(OF_GROUP)
    frame = POSTS.assign(y=Y)[PART == "train"].sort_values(["posted_at", "y"])
    for row in range(len(POSTS)):
        post = POSTS.iloc[row]
        before = frame[(frame[group] == post[group]) & (frame["posted_at"] < post["posted_at"])]
        days = (before["posted_at"] - POSTS["posted_at"].min()) / DAY
        expected = by_hand(list(zip(before["y"], days, strict=True)), level.iloc[row])
        expected["days_since"] = (post["posted_at"] - before["posted_at"].max()) / DAY
        np.testing.assert_allclose(found.iloc[row], [expected[what] for what in OF_GROUP], rtol=1e-4, atol=1e-5)


def test_everybody_is_all_earlier_training_posts():
    found = told(matched=False)
    for row in range(0, len(POSTS), 7):
        before = Y[(PART == "train") & (POSTS["posted_at"] < POSTS["posted_at"].iloc[row]).to_numpy()]
        assert found["everybody_likes_log2p1_known"].iloc[row] == len(before)
        mean = before.mean() if len(before) else np.nan
        assert found["everybody_likes_log2p1_mean"].iloc[row] == pytest.approx(mean, rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("matched", [True, False])
@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("split", [chronological, by_users])
def test_labels_that_may_not_be_known_change_nothing(matched, validation, split):
    """Those of the test part, those of a later post, those of the same instant, and the post's own."""
    options, part = {"matched": matched, "validation": validation}, split(POSTS)
    before = told(part, **options)
    hidden = np.isin(part, ["test", "unused"] if validation else ["test", "validation", "unused"])
    permuted = np.where(hidden, np.random.default_rng(0).permutation(Y), Y)
    pd.testing.assert_frame_equal(told(part, permuted, **options), before)
    for row in range(0, len(POSTS), 17):
        now = POSTS["posted_at"].iloc[row]
        other = np.where((POSTS["posted_at"] >= now) | (POSTS.index == row), -99.0, Y)
        pd.testing.assert_series_equal(told(part, other, **options).iloc[row], before.iloc[row])


def test_labels_that_may_be_known_change_something():
    """Or the tests above would see nothing, whatever leaked."""
    other = np.where(PART == "train", -99.0, Y)
    assert (told(y=other)["everybody_likes_log2p1_mean"] < 0).sum() > len(POSTS) / 2
    now = POSTS["posted_at"].median()
    later = np.where(POSTS["posted_at"] >= now, -99.0, Y)
    assert (told(y=later)["user_likes_log2p1_mean"] < told()["user_likes_log2p1_mean"] - 1).any()
    of_validation = np.where(PART == "validation", -99.0, Y)
    assert (told(y=of_validation, validation=True)["everybody_likes_log2p1_mean"] < 0).any()


def test_training_posts_lack_as_many_days_as_test_posts():
    days = (POSTS["posted_at"] - POSTS["posted_at"].min()) / DAY
    last = days[PART == "train"].max()
    lacking = set((days[PART == "test"] - last).round(6))
    train = PART == "train"
    newest = [days[train & (days < day)].max() for day in days]
    found = told()
    known = found["everybody_likes_log2p1_known"].to_numpy()
    assert (known[train] <= [(train & (days < day)).sum() for day in days[train]]).all()
    shown = {
        (row, gap): (train & (days <= days[row] - gap + 1e-9)).sum() for row in np.flatnonzero(train) for gap in lacking
    }
    hidden = {gap for (row, gap), n in shown.items() if known[row] == n}
    assert len(hidden) > len(lacking) / 2, "all there is to lack is drawn"
    np.testing.assert_array_equal(known[PART == "test"], train.sum())
    assert known[train].mean() < told(matched=False)["everybody_likes_log2p1_known"][train].mean() - 5
    assert np.nanmax(np.array(newest, float)) == last


def test_users_of_the_test_part_unseen_in_training_hide_those_of_training():
    part = by_users(POSTS)
    found, level = told(part), "everybody_likes_log2p1_mean"
    assert not [name for name in found if name.startswith("user_")]
    own = POSTS["user_id"].to_numpy(dtype=object)
    for user in ("u0", "u1"):
        without = told(part, np.where(own == user, -99.0, Y))
        rows = (own == user) & (part == "train")
        pd.testing.assert_frame_equal(without[rows], found[rows])
        assert (without[level] < found[level])[part == "test"].any()
    assert "user_likes_log2p1_mean" in told(part, matched=False)


def test_the_same_whatever_the_order_and_piece_by_piece():
    feature = seen(History(), POSTS, Y, PART)
    order = np.random.default_rng(1).permutation(len(POSTS))
    turned = POSTS.iloc[order].reset_index(drop=True)
    other = seen(History(), turned, Y[order], PART[order])
    np.testing.assert_array_equal(other.extract(turned), feature.extract(POSTS)[order])
    np.testing.assert_array_equal(feature.extract(POSTS.iloc[5:9].reset_index(drop=True)), feature.extract(POSTS)[5:9])


def test_drafts_have_no_label_of_their_own_and_see_all_that_is_before_them():
    """A draft may be called like a training post; without a time it comes last, without a user it is a new one's."""
    own, drafts = seen(History(), POSTS, Y, PART), seen(History(), POSTS, Y, PART, own=False)
    asked = PART == "test"
    np.testing.assert_array_equal(drafts.extract(POSTS)[asked], own.extract(POSTS)[asked])
    assert not np.array_equal(drafts.extract(POSTS)[~asked], own.extract(POSTS)[~asked], equal_nan=True)
    one = POSTS[PART == "test"].head(1).reset_index(drop=True)
    timeless = values(drafts, one.assign(posted_at=pd.NaT)).iloc[0]
    known = timeless["everybody_likes_log2p1_known"]
    assert known == (PART == "train").sum()
    stranger = values(drafts, one[["post_id"]]).iloc[0]
    assert stranger["user_likes_log2p1_known"] == 0
    assert stranger["user_likes_log2p1_mean_with_2"] == stranger["everybody_likes_log2p1_mean"]


def test_the_posts_before_must_be_those_of_training():
    feature = seen(History(), POSTS, Y, PART)
    restored = History()
    restored.restore(json.loads(json.dumps(feature.state())))
    with pytest.raises(
        UserError, match=r"features\.history: the posts before, or their labels, changed since training"
    ):
        restored.see(looking.Past(POSTS, PART, np.where(PART == "train", Y + 1, np.nan)), feature.label)


def test_what_cannot_be():
    with pytest.raises(UserError, match=r"by: \['user_id', 'user_id'\] must name columns, each once"):
        History(by=["user_id", "user_id"])
    with pytest.raises(UserError, match=r"features\.history\.target: 'faves' is none of dataset\.targets: likes"):
        History(target="faves").choose_label({"likes": "log2p1"})
    assert History(target="views").choose_label({"likes": "log2p1", "views": "max"})["transform"] == "max"
    assert History().missing(["user_id"]) == ["posted_at"]
