"""Folds of training posts: blocks of time that learn from before them alone, and users that stay together."""

import itertools

import numpy as np
import pandas as pd
import pytest

from models.parts.folds import fold_rows, folds
from pipeline.storage.examples import Examples


def posts(days, prefix="p", users=None):
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    ids = [f"{prefix}{i}" for i in range(len(days))]
    return Examples(
        pd.DataFrame({"post_id": ids, "posted_at": times, "user_id": users or ids}), y=np.arange(len(days)) * 1.0
    )


def days(examples):
    return (examples.posts["posted_at"] - pd.Timestamp("2024-01-01", tz="UTC")).dt.days.tolist()


VALIDATION = posts([20, 21], "v")


def in_time(train, count, validation=VALIDATION):
    found = folds(train, validation, by="posted_at", count=count, seed=0)
    return [(days(fold.train), days(fold.validation), days(fold.posts)) for fold in found]


@pytest.mark.parametrize(("n", "parts"), [(10, 3), (3, 5), (300, 5)])
def test_random_rows_hold_every_row_once(n, parts):
    found = fold_rows(n, parts, 0)
    assert len(found) == min(n, parts)
    assert sorted(np.concatenate(found)) == list(range(n))
    assert np.ptp([len(part) for part in found]) <= 1


def test_blocks_of_time_by_hand():
    """Nine posts in any order, a validation part of two: the last block learns from five and watches two."""
    train = posts([8, 0, 7, 1, 6, 2, 5, 3, 4])
    assert in_time(train, 2) == [([0, 1, 2, 3, 4], [6, 5], [8, 7])]
    assert in_time(train, 3) == [([0, 1, 2], [3, 4], [6, 5]), ([0, 1, 2, 3, 4], [6, 5], [8, 7])]


def test_posts_of_one_instant_stay_in_one_block():
    assert in_time(posts([0, 1, 2, 3, 3, 3, 4]), 2) == [([0], [1, 2], [3, 3, 3, 4])]


@pytest.mark.parametrize("count", [2, 4, 20])
def test_a_block_learns_from_nothing_later_and_each_is_predicted_once(count):
    rng = np.random.default_rng(0)
    train, validation = posts(rng.integers(0, 60, 200)), posts(rng.integers(60, 70, 15), "v")
    found = in_time(train, count, validation)
    assert 0 < len(found) <= count - 1
    for learned, watched, asked in found:
        assert max(learned) < min(watched) <= max(watched) < min(asked)
        assert 15 <= len(asked) <= 25
    blocks = [asked for *_, asked in found]
    assert all(max(one) < min(next_one) for one, next_one in itertools.pairwise(blocks))
    assert max(blocks[-1]) == max(days(train))


def test_where_nothing_lies_before_there_is_no_block():
    assert in_time(posts([0, 1, 2, 3]), 5) == []
    assert in_time(posts([3] * 9), 3) == []


@pytest.mark.parametrize("by", ["user_id", None])
def test_others_are_dealt_once_each_and_users_stay_together(by):
    train = posts(np.arange(60), users=[f"u{i % 11}" for i in range(60)])
    found = folds(train, VALIDATION, by=by, count=4, seed=0)
    assert sorted(post for fold in found for post in fold.posts.posts["post_id"]) == sorted(train.posts["post_id"])
    for fold in found:
        assert fold.validation is VALIDATION
        assert len(fold.train) + len(fold.posts) == 60
        apart = {*fold.train.posts["user_id"]}.isdisjoint(fold.posts.posts["user_id"])
        assert apart == (by is not None)
    assert len(found) == 3


@pytest.mark.parametrize("by", ["posted_at", "user_id", None])
@pytest.mark.parametrize(
    ("count", "validation"), [(0, VALIDATION), (1, VALIDATION), (3, VALIDATION.take(np.arange(0)))]
)
def test_the_validation_part_alone_is_no_fold_and_without_one_there_is_none(by, count, validation):
    assert folds(posts(np.arange(30)), validation, by=by, count=count, seed=0) == []
