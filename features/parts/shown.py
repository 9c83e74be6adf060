"""Which labels of earlier posts a post is shown: until when, and of whose.

Shapes: m posts of the dataset, n posts asked for.
"""

import numpy as np
import pandas as pd
from pandas.util import hash_array

from features.parts.past import Past, PastFeature, column_of, days_of
from pipeline.storage.earlier import MICROSECONDS_PER_DAY

USER = "user_id"
MOMENT = 0.5 / MICROSECONDS_PER_DAY
"""Shorter than between any two instants; in days."""
NOBODY, FOLDS = -1, 10
"""Parts of the users, none of which sees labels of its own, where users asked for have none."""


class LabelFeature(PastFeature):
    """A feature of labels of earlier training posts; those of the test part are never read.

    **Matched**, so that what is learned from is known as well as what will be asked for: a test post sees labels
    that end well before it, at the end of training; each post that has a label itself therefore sees its past without
    the last days, as many as a test post lacks, drawn by chance. Where no user of the test part has a label, as in
    splits by users, nothing is told of users, and the labels of others alone are shown to a post, those of nine tenths
    of the users.
    """

    def __init__(self, *, target: str | None, validation: bool, matched: bool):
        """Which labels.

        `target`: their column, null for the first of dataset.targets; `validation`: labels of the validation part, too,
        which then is no part that nothing was learned from; `matched`: hide from each post with a label what a test
        post does not know.
        """
        self.target = target
        self.parts = ("train", "validation") if validation else ("train",)
        self._matched = matched
        self._shown: Shown | None = None

    def look(self, past: Past) -> None:
        self._shown = Shown(past, matched=self._matched)

    @property
    def shown(self) -> "Shown":
        """What posts are shown of the past it has seen."""
        if self._shown is None:
            raise TypeError(f"{self._key} has seen no past")
        return self._shown

    @property
    def called(self) -> str:
        """What its label is called in columns."""
        return "_".join((self.label or {}).values()).removesuffix("_identity")


class Shown:
    """What each post is shown of the labels of a past."""

    def __init__(self, past: Past, *, matched: bool):
        """`matched` as `LabelFeature` has it."""
        labelled, user = np.isfinite(past.y), column_of(past.posts, USER)
        asked, self._drafts = past.part == "test", not past.own
        self.strangers = matched and {*user[asked]}.isdisjoint({*user[labelled]} - {None})
        """Whether no user of a test post has a label."""
        self.fold = self._folds(user, labelled)
        """Of which part of the users each label is [m]; posts of the same are not shown it, but those of `NOBODY`."""
        hidden = self._hide(past, labelled) if matched else np.zeros(len(user))
        self._of_labelled = pd.DataFrame({"hidden": hidden, "fold": self.fold}, index=past.posts["post_id"].to_numpy())[
            labelled & past.own
        ]

    def _folds(self, user: np.ndarray, labelled: np.ndarray) -> np.ndarray:
        if not self.strangers:
            return np.full(len(user), NOBODY)
        return np.where(labelled, _chance(pd.Series(user, dtype="str")) * FOLDS // 1, NOBODY).astype(np.int64)

    def _hide(self, past: Past, labelled: np.ndarray) -> np.ndarray:
        """By how many days the labels that each post [m] sees end before it, drawn from what test posts lack."""
        days = days_of(past.posts)
        known, asked = np.sort(days[labelled & ~np.isnan(days)]), days[(past.part == "test") & ~np.isnan(days)]
        newest = np.searchsorted(known, asked, side="left") - 1
        lacking = np.sort(asked[newest >= 0] - known[newest[newest >= 0]])
        if not len(lacking):
            return np.zeros(len(days))
        return lacking[(_chance(past.posts["post_id"]) * len(lacking)).astype(np.int64)]

    def until(self, posts: pd.DataFrame) -> np.ndarray:
        """The days [n] before which posts see labels; NaN for none of them."""
        hidden = self._of(posts, "hidden", 0.0)
        # A test post sees the label by which its gap is measured; so does one whose last days are hidden.
        ends = days_of(posts) - hidden + np.where(hidden > 0, MOMENT, 0)
        if self._drafts:
            ends[np.isnan(ends)] = np.inf  # what has no time yet comes after all that is known
        return ends

    def of(self, posts: pd.DataFrame) -> np.ndarray:
        """The fold [n] whose labels posts are not shown; `NOBODY` for those that see all."""
        return self._of(posts, "fold", NOBODY).astype(np.int64)

    def _of(self, posts: pd.DataFrame, what: str, otherwise: float) -> np.ndarray:
        return self._of_labelled[what].reindex(posts["post_id"].to_numpy()).fillna(otherwise).to_numpy()


def _chance(ids: pd.Series) -> np.ndarray:
    """A number from 0 to below 1 for each id [n], by nothing else."""
    return hash_array(ids.to_numpy(dtype=object), categorize=False) / 2.0**64 * (1 - 1e-12)
