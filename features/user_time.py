"""Who posts and when: the user's numbers as they stand, and one-hot weekday, month and hour of posting."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.base import PostsFeature

TIME = "posted_at"
CYCLES = {
    "weekday": (range(7), lambda time: time.dt.day_of_week),
    "month": (range(1, 13), lambda time: time.dt.month),
    "month_day": (range(1, 32), lambda time: time.dt.day),
    "hour": (range(24), lambda time: time.dt.hour),
}


class UserTime(PostsFeature):
    """Numbers of user and place in their own units, and the time of posting in UTC, one-hot.

    Source: the tabular inputs of the paper `xgb-clip`. A missing number or time is NaN. Columns:
    `<column>` and `posted_<weekday|month|hour>_utc_<value>`, weekday 0 being Monday.
    """

    dtype = "float32"

    def __init__(self, *, columns: list[str] | None = None, hour: bool = True):
        """Which numbers.

        `columns` of the posts to take as they are, null for every number known before publication that the
        training part has; `hour`: also the hour of posting (UTC).
        """
        self.wanted = columns
        if len({*(columns or ())}) < len(columns or ()):
            raise self.error("columns", f"{columns} must name columns, each once")
        self.cycles = ["weekday", "month", *(["hour"] if hour else [])]
        self.kept: list[str] = []
        self.timed = False

    def missing(self, available: Collection[str]) -> list[str]:
        return [column for column in self.wanted or () if column not in available]

    def reads(self, available: Mapping[str, str]) -> list[str]:
        numbers = [column for column, kind in available.items() if kind == "double"]
        chosen = [c for c in (self.choose(numbers) if self.wanted is None else self.wanted) if c in available]
        for column in chosen:
            if column not in numbers:
                raise self.error("columns", f"'{column}' holds no numbers; remove it")
        return [*chosen, *([TIME] if TIME in available else [])]

    def choose(self, numbers: list[str]) -> list[str]:
        """Columns to take of those that are `numbers`, where the entry names none."""
        return numbers

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def names(self) -> list[str]:
        cycles = self.cycles if self.timed else []
        return [*self.kept, *(f"posted_{c}_utc_{value}" for c in cycles for value in CYCLES[c][0])]

    @property
    def needed(self) -> list[str]:
        return [*self.kept, *([TIME] if self.timed else [])]

    def fit(self, posts: pd.DataFrame) -> None:
        self.timed = TIME in posts
        self.kept = [c for c in posts.columns if c not in ("post_id", TIME) and posts[c].notna().any()]

    def state(self) -> dict[str, Any]:
        return {"columns": self.kept, "timed": self.timed}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.kept, self.timed = list(state["columns"]), state["timed"]

    def numbers(self, posts: pd.DataFrame) -> np.ndarray:
        """Values [n, columns] of the columns that are kept."""
        return posts[self.kept].to_numpy(dtype=np.float32, na_value=np.nan)

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        parts = [self.numbers(posts).astype(np.float32, copy=False)]
        parts += [_one_hot(posts[TIME], c) for c in self.cycles] if self.timed else []
        return np.concatenate(parts, axis=1)


def _one_hot(time: pd.Series, cycle: str) -> np.ndarray:
    """One-hot [n, values of the cycle] of times; NaN where there is none."""
    values, of = CYCLES[cycle]
    position = of(pd.to_datetime(time, utc=True)).to_numpy(dtype=np.float32, na_value=np.nan)[:, None]
    return np.where(np.isnan(position), np.nan, position == np.array(values)).astype(np.float32)
