"""Data that teaches nothing ends no run: every system predicts finite numbers, and stores them."""

from dataclasses import replace

import numpy as np
import pytest

from models.base import System, discover
from pipeline.storage.examples import Examples, FeatureValues
from tests.models.small import make, make_examples, with_features, with_posts

POSTS = make_examples(60)


def constant(name: str, values: np.ndarray) -> np.ndarray:
    return np.full_like(values, 2)


def missing(name: str, values: np.ndarray) -> np.ndarray:
    return np.full_like(values, np.nan if values.dtype.kind == "f" else 0)


def without_columns(posts: Examples) -> Examples:
    """As a feature of categories that no training post has."""
    empty = {name: FeatureValues(posts.features[name].values[:, :0], []) for name in ("tabular", "stats")}
    past = None if posts.past is None else without_columns(posts.past)
    return replace(posts, features={**posts.features, **empty}, past=past)


KINDS = {
    "constant": with_posts(with_features(POSTS, constant), user_id="one", category="one"),
    "missing": with_features(POSTS, missing),
    "without columns": without_columns(POSTS),
}


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "validation"), [(40, 10), (40, 0), (1, 0), (2, 1)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", discover(System))
def test_what_teaches_nothing_ends_no_run(name, kind, rows, validation, tmp_path):
    posts = KINDS[kind]
    system, test = make(name), posts.take(np.arange(50, 60))
    system.fit(posts.take(np.arange(rows)), posts.take(np.arange(40, 40 + validation)))
    predicted = system.predict(test)
    assert np.isfinite(predicted).all()
    system.save(tmp_path)
    again = make(name)
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(test), predicted)
