"""What encoders are given: the pictures or the texts of posts, each under an id that is the hash of its content.

Equal contents share an id, and so their values; n posts have m different ones.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from features.base import EncodedFeature, ImageFeature, SentenceFeature
from pipeline.storage import store
from pipeline.storage.packs import shards_of

SHARD_TEXTS = 256
"""Texts a shard: what one worker embeds at a time, and what a kill can cost."""


@runtime_checkable
class Shard(Protocol):
    """Some contents that a worker reads, prepares and embeds."""

    def read(self) -> Iterator[tuple[str, Any]]:
        """Yield the id and the content of each."""

    @property
    def total(self) -> int:
        """How many there are."""


@dataclass(frozen=True)
class Contents(ABC):
    """The contents of posts: `ids` [n], None where a post has none."""

    ids: np.ndarray
    unit: ClassVar[str]

    @property
    def distinct(self) -> np.ndarray:
        """Ids [m], each once, in the order of the posts."""
        return pd.unique(self.ids[~pd.isna(self.ids)])

    @abstractmethod
    def shards(self, ids: Collection[str]) -> Sequence[Shard]:
        """Where the contents of distinct `ids` are to be read."""


@dataclass(frozen=True)
class Pictures(Contents):
    """Pictures, packed in a folder."""

    folder: Path
    unit = "image"

    def shards(self, ids: Collection[str]) -> Sequence[Shard]:
        return shards_of(self.folder.absolute(), ids)  # workers may be elsewhere


@dataclass(frozen=True)
class Texts(Contents):
    """Texts, in memory: `texts` [n]."""

    texts: np.ndarray
    unit = "text"

    def shards(self, ids: Collection[str]) -> Sequence[Shard]:
        """Texts of like length lie together, so that batches need little padding."""
        found = dict(zip(self.ids, self.texts, strict=True))
        pairs = sorted(((i, found[i]) for i in ids), key=lambda pair: (len(pair[1]), pair[0]))
        return [TextShard(tuple(pairs[i : i + SHARD_TEXTS])) for i in range(0, len(pairs), SHARD_TEXTS)]


class TextShard(NamedTuple):
    """Some texts with their ids."""

    pairs: tuple[tuple[str, str], ...]

    def read(self) -> Iterator[tuple[str, str]]:
        """Yield id and text."""
        return iter(self.pairs)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.pairs)


def contents_of(feature: EncodedFeature, posts: pd.DataFrame, images: Path) -> Contents:
    """What `feature` looks at in posts; `images` is the folder of their packed pictures."""
    if isinstance(feature, SentenceFeature):
        texts = feature.texts(posts)
        ids = [None if text is None else hashlib.sha256(text.encode()).hexdigest() for text in texts]
        return Texts(np.array(ids, dtype=object), texts)
    if not isinstance(feature, ImageFeature):
        raise TypeError(f"{type(feature).__name__} looks at neither pictures nor texts")
    where = images / "index.parquet"
    index = store.read_frame(where, ["post_id", "image_id"])
    rows = store.join_positions(index["post_id"].to_numpy(), posts["post_id"].to_numpy(), str(where))
    return Pictures(index["image_id"].to_numpy(dtype=object)[rows], images)
