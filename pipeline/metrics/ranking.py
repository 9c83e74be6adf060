"""Metrics of an order of posts: one public function each, found by `discover`. NEW METRIC: add a function here.

A metric takes `relevant`, 1 for a shared post and 0 for another, and `score` [..., c], of c posts of a user, and
gives one number a row of them, NaN where it is undefined. The posts are those of all the user's lists of a part
together (ours: the paper ranks a user's "image tweets from test set" and does not define its metrics further): with
one shared post in a list of three, precision at 3 in each list alone would be 1/3 whatever the order.

Posts of equal scores are in an order by chance: a metric is its mean over all of them, never that of the order of
rows. Shapes: r rows, c posts, sorted from the highest score on.
"""

from typing import NamedTuple

import numpy as np

from pipeline.metrics.shared import Metric, centred_ranks, functions_of, runs


def discover() -> dict[str, Metric]:
    """Every metric of this module by name, in the order they stand here."""
    return functions_of(__name__)


def precision_at_1(relevant: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Chance that the first post is a shared one."""
    return _precision(relevant, score, 1)


def precision_at_3(relevant: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Share of shared posts among the first three."""
    return _precision(relevant, score, 3)


def auc(relevant: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Share of the pairs of a shared post and another that are in the right order; a tie counts half."""
    shared = relevant.sum(axis=-1)
    pairs = shared * (relevant.shape[-1] - shared)
    above = np.sum(relevant * centred_ranks(score), axis=-1)
    return np.where(pairs > 0, 0.5 + above / np.where(pairs > 0, pairs, 1), np.nan)


def ndcg(relevant: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Discounted gain, 1/log2(place + 1) for a shared post, over that of the best order."""
    discount = 1 / np.log2(np.arange(relevant.shape[-1]) + 2)
    gain = np.sum(_ordered(relevant, score).share * discount, axis=-1)
    best = np.sum(-np.sort(-relevant, axis=-1) * discount, axis=-1)
    return np.where(best > 0, gain / np.where(best > 0, best, 1), np.nan)


def mrr(relevant: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Mean of one over the place of the first shared post."""
    ties = _ordered(relevant, score)
    left = ties.length - ties.place  # places of the run from this one on, over which its shared posts are spread
    here = np.minimum(ties.share * ties.length / left, 1)  # chance of one here where there was none before
    none_before = np.cumprod(np.concatenate([np.ones_like(here[..., :1]), 1 - here[..., :-1]], axis=-1), axis=-1)
    found = np.sum(none_before * here / (np.arange(relevant.shape[-1]) + 1), axis=-1)
    return np.where(relevant.any(axis=-1), found, np.nan)


def _precision(relevant: np.ndarray, score: np.ndarray, k: int) -> np.ndarray:
    return _ordered(relevant, score).share[..., :k].sum(axis=-1) / k


class _Ordered(NamedTuple):
    """Of each place [..., c]: the share of shared posts in its run of equal scores, how long it is, the place in it."""

    share: np.ndarray
    length: np.ndarray
    place: np.ndarray


def _ordered(relevant: np.ndarray, score: np.ndarray) -> _Ordered:
    score = np.broadcast_to(score, np.broadcast_shapes(relevant.shape, score.shape))
    order, starts, lengths = runs(-score)
    there = np.broadcast_to(relevant, score.shape).reshape(-1)[order.ravel()].astype(np.float64)
    shares = np.add.reduceat(there, starts) / lengths
    place = np.arange(there.size) - np.repeat(starts, lengths)
    columns = (np.repeat(shares, lengths), np.repeat(lengths, lengths), place)
    return _Ordered(*(column.reshape(score.shape) for column in columns))
