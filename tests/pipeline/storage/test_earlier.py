"""Which posts were before which, against a loop over all of them."""

import numpy as np
import pandas as pd
import pytest

from pipeline.storage.earlier import in_order
from pipeline.storage.examples import Examples


def draw(n, seed):
    """Posts of few users at few instants, some without a time or a user."""
    rng = np.random.default_rng(seed)
    times = pd.Series(pd.to_datetime("2024-01-01", utc=True) + pd.to_timedelta(rng.integers(0, 15, n), unit="h"))
    users = pd.Series(rng.choice(["a", "b", "c"], n), dtype="str")
    return pd.DataFrame(
        {
            "post_id": [f"p{i}" for i in rng.permutation(n)],
            "user_id": users.where(rng.random(n) > 0.1),
            "posted_at": times.where(rng.random(n) > 0.1),
        }
    )


def loop(posts, past, length, by):
    """As the contract says it, a post at a time."""
    rows = np.full((len(posts), length), -1)
    for i, post in posts.iterrows():
        found = [
            j
            for j, other in past.iterrows()
            if other["posted_at"] < post["posted_at"] and (by is None or other[by] == post[by])
        ][-length:]
        if found and length:
            rows[i, length - len(found) :] = found
    return rows


@pytest.mark.parametrize("by", [None, "user_id"])
@pytest.mark.parametrize("length", [0, 1, 3, 50])
@pytest.mark.parametrize("seed", range(4))
def test_equals_a_loop(length, by, seed):
    posts = draw(40, seed)
    past = posts.iloc[in_order(posts)].reset_index(drop=True)
    for asked in (posts, draw(7, 99)):
        np.testing.assert_array_equal(
            Examples(asked, past=Examples(past)).before(length, by), loop(asked, past, length, by)
        )


@pytest.mark.parametrize("by", [None, "user_id"])
def test_a_window_never_holds_its_own_post_nor_one_of_its_instant(by):
    posts = draw(60, 5)
    past = posts.iloc[in_order(posts)].reset_index(drop=True)
    rows = Examples(posts, past=Examples(past)).before(60, by)
    assert (rows >= 0).any()
    for i, window in enumerate(rows):
        times = past["posted_at"].iloc[window[window >= 0]]
        assert (times < posts["posted_at"].iloc[i]).all()
        assert times.is_monotonic_increasing


def test_order_is_of_time_and_then_of_names_wherever_posts_stand():
    posts = draw(40, 6)
    shuffled = posts.sample(frac=1, random_state=1).reset_index(drop=True)
    one, other = (p["post_id"].iloc[in_order(p)].tolist() for p in (posts, shuffled))
    assert one == other
    assert set(one) == set(posts.loc[posts["posted_at"].notna(), "post_id"])


def test_of_nothing_is_nothing():
    posts = draw(5, 7)
    assert (Examples(posts, past=Examples(posts.iloc[:0])).before(3) == -1).all()
    assert Examples(posts.iloc[:0], past=Examples(posts)).before(3).shape == (0, 3)


def test_without_a_past_it_says_what_is_missing():
    with pytest.raises(ValueError, match="looks_back"):
        Examples(draw(3, 0)).before(2)
