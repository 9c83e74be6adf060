"""The brute-force metrics of rankings against numbers worked out by hand and against scikit-learn's."""

from math import log2

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from tests.oracles import ranking

METRICS = [ranking.auc, ranking.precision_at_1, ranking.precision_at_3, ranking.mrr, ranking.ndcg]


@pytest.mark.parametrize(
    ("relevant", "scores", "expected"),
    [
        ([1, 0, 0], [3, 2, 1], [1, 1, 1 / 3, 1, 1]),
        ([0, 0, 1], [3, 2, 1], [0, 0, 1 / 3, 1 / 3, 1 / 2]),
        ([1, 0, 0], [2, 2, 1], [3 / 4, 1 / 2, 1 / 3, 3 / 4, (1 + 1 / log2(3)) / 2]),
        ([1, 0, 0, 0], [0, 0, 0, 0], [1 / 2, 1 / 4, 1 / 4, 25 / 48, (1.5 + 1 / log2(3) + 1 / log2(5)) / 4]),
        ([1, 1, 0, 0, 0], [5, 1, 4, 1, 1], [(3 + 1) / 6, 1, (1 + 1 / 3) / 3, 1, None]),
        ([1, 0], [2, 1], [1, 1, 1 / 3, 1, 1]),
        ([0, 0], [1, 2], [np.nan, 0, 0, 0, 0]),
    ],
)
def test_metrics_by_hand(relevant, scores, expected):
    for metric, value in zip(METRICS, expected, strict=True):
        if value is not None:
            assert metric(relevant, scores) == pytest.approx(value, nan_ok=True), metric.__name__


def test_metrics_are_sklearns_and_blind_to_the_order_of_rows():
    rng = np.random.default_rng(2)
    for _ in range(5):
        relevant, scores = rng.permutation([1, 1, 0, 0, 0, 0]), rng.integers(4, size=6).astype(float)
        assert ranking.auc(relevant, scores) == pytest.approx(roc_auc_score(relevant, scores))
        assert ranking.ndcg(relevant, scores) == pytest.approx(ndcg_score([relevant], [scores]))
        order = rng.permutation(6)
        for metric in METRICS:
            assert metric(relevant[order], scores[order]) == pytest.approx(metric(relevant, scores))


def test_users_count_once_and_without_an_area_not_at_all():
    users, relevant = ["a", "b", "a", "b", "a", "b", "c"], [1, 1, 0, 0, 0, 1, 1]
    scores = [2.0, 2.0, 3.0, 1.0, 1.0, 0.0, 1.0]
    assert ranking.over_users(ranking.auc, users, relevant, scores) == 0.5
    assert ranking.over_users(ranking.precision_at_1, users, relevant, scores) == pytest.approx(2 / 3)
