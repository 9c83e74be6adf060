"""Baseline that knows who posts and nothing else: the user's mean in the training part."""

from pathlib import Path

import numpy as np
import pandas as pd

from models.base import System
from pipeline.base.ranges import NotNegative
from pipeline.storage import store
from pipeline.storage.examples import Examples


class UserMean(System):
    """Predicts the mean of the user's training posts, and the mean of all for a user not seen there."""

    columns = ("user_id",)

    def __init__(self, *, shrinkage: NotNegative = 0.0):
        """`shrinkage` pulls a user's mean to that of all, as if by so many more posts of average popularity."""
        self.shrinkage = shrinkage

    def fit(self, train: Examples, validation: Examples) -> None:
        self._mean = float(np.mean(train.y))
        user = pd.Series(train.y).groupby(train.posts["user_id"].to_numpy())
        self._users = (user.sum() + self.shrinkage * self._mean) / (user.count() + self.shrinkage)

    def predict(self, posts: Examples) -> np.ndarray:
        return posts.posts["user_id"].map(self._users).astype(np.float64).fillna(self._mean).to_numpy()

    def save(self, folder: Path) -> None:
        store.write_json(folder / "mean.json", {"mean": self._mean})
        store.write_frame(folder / "users.parquet", self._users.rename("mean").rename_axis("user_id").reset_index())

    def load(self, folder: Path) -> None:
        self._mean = store.read_json(folder / "mean.json")["mean"]
        self._users = store.read_frame(folder / "users.parquet").set_index("user_id")["mean"]

    def report(self) -> dict[str, float]:
        return {"users": len(self._users)}
