"""Who posts and how long the post has been up: numbers of a post, each divided by its training maximum."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.base import PostsFeature

ELAPSED, PER_MAXIMUM = "elapsed_hours", "_per_maximum"
TIMES = ("posted_at", "collected_at")


class Context(PostsFeature):
    """Followers and the hours between posting and collection, each divided by its maximum: float32 columns.

    Source: Zhang et al., Picture or Words, section 4.1. Ours: the maxima are the training part's (the paper
    divides by the whole set's 99,891 and 52,155), of absolute values, so that no column changes its sign. A
    missing number is NaN, as is all of a column the training part has no number of. Columns:
    `<column>_per_maximum`. The hours are no leak: whoever asks for a prediction says after how many.
    """

    dtype = "float32"
    group = "who"
    reads_horizon = True

    def __init__(self, *, columns: list[str] | None = None):
        """`columns` of numbers, `elapsed_hours` among them; null for followers and elapsed hours."""
        self.wanted = ["followers", ELAPSED] if columns is None else columns
        if not self.wanted or len(set(self.wanted)) < len(self.wanted):
            raise self.error("columns", f"{self.wanted} must name columns, each once")
        for name in set(self.wanted).intersection(TIMES):
            raise self.error("columns", f"'{name}' is a time; name {ELAPSED} for the hours between both")
        self.columns = tuple(c for name in self.wanted for c in (TIMES if name == ELAPSED else (name,)))
        self.maxima: list[float | None] = []

    def reads(self, available: Mapping[str, str]) -> list[str]:
        for column in self.columns:
            if column not in TIMES and available.get(column, "double") not in ("double", "float", "int64", "bool"):
                raise self.error("columns", f"'{column}' holds no numbers but {available[column]}")
        return super().reads(available)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.wanted),)

    @property
    def names(self) -> list[str]:
        return [f"{column}{PER_MAXIMUM}" for column in self.wanted]

    @classmethod
    def group_of(cls, name: str) -> str:
        return "when" if name == f"{ELAPSED}{PER_MAXIMUM}" else cls.group

    def fit(self, posts: pd.DataFrame) -> None:
        numbers = np.abs(self._numbers(posts))
        self.maxima = [float(c[~np.isnan(c)].max()) if not np.isnan(c).all() else None for c in numbers.T]

    def state(self) -> dict[str, Any]:
        return {"maxima": self.maxima}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.maxima = list(state["maxima"])

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        scale = np.array([np.nan if m is None else m or 1.0 for m in self.maxima])
        return (self._numbers(posts) / scale).astype(np.float32)

    def _numbers(self, posts: pd.DataFrame) -> np.ndarray:
        """The columns as they stand, float64 [n, columns]; what is not finite is NaN."""
        numbers = np.stack([_column(posts, name) for name in self.wanted], axis=1)
        return np.where(np.isfinite(numbers), numbers, np.nan)


def _column(posts: pd.DataFrame, name: str) -> np.ndarray:
    if name == ELAPSED:
        hours = (posts["collected_at"] - posts["posted_at"]).dt.total_seconds() / 3600
        return hours.to_numpy(dtype=np.float64, na_value=np.nan)
    return posts[name].to_numpy(dtype=np.float64, na_value=np.nan)
