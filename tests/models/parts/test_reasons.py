"""Contributions by group: they add up to the prediction of every system, and name what was planted."""

import itertools
from dataclasses import replace
from math import factorial

import numpy as np
import pytest

from models.base import System, discover
from models.parts import reasons
from models.parts.reasons import BASE, Groups, by_group, known, mean_of
from pipeline.storage.examples import FeatureValues
from tests.models.small import make, make_examples, with_y
from tests.models.test_contract import trained

TRAIN, VALIDATION, TEST = make_examples(300, 1), make_examples(60, 2), make_examples(40, 3)
ABOUT = {
    "tabular": np.array(["who", "when", "who"]),
    **{name: np.full(TEST.features[name].width, "picture") for name in ("stats", "pixels", "regions")},
    **{name: np.full(TEST.features[name].width, "words") for name in ("clip", "words")},
}
BOOSTERS = ["lightgbm", "xgboost", "catboost"]


def groups_of(system):
    features = {name: ABOUT[name] for name in _flat(system)}
    return Groups(features, reasons.of_columns(system.reads("likes", "log2p1")))


def _flat(system):
    from models.base import flat

    return flat(system.features)


def fitted(name, train=TRAIN, validation=VALIDATION, **changes):
    system = make(name, **changes)
    system.fit(train, validation)
    return system


def told(system, posts=TEST):
    return by_group(system, posts, groups_of(system), lambda: mean_of(TRAIN))


@pytest.mark.parametrize("name", trained(discover(System)))
def test_they_add_up_to_the_prediction(name):
    system = fitted(name)
    found = told(system)
    assert set(found) == {BASE, *groups_of(system).names}
    assert all(values.shape == (len(TEST),) for values in found.values())
    np.testing.assert_allclose(sum(found.values()), system.predict(TEST), rtol=1e-6)


@pytest.mark.parametrize("name", BOOSTERS)
@pytest.mark.parametrize("loss", ["squared", "absolute", "quantile"])
def test_trees_tell_what_each_input_adds(name, loss):
    """The library's own numbers add up, before anything is made up for; nothing comes of what is constant."""
    flat = replace(TRAIN, features={**TRAIN.features, "flat": FeatureValues(np.ones((len(TRAIN), 2), np.float32))})
    test = replace(TEST, features={**TEST.features, "flat": FeatureValues(np.ones((len(TEST), 2), np.float32))})
    system = fitted(name, flat, VALIDATION.take(np.arange(0)), features=["tabular", "flat"], loss=loss)
    added = system._added(test)
    np.testing.assert_allclose(added.sum(axis=1), system.predict(test), rtol=1e-6)
    found = system.contributions(test)
    assert found["tabular"].shape == (len(TEST), 3)
    assert not found["flat"].any()
    np.testing.assert_allclose(found[BASE], found[BASE][0], rtol=1e-5)


def test_columns_of_categories_are_told_apart_from_features():
    system = fitted("catboost")
    found = system.contributions(TEST)
    assert set(found) == {"tabular", "user_id", "category", BASE}
    assert np.abs(found["user_id"]).mean() > 5 * np.abs(found["category"]).mean()
    np.testing.assert_allclose(told(system)["category"], found["category"])


@pytest.mark.parametrize("name", [*BOOSTERS, "svr"])
def test_the_planted_cause_is_named_first(name):
    """Users, a number of theirs, and the picture make the target; what else there is adds next to nothing."""
    cause = {"who": 4 * TRAIN.features["tabular"].values[:, 0], "when": 4 * TRAIN.features["tabular"].values[:, 1]}
    for group, y in cause.items():
        system = make(name, **({"categorical": None} if name == "catboost" else {}))
        system.fit(with_y(TRAIN, y), with_y(VALIDATION, VALIDATION.y))
        mean = {k: np.abs(v).mean() for k, v in told(system).items() if k != BASE}
        first, *others = sorted(mean, key=mean.get, reverse=True)
        assert first == group
        assert mean[first] > 3 * mean[others[0]]


class Planted(System):
    """a b + c of `tabular`, and one more for the user u1."""

    features, columns = ("tabular", "stats"), ("user_id",)

    def fit(self, train, validation):
        pass

    def predict(self, posts):
        a, b, c = posts.matrix(["tabular"]).T.astype(np.float64)
        return a * b + np.nan_to_num(c) + (posts.posts["user_id"] == "u1").to_numpy() + 5

    save = load = fit


def test_they_are_shapleys_values():
    """Against the mean over all orders of groups, each written out."""
    system, background = Planted(), mean_of(TRAIN)
    groups = Groups({**ABOUT, "tabular": np.array(["when", "words", "picture"])}, {"user_id": "who"})
    groups = Groups({k: groups.features[k] for k in ("tabular", "stats")}, groups.columns)
    found = by_group(system, TEST, groups, lambda: background)
    expected = dict.fromkeys(groups.names, 0.0)
    for order in itertools.permutations(groups.names):
        before = known(TEST, groups, (), background)
        for i, name in enumerate(order):
            after = known(TEST, groups, order[: i + 1], background)
            expected[name] = expected[name] + (system.predict(after) - system.predict(before)) / factorial(len(order))
            before = after
    for name in groups.names:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-12)
    np.testing.assert_allclose(found["who"], TEST.posts["user_id"] == "u1", atol=1e-12)
    assert not np.allclose(found["when"], 0)


class Counted(Planted):
    """Counts the posts of each question."""

    def __init__(self):
        self.asked = []

    def predict(self, posts):
        self.asked.append(len(posts))
        return super().predict(posts)


@pytest.mark.parametrize(("n", "asked"), [(2, [32]), (100, [500, 500, 500, 100]), (600, [600] * 8)])
def test_few_posts_are_asked_about_in_all_combinations_at_once(n, asked):
    system, posts = Counted(), TRAIN.take(np.arange(n) % len(TRAIN))
    groups = Groups({"tabular": np.array(["when", "words", "picture"])}, {"user_id": "who"} if n < 600 else {})
    found = by_group(system, posts, groups, lambda: mean_of(TRAIN))
    assert system.asked == asked
    alone = by_group(Counted(), posts.take(np.array([1])), groups, lambda: mean_of(TRAIN))
    for name, values in found.items():
        np.testing.assert_allclose(values[1], alone[name][0], atol=1e-12)


class Sum(Planted):
    """Parts with weights."""

    def __init__(self, parts):
        self._parts = parts

    def parts(self):
        return self._parts

    def predict(self, posts):
        return sum(weight * part.predict(posts) for weight, part in self._parts)


def test_a_weighted_sum_has_the_weighted_contributions_of_its_parts():
    parts = [(0.7, fitted("lightgbm")), (0.3, fitted("svr"))]
    groups = Groups(ABOUT, {"user_id": "who"})
    one, other = (by_group(part, TEST, groups, lambda: mean_of(TRAIN)) for _, part in parts)
    found = by_group(Sum(parts), TEST, groups, lambda: mean_of(TRAIN))
    for key in found:
        np.testing.assert_allclose(found[key], 0.7 * one[key] + 0.3 * other[key])
    np.testing.assert_allclose(sum(found.values()), Sum(parts).predict(TEST), rtol=1e-6)


def test_background_is_the_mean_of_those_that_have_any():
    middle = mean_of(TRAIN)
    assert len(middle) == 1
    assert middle.y is None
    stats = TRAIN.features["stats"].values
    np.testing.assert_allclose(middle.features["stats"].values[0], np.nanmean(stats, axis=0), rtol=1e-5)
    assert not middle.features["words"].values.any()
    assert middle.posts[["user_id", "category", "posted_at"]].isna().all(axis=None)
    assert middle.posts.dtypes.equals(TRAIN.posts.dtypes)


def test_posts_stay_as_they_are():
    before = {name: values.values.copy() for name, values in TEST.features.items()}
    told(fitted("svr"))
    for name, values in before.items():
        np.testing.assert_array_equal(TEST.features[name].values, values)
