"""Support vector regression with the RBF kernel: three ways to train it, one form of the result.

k(a, b) = exp(-gamma ||a - b||^2); the prediction for x is sum_i weight_i k(basis_i, x) + intercept.

Shapes: n rows, d inputs, m rows of the basis.
"""

import logging
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from pipeline.base.errors import UserError

log = logging.getLogger(__name__)

BLOCK = 1024
"""Rows of a kernel matrix computed at a time."""
PASSES = 1000
"""Of the linear SVR over its data, at most."""


@dataclass(frozen=True)
class Machine:
    """A trained machine: `basis` float32 [m, d], `weights` [m]."""

    basis: np.ndarray
    weights: np.ndarray
    intercept: float
    gamma: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predictions [n] for `x` [n, d], a block of rows at a time."""
        predictions = np.full(len(x), self.intercept)
        for start in range(0, len(x), BLOCK):
            rows = slice(start, start + BLOCK)
            predictions[rows] += rbf(x[rows], self.basis, self.gamma) @ self.weights
        return predictions

    def rescaled(self, mean: float, deviation: float) -> "Machine":
        """The same for targets that were (y - mean) / deviation when it was trained."""
        return replace(self, weights=self.weights * deviation, intercept=self.intercept * deviation + mean)

    def save(self, file: Path) -> None:
        """Write it as safetensors."""
        numbers = {"intercept": np.array([self.intercept]), "gamma": np.array([self.gamma])}
        save_file({"basis": np.ascontiguousarray(self.basis), "weights": self.weights.copy(), **numbers}, file)

    @classmethod
    def load(cls, file: Path) -> "Machine":
        """Take back what `save` wrote."""
        arrays = load_file(file)
        return cls(arrays["basis"], arrays["weights"], float(arrays["intercept"][0]), float(arrays["gamma"][0]))


Trained = tuple[Machine, dict[str, float]]
"""A machine, and what to report of its training."""


def rbf(a: np.ndarray, b: np.ndarray, gamma: float) -> np.ndarray:
    """Kernel [len(a), len(b)] of rows of `a` and `b`, float64."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    kernel = a @ b.T
    kernel *= -2
    kernel += np.einsum("ij,ij->i", a, a)[:, None]
    kernel += np.einsum("ij,ij->i", b, b)
    np.maximum(kernel, 0, out=kernel)  # cancellation may leave -1e-16
    kernel *= -gamma
    return np.exp(kernel, out=kernel)


def gram(x: np.ndarray, gamma: float) -> np.ndarray:
    """Kernel [n, n] of all pairs of rows of `x`, float64: the upper half computed in blocks, the rest mirrored.

    In blocks also because one product of x with its own transpose crashes some BLAS libraries at this size.
    """
    kernel = np.empty((len(x), len(x)))
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        kernel[rows, start:] = rbf(x[rows], x[start:], gamma)
        kernel[start:, rows] = kernel[rows, start:].T
    return kernel


def train_exact(x: np.ndarray, y: np.ndarray, *, gamma: float, C: float, epsilon: float, tol: float) -> Trained:
    """scikit-learn's SVR, fed the kernel matrix.

    The answer is that of `SVR(kernel="rbf")`: the solver and its steps are the same, and only where the kernel
    comes from differs: one blocked matrix product, many times faster than pair after pair as soon as rows are
    wide. Memory: 12 n^2 bytes, the matrix and the solver's copy in float32.
    """
    from sklearn import config_context
    from sklearn.svm import SVR

    cache = 4 * len(x) ** 2 / 2**20 + 200  # MB: nothing is ever thrown out
    with config_context(assume_finite=True):
        fitted = SVR(kernel="precomputed", C=C, epsilon=epsilon, tol=tol, cache_size=cache).fit(gram(x, gamma), y)
    return _supported(x, fitted, gamma)


def train_accelerated(x: np.ndarray, y: np.ndarray, *, gamma: float, C: float, epsilon: float, tol: float) -> Trained:
    """SVR of scikit-learn-intelex, on all cores and without the matrix; the answer agrees within `tol`.

    Raises `UserError` where the library is not installed.
    """
    try:
        from sklearnex.svm import SVR
    except ImportError:
        raise UserError("method: accelerated needs scikit-learn-intelex; pip install it, or take auto") from None

    fitted = SVR(kernel="rbf", gamma=gamma, C=C, epsilon=epsilon, tol=tol).fit(x.astype(np.float64), y)
    return _supported(x, fitted, gamma)


def _supported(x: np.ndarray, fitted: Any, gamma: float) -> Trained:
    """What a fitted SVR of either library learned from `x`, without `x`."""
    weights, intercept = np.ravel(fitted.dual_coef_), float(np.ravel(fitted.intercept_)[0])
    machine = Machine(x[fitted.support_], weights.copy(), intercept, gamma)
    return machine, {"support_vectors": float(len(weights))}


def train_nystroem(
    x: np.ndarray, y: np.ndarray, *, gamma: float, C: float, epsilon: float, tol: float, components: int, seed: int
) -> Trained:
    """Nystroem's approximation of the kernel by `components` of the rows, and a linear SVR on it.

    As many components as rows are no approximation. Memory: 24 n `components` bytes. The intercept, which the
    linear SVR penalises, counts from the median of `y`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVR

    basis = x[np.sort(np.random.default_rng(seed).permutation(len(x))[:components])]  # [m, d]
    values, vectors = np.linalg.eigh(rbf(basis, basis, gamma))
    root = (vectors / np.sqrt(np.maximum(values, 1e-12))) @ vectors.T  # [m, m], the kernel's power -1/2
    mapped = np.concatenate([rbf(x[i : i + BLOCK], basis, gamma) @ root for i in range(0, len(x), BLOCK)])  # [n, m]
    middle = float(np.median(y))
    linear = LinearSVR(C=C, epsilon=epsilon, tol=tol, max_iter=PASSES, dual=True, random_state=seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        linear.fit(mapped, y - middle)
    if caught:
        log.warning("svr: the linear SVR stopped after %d passes, before it converged; a smaller C helps", PASSES)
    machine = Machine(basis, root @ linear.coef_, float(linear.intercept_[0]) + middle, gamma)
    return machine, {"components": float(len(basis)), "converged": float(not caught)}


METHODS = {"exact": train_exact, "nystroem": train_nystroem, "accelerated": train_accelerated}


class Filled:
    """x with the training mean in its gaps and else as it is: what `Projection` is, for inputs of one scale."""

    def fit(self, x: np.ndarray) -> np.ndarray:
        """Learn the means of the training rows `x` [n, d]; returns them filled."""
        known = np.isfinite(x)
        mean = np.where(known, x, 0).sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)
        self._mean = mean.astype(np.float32)  # [d]
        return self.apply(x)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Filled `x` [n, d]."""
        return np.where(np.isfinite(x), x, self._mean)

    def save(self, file: Path) -> None:
        """Write the means as safetensors."""
        save_file({"mean": self._mean}, file)

    def load(self, file: Path) -> None:
        """Take back what `save` wrote."""
        self._mean = load_file(file)["mean"]


def number(gamma: str | float, x: np.ndarray) -> float:
    """Gamma as a number: `scale` is 1 / (d variance) and `auto` 1 / d of `x` [n, d]."""
    if gamma == "scale":
        return 1 / (x.shape[1] * (float(x.var(dtype=np.float64)) or 1 / x.shape[1]))
    return 1 / x.shape[1] if gamma == "auto" else float(gamma)
