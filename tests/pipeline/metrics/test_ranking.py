"""Metrics of ranking against scikit-learn's and against all orders of ties."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from pipeline.metrics import ranking, uncertainty
from pipeline.metrics.tasks import RANKING, TASKS, per_user


def precision(k):
    return lambda ordered: sum(ordered[:k]) / k


def discounted(ordered):
    best = sorted(ordered, reverse=True)
    return np.sum(ordered / np.log2(np.arange(len(ordered)) + 2)) / np.sum(best / np.log2(np.arange(len(best)) + 2))


def in_order(ordered):
    pairs = [a > b for a, b in itertools.combinations(ordered, 2) if a != b]
    return sum(pairs) / len(pairs)


REFERENCES = {
    "precision_at_1": precision(1),
    "precision_at_3": precision(3),
    "auc": in_order,
    "ndcg": discounted,
    "mrr": lambda ordered: 1 / (list(ordered).index(1) + 1),
}
"""Of posts in an order without ties, by the definition."""
LISTS = st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=3, max_size=6).filter(
    lambda posts: 0 < sum(relevant for relevant, _ in posts) < len(posts)
)


def over_all_orders(reference, relevant, score):
    """The mean over all orders that the scores allow."""
    orders = [o for o in itertools.permutations(range(len(score))) if all(np.diff(score[list(o)]) <= 0)]
    return np.mean([reference(relevant[list(order)]) for order in orders])


def test_every_metric_has_a_reference():
    assert list(ranking.discover()) == list(REFERENCES)


@pytest.mark.parametrize("name", REFERENCES)
@given(posts=LISTS)
def test_ties_count_as_an_order_by_chance(name, posts):
    relevant, score = np.array(posts, dtype=float).T
    expected = over_all_orders(REFERENCES[name], relevant, score)
    assert ranking.discover()[name](relevant, score) == pytest.approx(expected)


@given(posts=LISTS)
def test_auc_and_ndcg_are_scikit_learns(posts):
    relevant, score = np.array(posts, dtype=float).T
    assert ranking.auc(relevant, score) == pytest.approx(roc_auc_score(relevant, score))
    assert ranking.ndcg(relevant, score) == pytest.approx(ndcg_score([relevant], [score]))


@pytest.mark.parametrize("name", REFERENCES)
def test_a_metric_works_along_the_last_axis(name):
    rng = np.random.default_rng(0)
    relevant = np.eye(5)[rng.integers(0, 5, 7)]
    scores = rng.integers(0, 4, (3, 7, 5)).astype(float)
    found = ranking.discover()[name](relevant, scores)
    assert found.shape == (3, 7)
    alone = [
        [float(ranking.discover()[name](r, s)) for r, s in zip(relevant, of_set, strict=True)] for of_set in scores
    ]
    np.testing.assert_allclose(found, alone)


@pytest.mark.parametrize("name", ["auc", "ndcg", "mrr"])
def test_without_a_shared_post_it_is_undefined(name):
    assert np.isnan(ranking.discover()[name](np.zeros(3), np.arange(3.0)))


def test_constant_scores_are_chance_whatever_the_order_of_rows():
    relevant = np.array([1.0, 0, 0, 1, 0, 0])
    for order in (np.arange(6), np.arange(6)[::-1]):
        assert ranking.precision_at_1(relevant[order], np.zeros(6)) == pytest.approx(1 / 3)
        assert ranking.precision_at_3(relevant[order], np.zeros(6)) == pytest.approx(1 / 3)
        assert ranking.auc(relevant[order], np.zeros(6)) == 0.5


def posts_of_users(seed=0):
    rng = np.random.default_rng(seed)
    lists = rng.integers(1, 5, 20)
    users = np.repeat([f"u{i}" for i in range(20)], 3 * lists)
    relevant = np.tile([True, False, False], lists.sum())
    return relevant, rng.integers(0, 6, (4, len(users))).astype(float), users


def test_users_are_scored_apart_and_come_in_the_order_of_their_names():
    relevant, scores, users = posts_of_users()
    order = np.random.default_rng(1).permutation(len(users))
    names, found = per_user(relevant[order], scores[:, order], users[order])
    assert names.tolist() == sorted(set(users))
    for u, name in enumerate(names):
        own = users == name
        expected = [[m(relevant[own].astype(float), s[own]) for m in ranking.discover().values()] for s in scores]
        np.testing.assert_allclose(found[:, u], expected)
    auc = list(ranking.discover()).index("auc")
    by_hand = [roc_auc_score(relevant[users == name], scores[0][users == name]) for name in names]
    np.testing.assert_allclose(found[0, :, auc], by_hand)
    assert RANKING.metrics["auc"](np.zeros(20), found)[0] == pytest.approx(np.mean(by_hand))
    np.testing.assert_allclose(RANKING.loss(np.zeros(20), found)[0], 1 - np.array(by_hand))


def test_users_are_resampled_not_posts():
    relevant, scores, users = posts_of_users()
    names, found = per_user(relevant, scores, users)
    drawn = uncertainty.bootstrap(RANKING.metrics, np.zeros(len(names)), found, resamples=300, seed=0)["auc"]
    assert drawn.shape == (4, 300)
    of_users = found[0, :, list(RANKING.metrics).index("auc")]
    assert np.std(drawn[0]) == pytest.approx(np.std(of_users) / np.sqrt(len(names)), rel=0.2)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_is_whole(task):
    assert task.leading in task.metrics
    assert next(iter(task.heads)) == task.leading
    assert set(task.heads) <= set(task.metrics)
