"""A post among the posts before it, as networks are fed: gathered a batch at a time from where the values lie.

Shapes: n posts, m posts of the dataset in order of time, b posts a batch, l posts a window, the post itself last.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pipeline.storage.earlier import Earlier
from pipeline.storage.examples import FeatureValues


@runtime_checkable
class Rows(Protocol):
    """Which posts of the dataset are before each of n posts, such as `Earlier`."""

    def __len__(self) -> int:
        """Posts."""

    def rows(self, posts: np.ndarray, length: int) -> np.ndarray:
        """The last `length` before posts [b], by their positions: [b, length], oldest first, -1 for none."""

    def digest(self) -> str:
        """Hash of them."""


@dataclass(frozen=True)
class Window:
    """Values of posts and of those before them: [n, l, *shape], `fill` where there are fewer before."""

    own: FeatureValues
    past: FeatureValues
    earlier: Rows
    length: int
    fill: int = 0

    def __len__(self) -> int:
        return len(self.own)

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, l, *shape]."""
        return (len(self), self.length, *self.own.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return self.own.dtype

    def __getitem__(self, posts: Any) -> np.ndarray:
        """Windows of posts [b] by their positions: [b, l, *shape], copied from where they lie."""
        posts = np.arange(len(self))[posts]
        rows = self.earlier.rows(posts, self.length - 1)  # [b, l - 1]
        values = np.full((len(posts), *self.shape[1:]), self.fill, dtype=self.dtype)
        there = rows >= 0  # [b, l - 1]
        values[:, :-1][there] = self.past[rows[there]]
        values[:, -1] = self.own[posts]
        return values

    def digest(self) -> str:
        """Hash of the values, by what they are made of."""
        return _digest(self.own.digest(), self.past.digest(), self.earlier.digest(), self.length, self.fill)


@dataclass(frozen=True)
class Present:
    """Which posts of a window there are: [n, l] of bool, true for the post itself."""

    earlier: Earlier
    length: int

    def __len__(self) -> int:
        return len(self.earlier)

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, l]."""
        return (len(self), self.length)

    @property
    def dtype(self) -> np.dtype:
        """Of bool."""
        return np.dtype(bool)

    def __getitem__(self, posts: Any) -> np.ndarray:
        """Of posts [b] by their positions: [b, l]."""
        posts = np.arange(len(self))[posts]
        before = np.minimum(self.earlier.counts()[posts], self.length - 1)[:, None]  # [b, 1]
        return np.arange(self.length) >= self.length - 1 - before

    def digest(self) -> str:
        """Hash of the values, by what they are made of."""
        return _digest(self.earlier.digest(), self.length)


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else f"{part} ".encode())
    return digest.hexdigest()
