"""Moving averages against plain NumPy, with gaps, and as far as a post can know."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.parts.averages import MovingAverage, averaged
from pipeline.storage.examples import Examples, FeatureValues
from tests.oracles.rivals import moving_average

N, D = 40, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)).astype(np.float32)
USERS = RNG.integers(0, 6, N)
MINUTES = np.sort(RNG.integers(0, 30, N))  # some at once


def examples(x=X, names=None):
    """Posts in order of time, each with its numbers under `x`."""
    posts = pd.DataFrame(
        {
            "post_id": [f"p{i:02d}" for i in range(N)],
            "user_id": [f"u{u}" for u in USERS],
            "posted_at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(MINUTES, unit="min"),
        }
    )
    features = {"x": FeatureValues(x, names)}
    return Examples(posts, features, past=Examples(posts, features))


def means(length, x=X, **options):
    [values] = averaged(examples(x), ["x"], length, **options).values()
    return values.values


@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("fill", ["present", "zero"])
def test_equals_plain_numpy(length, fill):
    expected = moving_average(X, USERS, MINUTES, window=length, fill=fill)
    np.testing.assert_allclose(means(length, fill=fill), expected, rtol=1e-5)


@pytest.mark.parametrize("length", [3, 5])
@pytest.mark.parametrize("fill", ["present", "zero"])
def test_a_window_is_full_by_the_posts_so_far(length, fill):
    """As released, were each post its user's last."""
    options, last = {"window": length, "fill": fill, "least": length}, []
    for i, now in enumerate(MINUTES):
        rows = np.append(np.flatnonzero(now > MINUTES), i)
        last.append(moving_average(X[rows], USERS[rows], MINUTES[rows], **options)[-1])
    said = means(length, fill=fill, partial=False)
    np.testing.assert_allclose(said, last, rtol=1e-5)
    assert 0 < (said != X).any(axis=1).sum() < N


def test_what_a_post_lacks_counts_as_nothing_or_as_zero():
    gaps = X.copy()
    gaps[RNG.random(N) < 0.4, 0] = np.nan
    there, zeros = np.isfinite(gaps), np.nan_to_num(gaps)
    sums, counts = (moving_average(x, USERS, MINUTES, window=3, fill="zero") for x in (zeros, there.astype(float)))
    with np.errstate(invalid="ignore"):
        expected = sums / counts
    assert np.isnan(expected).any()
    np.testing.assert_allclose(means(3, gaps), expected, rtol=1e-5)
    np.testing.assert_allclose(means(3, gaps, fill="zero"), sums, rtol=1e-5)
    first = examples().earlier("user_id").counts() < 2
    np.testing.assert_array_equal(means(3, gaps, partial=False)[first], gaps[first])


def test_shapes_and_types_of_stored_numbers():
    """Halves are summed as they are worth, whole numbers too; whatever their shape, some rows as all of them."""
    halves = np.full((N, 2, 2), 60_000, np.float16)
    assert means(5, halves).dtype == np.float32
    np.testing.assert_array_equal(means(5, halves), halves.astype(np.float32))
    whole = averaged(examples((X * 9).astype(np.int32)), ["x"], 3)["x, mean of 3"].values
    np.testing.assert_allclose(whole, moving_average((X * 9).astype(np.int32), USERS, MINUTES, window=3), rtol=1e-5)
    posts = examples()
    lazy = MovingAverage(posts.features["x"], posts.past.features["x"], posts.earlier("user_id"), 3)
    np.testing.assert_array_equal(lazy[np.array([5, 2])], means(3)[[5, 2]])
    assert len(lazy) == N
    others = [replace(lazy, **change) for change in ({"length": 2}, {"fill": "zero"}, {"partial": False})]
    assert len({average.digest() for average in (lazy, *others)}) == 4


def test_names_say_what_they_are():
    [(name, values)] = averaged(examples(names=["a", "b", "c"]), ["x"], 3).items()
    assert name == "x, mean of 3"
    assert values.names == ["a, mean of 3", "b, mean of 3", "c, mean of 3"]
    assert averaged(examples(), ["x"], 3)[name].names[0] == "x[0], mean of 3"
    assert averaged(examples(X[:, :0], []), ["x"], 3)[name].names == []
