"""Features of the posts before a post: all posts of the dataset, as they see them, and which a group had until when.

Strictly before: never the post itself, nor one of the same instant. Labels are those of the parts a feature names, no
others are even read, and a post that has one is asked about what was known before it, not about itself.

Shapes: n posts asked for, m posts of the dataset.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from features.base import EncodedFeature, PostsFeature
from pipeline.base import targets
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.base.targets import Transform
from pipeline.storage import store
from pipeline.storage.earlier import MICROSECONDS_PER_DAY, TIME, instants

LEVELS = ("user_id", "category")
"""Whose posts are looked at, where an entry does not say."""


@dataclass(frozen=True)
class Past:
    """The m posts of a dataset that posts may be later than."""

    posts: pd.DataFrame
    """`post_id`, the columns the feature reads and, named like its encoders, what these say of each: arrays or None."""
    part: np.ndarray
    """The part of each [m]."""
    y: np.ndarray
    """The label of each [m], transformed; NaN outside the parts that are read, and where there is none."""
    own: bool = True
    """Whether those asked for are these posts; drafts are not, and have none of their labels."""

    def digest(self, columns: Sequence[str]) -> str:
        """Hash of all that decides what is known of it, of these columns of posts."""
        frame = self.posts[["post_id", *columns]].assign(part=self.part, y=self.y)
        return store.hash_frame(frame[sorted(frame)])


class PastFeature(PostsFeature):
    """A feature of the posts before a post. What it learns is what it sees of the dataset, by `see`, not by `fit`."""

    dtype: ClassVar[str] = "float32"
    group: ClassVar[str] = "history"
    parts: Sequence[str] = ()
    """Parts whose labels it reads."""
    target: str | None = None
    """The column of these labels; None is the dataset's first target."""
    label: Mapping[str, str] | None = None
    """`target` and `transform` of the labels it has seen."""
    given: Sequence[str] = ()
    """Columns of the posts it was fitted on."""
    _seen: str | None = None

    @property
    def encoders(self) -> Mapping[str, EncodedFeature]:
        """Features, by the names of their files and without arguments, whose values of a post it is given as well."""
        return {}

    @property
    def needed(self) -> Sequence[str]:
        return ()  # a draft without a user or a time is a post of which that is unknown

    def choose_label(self, targets_of: Mapping[str, str]) -> dict[str, str] | None:
        """`target` and `transform` of its labels, of a dataset with these; None where it reads none."""
        if not self.parts:
            return None
        target = self.target or next(iter(targets_of))
        if target not in targets_of:
            raise self.error("target", f"'{target}' is none of dataset.targets: {', '.join(targets_of)}")
        return {"target": target, "transform": targets_of[target]}

    def see(self, past: Past, label: Mapping[str, str] | None = None) -> None:
        """Take the posts that others may be later than. Raises `UserError` where they are not those of training."""
        digest = past.digest(self.given)
        if self._seen not in (None, digest):
            raise UserError(
                f"{self._key}: the posts before, or their labels, changed since training; run dvc repro first"
            )
        self._seen, self.label = digest, label
        self.look(past)

    @abstractmethod
    def look(self, past: Past) -> None:
        """Prepare to be asked about posts that are later than these."""

    def missing(self, available: Collection[str]) -> list[str]:
        return [] if TIME in available else [TIME]

    def state(self) -> dict[str, Any]:
        return {"past": self._seen, "label": self.label, "columns": list(self.given)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._seen, self.label, self.given = state["past"], state["label"], tuple(state["columns"])

    def fit(self, posts: pd.DataFrame) -> None:
        self.given = tuple(sorted(set(posts) - {"post_id"}))


def read(paths: Paths, feature: PastFeature, label: Mapping[str, str] | None, *, own: bool) -> Past:
    """The posts of the dataset as a fitted feature may see them."""
    wanted = targets.columns_needed({label["target"]: label["transform"]}) if label else []
    frame = store.read_frame(paths.posts, list(dict.fromkeys(["post_id", *feature.given, *wanted])))
    splits = store.read_frame(paths.splits, ["post_id", "part"])
    rows = store.join_positions(splits["post_id"].to_numpy(), frame["post_id"].to_numpy(), str(paths.splits))
    part = splits["part"].to_numpy(dtype=object)[rows]
    y = np.full(len(frame), np.nan) if label is None else _labels(frame, part, feature.parts, **label)
    return Past(frame[["post_id", *feature.given]], part, y, own)


def _labels(frame: pd.DataFrame, part: np.ndarray, parts: Sequence[str], target: str, transform: str) -> np.ndarray:
    usable = targets.usable(frame, target, transform)
    raw, days = frame[target].to_numpy(np.float64, na_value=np.nan), targets.days_online(frame)
    fitted, rows = Transform(transform), usable & np.isin(part, list(parts))
    fitted.fit(raw[usable & (part == "train")])
    y = np.full(len(frame), np.nan)
    y[rows] = fitted.apply(raw[rows], None if days is None else days[rows])
    return y


def days_of(posts: pd.DataFrame) -> np.ndarray:
    """When posts were posted, in days [n]; NaN for those without a time."""
    if TIME not in posts:
        return np.full(len(posts), np.nan)
    return np.where(posts[TIME].isna(), np.nan, instants(posts) / MICROSECONDS_PER_DAY)


def column_of(posts: pd.DataFrame, name: str | None) -> np.ndarray:
    """The values of a column [n], None where there is none; without a name, everybody has the same."""
    if name is None:
        return np.full(len(posts), "", dtype=object)
    if name not in posts:
        return np.full(len(posts), None, dtype=object)
    return posts[name].astype(object).where(posts[name].notna(), None).to_numpy(dtype=object)


class Timeline:
    """m posts by group and, within one, by time. Those without a group or a time are in nobody's past."""

    def __init__(self, groups: np.ndarray, days: np.ndarray, tie: np.ndarray | None = None):
        """`groups` [m] of object, None for none; `days` [m]; those of one instant stand in the order of `tie` [m]."""
        self._index = pd.Index(sorted({*groups} - {None}), dtype=object)
        codes, tie = self._codes(groups), np.zeros(len(days)) if tie is None else tie
        rows = np.flatnonzero((codes >= 0) & ~np.isnan(days))
        self.rows = rows[np.lexsort((tie[rows], days[rows], codes[rows]))]
        """Rows of the m posts [k], in this order."""
        self.codes, self.days = codes[self.rows], days[self.rows]
        """Number of the group [k], days [k]."""
        self._sorted = np.sort(self.days)
        self._keys = self._key(self.codes, self.days)

    def at(self, places: np.ndarray) -> np.ndarray:
        """The days of those at places in this order [n]; NaN for -1."""
        return np.append(self.days, np.nan)[places]

    def _codes(self, groups: np.ndarray) -> np.ndarray:
        codes = self._index.get_indexer(pd.Index(groups, dtype=object))
        return np.where(pd.isna(groups), -1, codes).astype(np.int64)

    def _key(self, codes: np.ndarray, days: np.ndarray) -> np.ndarray:
        """One number that orders by group, then by how many posts of any are strictly before."""
        return codes * (len(self._sorted) + 1) + np.searchsorted(self._sorted, days, side="left")

    def before(self, groups: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where those of a group strictly before `ends` [n] start and end in this order, [n] each; NaN has none."""
        codes, none = self._codes(groups), np.isnan(ends)
        start = np.searchsorted(self._keys, codes * (len(self._sorted) + 1), side="left")
        end = np.searchsorted(self._keys, self._key(codes, np.where(none, 0.0, ends)), side="left")
        return start, np.where(none | (codes < 0), start, end)


def stem(group: str | None) -> str:
    """How columns of a group begin."""
    return "everybody" if group is None else group.removesuffix("_id")
