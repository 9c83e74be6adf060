"""Metrics: one public function each, found by `discover`. NEW METRIC: add a function here.

A metric takes `y` and `prediction` [..., n], both on the transformed scale of the target, and gives one
number a row of them, NaN where it is undefined. Working along the last axis lets the bootstrap score many
resamples at once. The error is prediction minus y (our reading of the papers' tables, which do not give a
sign): a positive mean error says that popularity was overestimated.
"""

import numpy as np

from pipeline.metrics.shared import Metric, centred_ranks, functions_of


def discover() -> dict[str, Metric]:
    """Every metric of this module by name, in the order they stand here."""
    return functions_of(__name__)


def rmse(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Root of the mean squared error."""
    return np.sqrt(mse(y, prediction))


def mae(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Mean absolute error."""
    return np.mean(np.abs(prediction - y), axis=-1)


def mse(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Mean squared error."""
    return np.mean((prediction - y) ** 2, axis=-1)


def median_absolute_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Median of the absolute errors; of an even number, the mean of the two in the middle."""
    ordered = np.sort(np.abs(prediction - y), axis=-1)  # sorting is faster than numpy.median on many rows
    n = ordered.shape[-1]
    return (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2


def mean_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Mean of prediction minus y: the bias."""
    return np.mean(prediction - y, axis=-1)


def error_variance(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Sample variance (n - 1) of prediction minus y; undefined for one post."""
    error = prediction - y
    n = error.shape[-1]
    if n < 2:
        return np.full(error.shape[:-1], np.nan)
    return np.var(error, axis=-1, ddof=1)


def spearman(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation, ties at their mean rank; undefined where either side is constant."""
    return _cosine(centred_ranks(y), centred_ranks(prediction))


def pearson(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Pearson's correlation; undefined where either side is constant."""
    return _cosine(_centred(y), _centred(prediction))


def _centred(values: np.ndarray) -> np.ndarray:
    """Less their mean; zero, without what rounding leaves, where all are equal."""
    constant = np.ptp(values, axis=-1, keepdims=True) == 0
    return np.where(constant, 0, values - np.mean(values, axis=-1, keepdims=True))


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of centred values; NaN where either side is zero."""
    covariance = np.sum(a * b, axis=-1)
    scale = np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))
    return np.where(scale > 0, covariance / np.where(scale > 0, scale, 1), np.nan)
