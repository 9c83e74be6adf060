"""How much was posted before a post, by its user, in its category and by everybody: no labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features.parts.past import LEVELS, Past, PastFeature, Timeline, column_of, days_of, stem
from pipeline.base.ranges import Positive
from pipeline.storage.earlier import TIME


class Activity(PastFeature):
    """Posts of the user and of the category so far: float32 columns. Source: none, ours.

    Strictly earlier posts of the dataset count, of whatever part: that something was posted is known, what became of it
    is not. Drafts see all of the dataset that is before them, those without a time nothing. Columns:
    `<user|category|everybody>_<posts_before|days_since_last|days_since_first|posts_in_<window>_days>`.
    """

    def __init__(
        self,
        *,
        by: list[str] | None = None,
        windows: Sequence[Positive] = (7, 90),
    ):
        """`by`: columns whose values are groups, null for user and category; `windows` in days."""
        self.by = list(LEVELS) if by is None else by
        if len(set(self.by)) < len(self.by):
            raise self.error("by", f"{self.by} must name columns, each once")
        self.windows = windows
        self.columns = (TIME, *self.by) if by else (TIME,)
        self._timelines: dict[str | None, Timeline] = {}

    def reads(self, available: Mapping[str, str]) -> list[str]:
        return [column for column in (TIME, *self.by) if column in available]

    @property
    def _groups(self) -> list[str | None]:
        return [*(column for column in self.by if column in self.given), None]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def names(self) -> list[str]:
        told = ["posts_before", "days_since_last", "days_since_first"]
        told += [f"posts_in_{window:g}_days" for window in self.windows]
        return [f"{stem(group)}_{what}" for group in self._groups for what in told]

    def look(self, past: Past) -> None:
        days = days_of(past.posts)
        self._timelines = {group: Timeline(column_of(past.posts, group), days) for group in self._groups}

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        days = days_of(posts)
        values = [self._of_group(group, column_of(posts, group), days) for group in self._groups]
        return np.concatenate(values, axis=1).astype(np.float32)

    def _of_group(self, group: str | None, values: np.ndarray, days: np.ndarray) -> np.ndarray:
        timeline = self._timelines[group]
        start, end = timeline.before(values, days)
        there = end > start
        first, last = (timeline.at(np.where(there, rows, -1)) for rows in (start, end - 1))
        lately = [end - np.maximum(start, timeline.before(values, days - window)[1]) for window in self.windows]
        return np.stack([end - start, days - last, days - first, *lately], axis=1)
