"""Posts, features and splits joined into what systems are fed.

Shapes: n posts, d numbers a post.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.base import targets
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.base.targets import Transform
from pipeline.storage import store, vectors
from pipeline.storage.earlier import Earlier, earlier, in_order

PARTS = ("train", "validation", "test")
PADDING, UNKNOWN_WORD = 0, 1
"""Numbers of words that are none of the vocabulary; its first has the next one."""
BLOCK = 4096
"""Rows read at a time where a table is made of features."""
TABLE_BYTES = 512 * 2**20
"""Regions, pixels and the like that are more than this are no columns of a table."""


@dataclass(frozen=True)
class FeatureValues:
    """One feature of n posts: `rows` [n] of `stored` [m, *shape], all of them if None; NaN where a post has none.

    `stored` may be a file mapped to memory, larger than memory: only what is indexed is read, and copied. `names`
    are those of tabular columns; `sha256`, if known, is a hash of `stored`.
    """

    stored: np.ndarray
    names: list[str] | None = None
    rows: np.ndarray | None = None
    sha256: str | None = None

    def __len__(self) -> int:
        return len(self.stored if self.rows is None else self.rows)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """A copy of the values of posts, by a slice, a mask or positions, in their order."""
        return vectors.take(self.stored, self._places(rows))

    def _places(self, rows: Any) -> np.ndarray:
        return np.arange(len(self))[rows] if self.rows is None else self.rows[rows]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of `values`."""
        return (len(self), *self.stored.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of `values`."""
        return self.stored.dtype

    @property
    def width(self) -> int:
        """Numbers a post has, whatever their shape."""
        return int(np.prod(self.shape[1:], dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Of `values`."""
        return len(self) * self.width * self.dtype.itemsize

    @property
    def values(self) -> np.ndarray:
        """All values [n, *shape], of `rows` a copy."""
        return self.stored if self.rows is None else self[:]

    def take(self, rows: np.ndarray) -> "FeatureValues":
        """The same of the posts at positions `rows`; nothing is read yet."""
        return replace(self, rows=self._places(rows))

    def digest(self) -> str:
        """Hash of the values."""
        stored = self.sha256 or hashlib.sha256(np.ascontiguousarray(self.stored).data).hexdigest()
        rows = b"" if self.rows is None else self.rows.tobytes()
        return hashlib.sha256(f"{stored} {self.dtype} {self.shape}".encode() + rows).hexdigest()


@dataclass(frozen=True)
class Examples:
    """Posts of one part, with one target.

    `posts` has `post_id` and the columns the system declared; `features` those of its entry; `y` [n] is the
    target after its transform, None for posts not yet published. `target` and `transform` name both. `past`, for
    systems that look back, is all posts of the dataset that have a time, in its order and without `y`, whatever
    the part; so a test post sees the posts before it, and never what became of them.
    """

    posts: pd.DataFrame
    features: Mapping[str, FeatureValues] = field(default_factory=dict)
    y: np.ndarray | None = None
    target: str = ""
    transform: str = "identity"
    past: "Examples | None" = None

    def __len__(self) -> int:
        return len(self.posts)

    def earlier(self, by: str | None = None) -> Earlier:
        """For each post the posts of `past` strictly before it, those of the same value in column `by`."""
        if self.past is None:
            raise ValueError("these examples have no past: set looks_back on the system that asks for it")
        return earlier(self.posts, self.past.posts, by)

    def before(self, length: int, by: str | None = None) -> np.ndarray:
        """Rows of `past` of the last `length` posts before each post, oldest first: [n, length], -1 for none."""
        return self.earlier(by).rows(np.arange(len(self)), length)

    def take(self, rows: np.ndarray) -> "Examples":
        """The same for the posts at positions `rows`."""
        return replace(
            self,
            posts=self.posts.iloc[rows].reset_index(drop=True),
            features={k: v.take(rows) for k, v in self.features.items()},
            y=None if self.y is None else self.y[rows],
        )

    def matrix(self, features: Sequence[str], rows: slice = slice(None)) -> np.ndarray:
        """The named features side by side, of all posts or of those in `rows`: float32 [n, d], NaN for none.

        Features without any number, such as categories that no training post has, are one column of zeros, for no
        library takes a table of none.
        Raises `UserError` for regions, pixels and the like that are too large for memory.
        """
        ends = np.cumsum([self.features[name].width for name in features], dtype=np.int64)
        first, last, _ = rows.indices(len(self))
        table = np.zeros((last - first, max(1, ends[-1]) if len(ends) else 0), dtype=np.float32)
        for name, end in zip(features, ends, strict=True):
            values, width = self.features[name], self.features[name].width
            if len(values.shape) > 2 and values.nbytes > TABLE_BYTES:
                shape = "x".join(map(str, values.shape[1:]))
                raise UserError(f"features.{name}: {shape} numbers a post are too many for a system of tables")
            for start in range(first, last, BLOCK):
                block = values[start : min(start + BLOCK, last)]
                place = slice(start - first, start - first + len(block))
                table[place, end - width : end] = block.reshape(len(block), width)
        return table

    def blocks(self) -> Iterator[slice]:
        """All rows, so many at a time that their table is no burden."""
        for start in range(0, len(self), BLOCK):
            yield slice(start, start + BLOCK)

    def names(self, features: Sequence[str]) -> list[str]:
        """A name for each column of `matrix`: the feature's own, or `feature[i]`."""
        names = []
        for feature in features:
            values = self.features[feature]
            names += values.names or [f"{feature}[{i}]" for i in range(values.width)]
        return names or [f"{feature}, empty" for feature in features[:1]]


def joined(one: Examples, other: Examples) -> Examples:
    """The posts of both, one after the other, with what is known of them and their targets; they share a past."""
    if one.y is None or other.y is None:
        raise ValueError("only posts with a target are joined")
    posts = pd.concat([one.posts, other.posts], ignore_index=True)
    features = {name: _one_after_the_other(values, other.features[name]) for name, values in one.features.items()}
    return replace(one, posts=posts, features=features, y=np.concatenate([one.y, other.y]))


def _one_after_the_other(one: FeatureValues, other: FeatureValues) -> FeatureValues:
    if one.stored is other.stored:
        rows = np.concatenate([one._places(slice(None)), other._places(slice(None))])
        return replace(one, rows=rows)
    return FeatureValues(np.concatenate([one.values, other.values]), one.names)


class Dataset:
    """All posts with the features and columns of one system; gives out one part and target at a time.

    With `looks_back` all parts have the same `past`.
    """

    def __init__(self, paths: Paths, *, features: Sequence[str], columns: Sequence[str], looks_back: bool = False):
        self._posts = store.read_frame(paths.posts, ["post_id", *columns])
        splits = store.read_frame(paths.splits, ["post_id", "part"])
        rows = store.join_positions(splits["post_id"].to_numpy(), self._posts["post_id"].to_numpy(), str(paths.splits))
        self._parts = splits["part"].to_numpy()[rows]
        self._features = {name: feature_of(paths, name, self._posts["post_id"].to_numpy()) for name in features}
        self._looks_back = looks_back

    def parts(self, target: str, transform: str, columns: Sequence[str]) -> tuple[dict[str, Examples], Transform]:
        """Examples of each part that have a usable target, and the transform fitted on the training part."""
        usable = targets.usable(self._posts, target, transform)
        rows = {part: np.flatnonzero(usable & (self._parts == part)) for part in PARTS}
        if not len(rows["train"]):
            raise UserError(f"dataset.targets.{target}: no training post has a value that {transform} is defined for")
        raw, days = self._posts[target].to_numpy(np.float64, na_value=np.nan), targets.days_online(self._posts)
        fitted = Transform(transform)
        fitted.fit(raw[rows["train"]])
        return {part: self._take(r, target, fitted, raw, days, columns) for part, r in rows.items()}, fitted

    def _take(
        self,
        rows: np.ndarray,
        target: str,
        transform: Transform,
        raw: np.ndarray,
        days: np.ndarray | None,
        columns: Sequence[str],
    ) -> Examples:
        posts = self._posts[list(dict.fromkeys(["post_id", *columns]))].iloc[rows].reset_index(drop=True)
        y = transform.apply(raw[rows], None if days is None else days[rows])
        features = {k: v.take(rows) for k, v in self._features.items()}
        past = self._past(posts.columns) if self._looks_back else None
        return Examples(posts, features, y, target, transform.name, past)

    def _past(self, columns: Sequence[str]) -> Examples:
        posts: Any = self._posts[list(columns)]
        return _in_order(posts, self._features)


def unpublished(
    posts: pd.DataFrame,
    features: dict[str, FeatureValues],
    target: str,
    transform: str,
    past: Examples | None = None,
) -> Examples:
    """Examples of posts that have no target yet, in their order."""
    return Examples(posts.reset_index(drop=True), features, None, target, transform, past)


def read_past(paths: Paths, *, features: Sequence[str], columns: Sequence[str]) -> Examples:
    """The `past` of posts that are none of the dataset: all of its own."""
    every = read_posts(paths, features=features, columns=columns)
    return _in_order(every.posts, every.features)


def read_posts(paths: Paths, *, features: Sequence[str], columns: Sequence[str]) -> Examples:
    """All posts of the dataset, whatever their part, without a target."""
    posts = store.read_frame(paths.posts, list(dict.fromkeys(["post_id", *columns])))
    return Examples(posts, {name: feature_of(paths, name, posts["post_id"].to_numpy()) for name in features})


def _in_order(posts: pd.DataFrame, features: Mapping[str, FeatureValues]) -> Examples:
    order = in_order(posts)
    return Examples(posts.iloc[order].reset_index(drop=True), {k: v.take(order) for k, v in features.items()})


def feature_of(paths: Paths, name: str, post_ids: np.ndarray) -> FeatureValues:
    """A feature for posts of the dataset [n]; nothing is read yet."""
    table = store.read_feature(paths.feature(name))
    rows = store.join_positions(table.post_id, post_ids, str(paths.feature(name)))
    values = FeatureValues(table.values, table.names, sha256=table.sha256)
    return values if np.array_equal(rows, np.arange(len(table.post_id))) else values.take(rows)


def feature_rows(paths: Paths, feature: str, post_ids: Sequence[str]) -> np.ndarray:
    """Values [n, *shape] of a feature for posts of the dataset [n], reading no others."""
    path = paths.feature(feature)
    table = store.read_feature(path)
    return vectors.take(table.values, store.join_positions(table.post_id, np.asarray(post_ids), str(path)))


def post_rows(paths: Paths, post_ids: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """`post_id` and those of `columns` that posts.parquet has, for posts of the dataset in their order."""
    there = set(store.columns_of(paths.posts))
    frame = store.read_frame(paths.posts, ["post_id", *(c for c in columns if c in there)])
    rows = store.join_positions(frame["post_id"].to_numpy(), np.asarray(post_ids), str(paths.posts))
    return frame.iloc[rows].reset_index(drop=True)
