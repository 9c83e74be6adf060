"""Who posts and when, scaled for networks: the user vector of DSN."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.user_time import UserTime

TABLE_1 = ("is_public", "is_pro", "latitude", "longitude", "geo_accuracy")
CRAWLED = ("followers", "following", "user_views", "user_tags", "user_faves", "user_groups")
"""The numbers of the paper's Table 1: the dataset's own, and those it takes from the users' pages."""


class UserVector(UserTime):
    """Numbers of user and place, (x - mean) / deviation, and month, day and hour of posting in UTC, one-hot.

    Source: the paper `dsn`, section 3.6 and Table 1, without the user's embedding, which the system learns.
    **Ours**: mean and deviation are the training part's (the released code takes the whole set's), the deviation that
    of a population; a missing number is the mean, which is zero, a missing time is zeros; a number that is the same
    in all of training is zero. Columns: `<column>_standardised`, and those of `user_time` for times.
    """

    def __init__(self, *, columns: list[str] | None = None, day: Literal["month_day", "weekday"] = "month_day"):
        """Which numbers, and which day.

        `columns` of numbers, null for those of Table 1 that the data has; `day` of the month or of the week: the
        paper says "month, day and hour", its released code has the weekday (**ours**: the day of the month).
        """
        super().__init__(columns=columns)
        self.cycles = ["month", day, "hour"]
        self.means: list[float] = []
        self.deviations: list[float] = []

    def choose(self, numbers: list[str]) -> list[str]:
        return [column for column in (*TABLE_1, *CRAWLED) if column in numbers]

    @property
    def names(self) -> list[str]:
        return [*(f"{column}_standardised" for column in self.kept), *super().names[len(self.kept) :]]

    def fit(self, posts: pd.DataFrame) -> None:
        super().fit(posts)
        self.means, self.deviations = [], []
        for column in self.kept:
            values = posts[column].to_numpy(np.float64, na_value=np.nan)
            mean, deviation = _moments(values[np.isfinite(values)])
            self.means.append(mean)
            self.deviations.append(deviation)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "means": self.means, "deviations": self.deviations}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.means, self.deviations = list(state["means"]), list(state["deviations"])

    def numbers(self, posts: pd.DataFrame) -> np.ndarray:
        values = posts[self.kept].to_numpy(np.float64, na_value=np.nan) - self.means  # [n, columns]
        deviations = np.array(self.deviations)
        return np.divide(values, deviations, out=np.zeros_like(values), where=deviations > 0)

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        values = super().extract(posts)
        return np.where(np.isfinite(values), values, np.float32(0))


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and deviation, to the last bit the same in any order; zeros of none."""
    if not len(values):
        return 0.0, 0.0
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((values - mean) ** 2) / len(values))
