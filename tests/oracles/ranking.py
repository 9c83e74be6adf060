"""Metrics of one user's ranking by brute force: the mean over every order that the scores allow.

Items of equal score may stand in any order, all equally likely; so no metric depends on the order of rows. Tiny lists
alone: n items have up to n! orders.

Readings of ours. All candidates of a user are one list, and a metric is the mean over users, each counting once.
precision@k divides by k, also where fewer than k are relevant or there. `ndcg` has gains of 0 and 1, a discount of
log2(1 + rank) and no cut. A user with nothing relevant has mrr 0; with one kind of item alone, no AUC (NaN).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise, permutations
from math import log2

import numpy as np

Metric = Callable[[Sequence[bool], Sequence[float]], float]


def orders(scores: Sequence[float]) -> list[tuple[int, ...]]:
    """Every order of the items in which no score is above an earlier one."""
    every = permutations(range(len(scores)))
    return [order for order in every if all(scores[a] >= scores[b] for a, b in pairwise(order))]


def auc(relevant: Sequence[bool], scores: Sequence[float]) -> float:
    """Of the pairs of a relevant and another item, how many are in the right order; equal scores count half."""
    pairs = [(i, j) for i in range(len(scores)) for j in range(len(scores)) if relevant[i] and not relevant[j]]
    if not pairs:
        return float("nan")
    return sum(1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0 for i, j in pairs) / len(pairs)


def precision(relevant: Sequence[bool], scores: Sequence[float], k: int) -> float:
    """Share of the first k that is relevant."""
    return float(np.mean([sum(bool(relevant[i]) for i in order[:k]) / k for order in orders(scores)]))


def precision_at_1(relevant: Sequence[bool], scores: Sequence[float]) -> float:
    return precision(relevant, scores, 1)


def precision_at_3(relevant: Sequence[bool], scores: Sequence[float]) -> float:
    return precision(relevant, scores, 3)


def mrr(relevant: Sequence[bool], scores: Sequence[float]) -> float:
    """1 / the rank of the first relevant item."""
    found = []
    for order in orders(scores):
        ranks = [rank for rank, i in enumerate(order, start=1) if relevant[i]]
        found.append(1 / ranks[0] if ranks else 0.0)
    return float(np.mean(found))


def ndcg(relevant: Sequence[bool], scores: Sequence[float]) -> float:
    """Σ relevant / log2(1 + rank), by what it is if all that are relevant come first."""
    best = sum(1 / log2(1 + rank) for rank in range(1, sum(map(bool, relevant)) + 1))
    gains = [sum(1 / log2(1 + rank) for rank, i in enumerate(o, start=1) if relevant[i]) for o in orders(scores)]
    return float(np.mean(gains)) / best if best else 0.0


def over_users(metric: Metric, users: Sequence[str], relevant: Sequence[bool], scores: Sequence[float]) -> float:
    """Mean over users of the metric of all that is theirs; one whose metric is NaN is left out."""
    values = []
    for user in sorted(set(users)):
        rows = [row for row, owner in enumerate(users) if owner == user]
        values.append(metric([relevant[row] for row in rows], [scores[row] for row in rows]))
    return float(np.nanmean(values))
