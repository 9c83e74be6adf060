"""Inputs made ready for networks and trees: gaps filled, columns on one scale, fewer dimensions by PCA.

Everything is learned from training rows. Shapes: n posts, d inputs, k components.
"""

import logging
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

log = logging.getLogger(__name__)


class Projection:
    """x -> ((x, gaps as the training mean) - mean) / spread, and from there onto the first components.

    Args:
        components: dimensions PCA keeps; None is no PCA.
        standardize: divide each column by its standard deviation in the training part.
    """

    def __init__(self, *, components: int | None = None, standardize: bool = True):
        self._components, self._standardize = components, standardize

    def fit(self, x: np.ndarray) -> np.ndarray:
        """Learn from the training rows `x` [n, d]; returns them projected [n, k or d].

        More components than rows or columns are cut to what there is, with a line in the log.
        """
        known = np.isfinite(x)
        count = np.maximum(known.sum(axis=0), 1)  # [d]
        mean = np.where(known, x, 0).sum(axis=0, dtype=np.float64) / count  # [d]
        self._arrays = {"mean": mean.astype(np.float32)}
        centred = np.where(known, x - self._arrays["mean"], 0)  # [n, d]
        spread = np.sqrt(np.square(centred).sum(axis=0, dtype=np.float64) / count)  # [d]
        constant = spread <= 1e-6 * np.abs(mean)
        scale = np.where(constant, 0, 1 / np.where(constant, 1, spread if self._standardize else 1))
        self._arrays["scale"] = scale.astype(np.float32)
        if self._components is not None:
            self._arrays["axes"] = self._principal(centred * self._arrays["scale"])
        return self.apply(x)

    def _principal(self, x: np.ndarray) -> np.ndarray:
        from sklearn.decomposition import PCA

        kept = min(self._components, *x.shape)
        if kept < self._components:
            log.warning("components: %d of %d, for there are %d rows of %d inputs", kept, self._components, *x.shape)
        if not x.any():
            return np.eye(kept, x.shape[1], dtype=np.float32)
        solver = "covariance_eigh" if len(x) >= x.shape[1] else "full"  # both exact
        return PCA(kept, svd_solver=solver).fit(x).components_.astype(np.float32)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Projected `x` [n, d], float32 [n, k or d]."""
        z = np.where(np.isfinite(x), x - self._arrays["mean"], 0) * self._arrays["scale"]  # [n, d]
        return z @ self._arrays["axes"].T if "axes" in self._arrays else z

    def save(self, file: Path) -> None:
        """Write what `fit` learned as safetensors."""
        save_file({name: np.ascontiguousarray(array) for name, array in self._arrays.items()}, file)

    def load(self, file: Path) -> None:
        """Take back what `save` wrote."""
        self._arrays = load_file(file)
