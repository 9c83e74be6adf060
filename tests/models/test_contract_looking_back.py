"""What every system that looks back must do: see what was posted before a post, and nothing else of other posts."""

from dataclasses import replace

import numpy as np
import pytest

from models.base import System, discover, system_class
from pipeline.storage.earlier import TIME
from pipeline.storage.examples import Examples, FeatureValues
from tests.models.small import make, make_examples

SYSTEMS = [name for name in discover(System) if system_class(name).looks_back]
TRAIN, VALIDATION, TEST = make_examples(300, 1), make_examples(60, 2), make_examples(60, 3)
CUT = 30


@pytest.fixture(scope="module")
def fitted():
    """Each system trained once on TRAIN, by name."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = make(name)
            made[name].fit(TRAIN, VALIDATION)
        return made[name]

    return get


def changed(past: Examples, rows: np.ndarray) -> Examples:
    """The same past with other posts in some rows: other users, categories, values."""
    rng = np.random.default_rng(0)
    posts, features = past.posts.copy(), {}
    for column in posts.columns.difference(["post_id", TIME]):
        posts.loc[rows, column] = rng.permutation(posts[column].to_numpy())[rows]
    for name, values in past.features.items():
        stored = values.values.copy()
        stored[rows] = np.roll(stored, 7, axis=0)[rows]
        features[name] = FeatureValues(stored, values.names)
    return replace(past, posts=posts, features=features)


def test_systems_that_look_back_are_found():
    assert "dsn" in SYSTEMS
    for name in SYSTEMS:
        assert TIME in make(name).reads("likes", "log2p1")


def test_a_past_has_no_labels():
    assert TEST.past.y is None
    assert TEST.take(np.arange(3)).past is TEST.past


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_later_posts_change_nothing(name, fitted):
    """Of the post itself as well: what stands in its own row of the past is not looked at."""
    later = replace(TEST, past=changed(TEST.past, np.arange(CUT, len(TEST))))
    before, after = (fitted(name).predict(posts)[: CUT + 1] for posts in (TEST, later))
    np.testing.assert_array_equal(after, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_earlier_posts_are_looked_at(name, fitted):
    other = replace(TEST, past=changed(TEST.past, np.arange(len(TEST))))
    assert not np.allclose(fitted(name).predict(other)[5:], fitted(name).predict(TEST)[5:], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_posts_of_the_same_instant_are_not_before_each_other(name, fitted):
    """All at once: everybody is alone, whatever the others are."""

    def at_once(past):
        now = TEST.posts[TIME].iloc[0]
        return replace(
            TEST, posts=TEST.posts.assign(posted_at=now), past=replace(past, posts=past.posts.assign(posted_at=now))
        )

    alone = fitted(name).predict(at_once(TEST.past))
    np.testing.assert_array_equal(fitted(name).predict(at_once(changed(TEST.past, np.arange(len(TEST))))), alone)
    np.testing.assert_allclose(fitted(name).predict(replace(TEST, past=TEST.past.take(np.arange(0)))), alone, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_one_post_alone_sees_the_same_past(name, fitted):
    together = fitted(name).predict(TEST)
    for i in (0, 1, 7, 59):
        np.testing.assert_allclose(fitted(name).predict(TEST.take(np.array([i]))), together[[i]], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_where_a_past_stands_in_memory_does_not_matter(name, fitted):
    """The same past, stored in another order."""
    order = np.random.default_rng(0).permutation(len(TEST.past))
    back = np.argsort(order)
    features = {k: FeatureValues(v.values[order], v.names).take(back) for k, v in TEST.past.features.items()}
    other = replace(TEST, past=replace(TEST.past, features=features))
    np.testing.assert_array_equal(fitted(name).predict(other), fitted(name).predict(TEST))


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_post_without_a_time_has_no_past(name, fitted):
    timeless = replace(TEST, posts=TEST.posts.assign(posted_at=TEST.posts[TIME].where(TEST.posts.index > 40)))
    alone = replace(TEST, past=TEST.past.take(np.arange(0)))
    np.testing.assert_allclose(fitted(name).predict(timeless)[:41], fitted(name).predict(alone)[:41], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_targets_of_other_parts_change_nothing(name, fitted):
    rng = np.random.default_rng(0)
    system = make(name)
    system.fit(TRAIN, replace(VALIDATION, y=rng.permutation(VALIDATION.y)))
    np.testing.assert_array_equal(system.predict(replace(TEST, y=rng.permutation(TEST.y))), fitted(name).predict(TEST))
