"""Baselines that look at nothing: the mean or the median of the training part."""

from pathlib import Path
from typing import Literal

import numpy as np

from models.base import System
from pipeline.storage import store
from pipeline.storage.examples import Examples


class Constant(System):
    """Predicts the same number for every post."""

    def __init__(self, *, statistic: Literal["mean", "median"] = "mean"):
        """`statistic` of the training targets: the mean is best for RMSE, the median for MAE."""
        self.statistic = statistic
        self.value = float("nan")

    def fit(self, train: Examples, validation: Examples) -> None:
        self.value = float(np.mean(train.y) if self.statistic == "mean" else np.median(train.y))

    def predict(self, posts: Examples) -> np.ndarray:
        return np.full(len(posts), self.value)

    def save(self, folder: Path) -> None:
        store.write_json(folder / "constant.json", {"value": self.value})

    def load(self, folder: Path) -> None:
        self.value = store.read_json(folder / "constant.json")["value"]
