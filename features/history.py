"""What became of the posts before a post: labels of the user's and of the category's earlier ones."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pandas.util import hash_array

from features.parts.labels import OF_ALL, OF_GROUP, Labels, of_all, of_group
from features.parts.past import LEVELS, Past, PastFeature, column_of, days_of, stem
from pipeline.storage.earlier import MICROSECONDS_PER_DAY, TIME

USER = "user_id"
MOMENT = 0.5 / MICROSECONDS_PER_DAY
"""Shorter than between any two instants; in days."""
NOBODY, FOLDS = -1, 10
"""Parts of the users, none of which sees labels of its own, where users asked for have none."""


class History(PastFeature):
    """Labels of earlier training posts of the user, of the category and of everybody: float32 columns.

    Source: none, ours. Of labels strictly before a post: how many are `known`; their mean, also pulled to everybody's
    as if by 2 and 8 more posts; the last, the last but one, the mean of the last three; median, smallest, largest,
    deviation; means in which the last 3 or 10 posts, or the last 30 or 365 days, count most; days since the last. What
    is not known is NaN. Labels of the test part are never read.

    **Matched**, so that what is learned from is known as well as what will be asked for: a test post sees labels
    that end well before it, at the end of training; each post that has a label itself therefore sees its past without
    the last days, as many as a test post lacks, drawn by chance. Where no user of the test part has a label, as in
    splits by users, nothing is told of users, and the labels of others alone are shown to a post, those of nine tenths
    of the users.
    Columns: `<user|category|everybody>_<target>_<transform>_<what>`.
    """

    def __init__(
        self, *, target: str | None = None, by: list[str] | None = None, validation: bool = False, matched: bool = True
    ):
        """Which labels.

        `target`: their column, null for the first of dataset.targets; `by`: columns whose values are groups, null for
        user and category; `validation`: labels of the validation part, too, which then is no part that nothing was
        learned from; `matched`: hide from each post with a label what a test post does not know.
        """
        self.target = target
        self.by = list(LEVELS) if by is None else by
        if len(set(self.by)) < len(self.by):
            raise self.error("by", f"{self.by} must name columns, each once")
        self.parts = ("train", "validation") if validation else ("train",)
        self.columns = (TIME, *self.by)
        self._matched, self._strangers, self._drafts = matched, False, False
        self._of_labelled = pd.DataFrame({"hidden": [], "fold": []})
        self._labels: dict[int, dict[str | None, Labels]] = {}

    def reads(self, available: Mapping[str, str]) -> list[str]:
        return [column for column in dict.fromkeys((TIME, USER, *self.by)) if column in available]

    @property
    def _groups(self) -> list[str]:
        return [c for c in self.by if c in self.given and not (self._strangers and c == USER)]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def names(self) -> list[str]:
        told = {None: OF_ALL, **dict.fromkeys(self._groups, OF_GROUP)}
        label = "_".join((self.label or {}).values()).removesuffix("_identity")
        return [f"{stem(group)}_{label}_{what}" for group, names in told.items() for what in names]

    def look(self, past: Past) -> None:
        labelled, days, user = np.isfinite(past.y), days_of(past.posts), column_of(past.posts, USER)
        asked, self._drafts = past.part == "test", not past.own
        self._strangers = self._matched and {*user[asked]}.isdisjoint({*user[labelled]} - {None})
        fold = self._folds(user, labelled)
        self._of_labelled = pd.DataFrame(
            {"hidden": self._hide(past, days, labelled), "fold": fold}, index=past.posts["post_id"].to_numpy()
        )[labelled & past.own]
        shown = {one: labelled & ((fold != one) | (one == NOBODY)) for one in (NOBODY, *np.unique(fold[labelled]))}
        self._labels = {int(one): self._others(past, rows, days) for one, rows in shown.items()}

    def _folds(self, user: np.ndarray, labelled: np.ndarray) -> np.ndarray:
        """Which labels each post [m] is not shown, those of users of the same number."""
        if not self._strangers:
            return np.full(len(user), NOBODY)
        return np.where(labelled, _chance(pd.Series(user, dtype="str")) * FOLDS // 1, NOBODY).astype(np.int64)

    def _hide(self, past: Past, days: np.ndarray, labelled: np.ndarray) -> np.ndarray:
        """By how many days the labels that each post [m] sees end before it, drawn from what test posts lack."""
        known, asked = np.sort(days[labelled & ~np.isnan(days)]), days[(past.part == "test") & ~np.isnan(days)]
        newest = np.searchsorted(known, asked, side="left") - 1
        lacking = np.sort(asked[newest >= 0] - known[newest[newest >= 0]])
        if not self._matched or not len(lacking):
            return np.zeros(len(days))
        return lacking[(_chance(past.posts["post_id"]) * len(lacking)).astype(np.int64)]

    def _others(self, past: Past, rows: np.ndarray, days: np.ndarray) -> dict[str | None, Labels]:
        y = np.where(rows, past.y, 0.0)
        return {g: Labels(column_of(past.posts, g), np.where(rows, days, np.nan), y) for g in (None, *self._groups)}

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        days = days_of(posts)
        own = self._of_labelled.reindex(posts["post_id"].to_numpy())
        hidden = own["hidden"].fillna(0).to_numpy()
        # A test post sees the label by which its gap is measured; so does one whose last days are hidden.
        ends = days - hidden + np.where(hidden > 0, MOMENT, 0)
        if self._drafts:
            ends[np.isnan(ends)] = np.inf  # what has no time yet comes after all that is known
        fold = own["fold"].fillna(NOBODY).to_numpy()
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


def _chance(ids: pd.Series) -> np.ndarray:
    """A number from 0 to below 1 for each id [n], by nothing else."""
    return hash_array(ids.to_numpy(dtype=object), categorize=False) / 2.0**64 * (1 - 1e-12)
