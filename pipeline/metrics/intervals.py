"""How well intervals hold what comes true. All work along the last axis; `low` and `high` [..., n] are their ends."""

import numpy as np

NAMES = ("coverage", "width")
"""What is told of intervals, in reports and as columns."""


def coverage(y: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Share of `y` [n] that lies inside, ends included."""
    return np.mean((low <= y) & (y <= high), axis=-1)


def width(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Mean width, on the scale of training."""
    return np.mean(high - low, axis=-1)
