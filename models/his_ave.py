"""HisAve of the UHAN paper: historical mean popularity, over all users or the user's own."""

from pathlib import Path
from typing import Literal

import numpy as np

from models.base import Examples, System
from models.constant import Constant
from models.user_mean import UserMean


class HisAve(System):
    """Mean of the training part. Source: Zhang et al., UHAN, 4.1.3, "historical average popularity"."""

    def __init__(self, *, by: Literal["global", "user"] = "global"):
        """`by`: one mean for all posts, or each user's own, and that of all for users not seen before."""
        self._mean: System = UserMean() if by == "user" else Constant(statistic="mean")
        self.columns = self._mean.columns

    def fit(self, train: Examples, validation: Examples) -> None:
        self._mean.fit(train, validation)

    def predict(self, posts: Examples) -> np.ndarray:
        return self._mean.predict(posts)

    def save(self, folder: Path) -> None:
        self._mean.save(folder)

    def load(self, folder: Path) -> None:
        self._mean.load(folder)

    def report(self) -> dict[str, float]:
        return self._mean.report()
