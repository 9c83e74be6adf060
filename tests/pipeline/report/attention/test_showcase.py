"""Which posts are shown: by rule, the same ones whatever the order of rows."""

import numpy as np
import pandas as pd
import pytest

from pipeline.report.attention import showcase


def posts(errors, users=None):
    post_id = [f"p{i}" for i in range(len(errors))]
    y = np.arange(len(errors), dtype=float)
    frame = pd.DataFrame({"post_id": post_id, "y": y, "prediction": y + np.asarray(errors, dtype=float)})
    return frame if users is None else frame.assign(user_id=list(users))


def test_the_ordinary_post_has_the_median_error():
    assert showcase.ordinary(posts([5, -1, 3, 0, -9])) == ["p2"]
    assert showcase.ordinary(posts([4, 1, 3, 2])) == ["p3"]


def test_cases_are_the_smallest_errors_and_the_largest_worst_first():
    assert showcase.cases(posts([5, -1, 3, 0, -9, 4])) == (["p3", "p1"], ["p4", "p0"])


@pytest.mark.parametrize(
    ("n", "good", "bad"),
    [(0, [], []), (1, ["p0"], []), (2, ["p0"], ["p1"]), (3, ["p0", "p1"], ["p2"]), (4, ["p0", "p1"], ["p3", "p2"])],
)
def test_few_posts_are_no_case_twice(n, good, bad):
    assert showcase.cases(posts(np.arange(n))) == (good, bad)
    assert len(showcase.ordinary(posts(np.arange(n)))) == min(n, 1)


def test_disputed_are_the_posts_the_systems_differ_on_most():
    found = posts(np.zeros(4))
    of_systems = {"a": pd.Series(0.0, index=found["post_id"]), "b": pd.Series([1, -3, 2, 0], index=found["post_id"])}
    elsewhere = {name: pd.concat([s, pd.Series({"other": 1e9 * len(name)})]) for name, s in of_systems.items()}
    assert showcase.disputed(found, elsewhere) == ["p1", "p2"]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_posts_or_one_system_have_a_dispute_of_their_size(n):
    found = posts(np.arange(n))
    predictions = {"only": found.set_index("post_id")["prediction"]}
    assert showcase.disputed(found, predictions) == [f"p{i}" for i in range(n)]


def test_users_are_those_with_most_posts_and_their_posts_spread():
    found = posts(np.zeros(14), users="aabbbbbbbcccdd")
    assert showcase.of_users(found) == {"b": ["p2", "p4", "p6", "p8"], "c": ["p9", "p10", "p11"]}


@pytest.mark.parametrize(
    "users", ["", "a", "ab", "aab", "aaaa", "abcd", [None, None, "a", "a"], None], ids=lambda u: f"{u}"
)
def test_without_two_users_of_two_posts_nobody_is_shown(users):
    assert showcase.of_users(posts(np.zeros(len(users or "")), users=users)) == {}


def test_two_posts_each_are_enough():
    assert showcase.of_users(posts(np.zeros(4), users="abab")) == {"a": ["p0", "p2"], "b": ["p1", "p3"]}


def test_ties_and_the_order_of_rows_change_nothing():
    tied = posts(np.zeros(9), users="abcabcabc")
    predictions = {name: pd.Series(x, index=tied["post_id"]) for name, x in (("one", 0.0), ("other", 1.0))}
    mixed = tied.sample(frac=1, random_state=1)
    assert showcase.ordinary(mixed) == showcase.ordinary(tied) == ["p4"]
    assert showcase.cases(mixed) == showcase.cases(tied) == (["p0", "p1"], ["p8", "p7"])
    assert showcase.disputed(mixed, predictions) == showcase.disputed(tied, predictions) == ["p0", "p1"]
    assert list(showcase.of_users(mixed)) == list(showcase.of_users(tied)) == ["a", "b"]
