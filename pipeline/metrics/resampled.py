"""Metrics of resamples from how often each post was drawn: what `regression` gives of these posts, but for rounding.

Posts are put in order once, not in each resample, which of many thousand posts costs a tenth. A metric without a
function in `TWINS` is asked about the posts drawn themselves.

Shapes: n posts, m sets of predictions, b resamples, g distinct values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pipeline.metrics import regression
from pipeline.metrics.shared import Metric, runs

_NEARLY_ALL = 0.99
"""Share of equal values from which on a resample of many posts may have no other."""


class _Sorted(NamedTuple):
    """Values [n] in order: their places, where each run of equal ones starts [g], and the run of each value [n]."""

    order: np.ndarray
    starts: np.ndarray
    run: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "_Sorted":
        order, starts, lengths = runs(values)
        run = np.empty(len(values), dtype=np.int64)
        run[order[0]] = np.repeat(np.arange(len(starts)), lengths)
        return cls(order[0], starts, run)

    def drawn(self, counts: np.ndarray) -> np.ndarray:
        """How often each distinct value was drawn, [b, g]."""
        ordered = counts[:, self.order]
        return ordered if len(self.starts) == len(self.order) else np.add.reduceat(ordered, self.starts, axis=1)


class Posts:
    """`y` [n] and `predictions` [m, n], made ready once for all resamples."""

    def __init__(self, y: np.ndarray, predictions: np.ndarray):
        self.y, self.predictions = y - y.mean(), predictions - predictions.mean(axis=1, keepdims=True)
        self.error = predictions - y
        self.bias = self.error.mean(axis=1, keepdims=True)  # [m, 1]

    @cached_property
    def absolute(self) -> np.ndarray:
        """Absolute errors [m, n]."""
        return np.abs(self.error)

    @cached_property
    def spread(self) -> np.ndarray:
        """Errors less their mean over all posts [m, n]."""
        return self.error - self.bias

    @cached_property
    def by_error(self) -> np.ndarray:
        """Places of posts by their absolute errors [m, n]."""
        return np.argsort(self.absolute, axis=1)

    @cached_property
    def by_value(self) -> list[_Sorted]:
        """The posts by `y`, and by each set of predictions."""
        return [_Sorted.of(values) for values in (self.y, *self.predictions)]


@dataclass(frozen=True)
class Resamples:
    """Some resamples of the posts; `counts` [b, n] says how often each was drawn."""

    posts: Posts
    counts: np.ndarray

    @classmethod
    def of(cls, posts: Posts, rows: np.ndarray) -> "Resamples":
        """Of the posts at `rows` [b, n]."""
        n = len(posts.y)
        return cls(posts, np.stack([np.bincount(of_one, minlength=n) for of_one in rows]).astype(np.float64))

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Of values [m, n] or [n]: [m, b] or [b]."""
        return values @ self.counts.T / len(self.posts.y)


def _mse(r: Resamples) -> np.ndarray:
    return r.mean(r.posts.error**2)


def _error_variance(r: Resamples) -> np.ndarray:
    n = len(r.posts.y)
    return np.maximum(r.mean(r.posts.spread**2) - r.mean(r.posts.spread) ** 2, 0) * n / (n - 1)


def _median_absolute_error(r: Resamples) -> np.ndarray:
    n, found = len(r.posts.y), np.empty((len(r.posts.error), len(r.counts)))
    middle = [(n - 1) // 2 + 1, n // 2 + 1]
    for of_set, order, errors in zip(found, r.posts.by_error, r.posts.absolute, strict=True):
        places = [np.searchsorted(drawn, middle) for drawn in np.cumsum(r.counts[:, order], axis=1)]
        of_set[:] = errors[order[np.array(places)]].mean(axis=1)
    return found


def _spearman(r: Resamples) -> np.ndarray:
    (real, spread), *others = ((*_ranks(r, values),) for values in r.posts.by_value)
    weighted = real * r.counts
    return np.stack([_cosine(np.einsum("bn,bn->b", weighted, ranks), spread * own) for ranks, own in others])


def _ranks(r: Resamples, values: _Sorted) -> tuple[np.ndarray, np.ndarray]:
    """Of each post the rank it has where it was drawn [b, n], less their mean, and the sum of their squares [b]."""
    drawn = values.drawn(r.counts)
    ranks = np.cumsum(drawn, axis=1) - (drawn + len(r.posts.y)) / 2
    return ranks[:, values.run], np.einsum("bg,bg,bg->b", drawn, ranks, ranks)


def _pearson(r: Resamples) -> np.ndarray:
    y, predictions = r.posts.y, r.posts.predictions
    covariance = r.mean(predictions * y) - r.mean(predictions) * r.mean(y)
    spreads = [np.maximum(r.mean(v**2) - r.mean(v) ** 2, 0) for v in (y, predictions)]
    constant = [_constant(r, values) for values in r.posts.by_value]
    return _cosine(covariance, np.where(constant[0] | np.stack(constant[1:]), 0, spreads[0] * spreads[1]))


def _constant(r: Resamples, values: _Sorted) -> np.ndarray:
    """In which resamples all values are equal, [b]."""
    n = len(values.order)
    if np.diff(values.starts, append=n).max() < _NEARLY_ALL * n:
        return np.zeros(len(r.counts), dtype=bool)
    return values.drawn(r.counts).max(axis=1) == n


def _cosine(covariance: np.ndarray, squared: np.ndarray) -> np.ndarray:
    return np.where(squared > 0, covariance / np.sqrt(np.where(squared > 0, squared, 1)), np.nan)


TWINS: dict[Metric, Callable[[Resamples], np.ndarray]] = {
    regression.rmse: lambda r: np.sqrt(_mse(r)),
    regression.mae: lambda r: r.mean(r.posts.absolute),
    regression.mse: _mse,
    regression.median_absolute_error: _median_absolute_error,
    regression.mean_error: lambda r: r.mean(r.posts.error),
    regression.error_variance: _error_variance,
    regression.spearman: _spearman,
    regression.pearson: _pearson,
}
"""A metric, and what gives it [m, b] of resamples."""
