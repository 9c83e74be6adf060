"""Who posts and when: the user's numbers as they stand, or their logarithms; the time of posting one-hot or in numbers.

Shapes: n posts.
"""

import itertools
from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.base import PostsFeature
from pipeline.storage.earlier import MICROSECONDS_PER_DAY, TIME, instants

DAYS_PER_YEAR = 365.25
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

    **Ours**, where asked for: of counts, the numbers that training has never below 0 and somewhere above 1, the
    columns `<column>_log2p1` and, of any two, `<column>_to_<column>_log2`; of the time `posted_days_after_first`, days
    since the first training post, `posted_weekday_utc`, `posted_hour_utc` with its fraction, and the day of the year as
    a point on a circle, `posted_year_sine` and `posted_year_cosine`.
    """

    dtype = "float32"
    group = "who"

    def __init__(
        self,
        *,
        columns: list[str] | None = None,
        hour: bool = True,
        logarithms: bool = False,
        time: Literal["one_hot", "numbers"] = "one_hot",
    ):
        """Which numbers.

        `columns` of the posts to take as they are, null for every number known before publication that the
        training part has; `hour`: also the hour of posting (UTC); `logarithms`: also those of counts and of their
        ratios; `time` of posting as columns of zeros and ones, or in numbers.
        """
        self.wanted = columns
        if len({*(columns or ())}) < len(columns or ()):
            raise self.error("columns", f"{columns} must name columns, each once")
        self.cycles = ["weekday", "month", *(["hour"] if hour else [])]
        self.logarithms, self.time = logarithms, time
        self.kept: list[str] = []
        self.counts: list[str] = []
        self.timed, self.first = False, 0

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
        counted = [f"{column}_log2p1" for column in self.counts]
        counted += [f"{one}_to_{other}_log2" for one, other in itertools.combinations(self.counts, 2)]
        return [*self.kept, *counted, *(self._times() if self.timed else ())]

    def _times(self) -> list[str]:
        if self.time == "one_hot":
            return [f"posted_{c}_utc_{value}" for c in self.cycles for value in CYCLES[c][0]]
        hour = ["posted_hour_utc"] if "hour" in self.cycles else []
        return ["posted_days_after_first", "posted_weekday_utc", *hour, "posted_year_sine", "posted_year_cosine"]

    @classmethod
    def group_of(cls, name: str) -> str:
        return "when" if name.startswith("posted_") else cls.group

    @property
    def needed(self) -> list[str]:
        return [*self.kept, *([TIME] if self.timed else [])]

    def fit(self, posts: pd.DataFrame) -> None:
        self.timed = TIME in posts
        self.kept = [c for c in posts.columns if c not in ("post_id", TIME) and posts[c].notna().any()]
        self.counts = [c for c in self.kept if posts[c].min() >= 0 and posts[c].max() > 1] if self.logarithms else []
        if self.timed and posts[TIME].notna().any():
            self.first = int(instants(posts[posts[TIME].notna()]).min())

    def state(self) -> dict[str, Any]:
        return {"columns": self.kept, "timed": self.timed, "counts": self.counts, "first": self.first}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.kept, self.timed = list(state["columns"]), state["timed"]
        self.counts, self.first = list(state["counts"]), state["first"]

    def numbers(self, posts: pd.DataFrame) -> np.ndarray:
        """Values [n, columns] of the columns that are kept."""
        return posts[self.kept].to_numpy(dtype=np.float32, na_value=np.nan)

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        parts = [self.numbers(posts).astype(np.float32, copy=False), self._logarithms(posts)]
        if self.timed and self.time == "one_hot":
            parts += [_one_hot(posts[TIME], c) for c in self.cycles]
        elif self.timed:
            parts.append(self._moment(posts))
        return np.concatenate(parts, axis=1)

    def _logarithms(self, posts: pd.DataFrame) -> np.ndarray:
        """Of counts, and the differences of any two, which are those of their ratios: [n, counts and pairs]."""
        counts = posts[self.counts].to_numpy(dtype=np.float64, na_value=np.nan)
        logs = np.log2(np.maximum(counts, 0) + 1).T
        ratios = [one - other for one, other in itertools.combinations(logs, 2)]
        return (
            np.stack([*logs, *ratios], axis=1).astype(np.float32)
            if len(logs)
            else np.empty((len(posts), 0), np.float32)
        )

    def _moment(self, posts: pd.DataFrame) -> np.ndarray:
        """The time of posting in the numbers of `_times` [n, 4 or 5]; NaN where there is none."""
        time, there = pd.to_datetime(posts[TIME], utc=True), posts[TIME].notna().to_numpy()
        after = (instants(posts) - self.first) / MICROSECONDS_PER_DAY
        hour = [(time.dt.hour + time.dt.minute / 60)] if "hour" in self.cycles else []
        turn = 2 * np.pi * time.dt.day_of_year / DAYS_PER_YEAR
        moment = np.stack([after, time.dt.day_of_week, *hour, np.sin(turn), np.cos(turn)], axis=1)
        return np.where(there[:, None], moment, np.nan).astype(np.float32)


def _one_hot(time: pd.Series, cycle: str) -> np.ndarray:
    """One-hot [n, values of the cycle] of times; NaN where there is none."""
    values, of = CYCLES[cycle]
    position = of(pd.to_datetime(time, utc=True)).to_numpy(dtype=np.float32, na_value=np.nan)[:, None]
    return np.where(np.isnan(position), np.nan, position == np.array(values)).astype(np.float32)
