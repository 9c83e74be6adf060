"""What became of the posts before a post: labels of the user's and of the category's earlier ones."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.parts.labels import OF_ALL, OF_GROUP, Labels, of_all, of_group
from features.parts.past import LEVELS, Past, column_of, days_of, stem
from features.parts.shown import NOBODY, USER, LabelFeature
from pipeline.storage.earlier import TIME


class History(LabelFeature):
    """Labels of earlier training posts of the user, of the category and of everybody: float32 columns.

    Source: none, ours. Of labels strictly before a post: how many are `known`; their mean, also pulled to everybody's
    as if by 2 and 8 more posts; the last, the last but one, the mean of the last three; median, smallest, largest,
    deviation; means in which the last 3 or 10 posts, or the last 30 or 365 days, count most; days since the last. What
    is not known is NaN.
    Columns: `<user|category|everybody>_<target>_<transform>_<what>`.
    """

    def __init__(
        self, *, target: str | None = None, by: list[str] | None = None, validation: bool = False, matched: bool = True
    ):
        """`by`: columns whose values are groups, null for user and category; the rest as `LabelFeature`."""
        super().__init__(target=target, validation=validation, matched=matched)
        self.by = list(LEVELS) if by is None else by
        if len(set(self.by)) < len(self.by):
            raise self.error("by", f"{self.by} must name columns, each once")
        self.columns = (TIME, *self.by)
        self._labels: dict[int, dict[str | None, Labels]] = {}

    def reads(self, available: Mapping[str, str]) -> list[str]:
        return [column for column in dict.fromkeys((TIME, USER, *self.by)) if column in available]

    @property
    def _groups(self) -> list[str]:
        return [c for c in self.by if c in self.given and not (c == USER and self.shown.strangers)]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def names(self) -> list[str]:
        told = {None: OF_ALL, **dict.fromkeys(self._groups, OF_GROUP)}
        return [f"{stem(group)}_{self.called}_{what}" for group, names in told.items() for what in names]

    def look(self, past: Past) -> None:
        super().look(past)
        labelled, fold, days = np.isfinite(past.y), self.shown.fold, days_of(past.posts)
        shown = {one: labelled & ((fold != one) | (one == NOBODY)) for one in (NOBODY, *np.unique(fold[labelled]))}
        self._labels = {int(one): self._others(past, rows, days) for one, rows in shown.items()}

    def _others(self, past: Past, rows: np.ndarray, days: np.ndarray) -> dict[str | None, Labels]:
        y = np.where(rows, past.y, 0.0)
        return {g: Labels(column_of(past.posts, g), np.where(rows, days, np.nan), y) for g in (None, *self._groups)}

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        days, ends, fold = days_of(posts), self.shown.until(posts), self.shown.of(posts)
        values = np.full((len(posts), len(self.names)), np.nan, dtype=np.float32)
        for one in np.unique(fold):
            rows = np.flatnonzero(fold == one)
            values[rows] = self._told(self._labels[int(one)], posts.iloc[rows], days[rows], ends[rows])
        return values

    def _told(
        self, labels: dict[str | None, Labels], posts: pd.DataFrame, days: np.ndarray, ends: np.ndarray
    ) -> np.ndarray:
        told = [of_all(labels[None].before(column_of(posts, None), ends))]
        level = told[0][:, OF_ALL.index("mean")]
        told += [of_group(labels[g].before(column_of(posts, g), ends), level, days) for g in self._groups]
        return np.concatenate(told, axis=1)
