"""Moving averages: the numbers of a post averaged with those of its user's posts just before it.

Wang, Wang, Chen, Huang, Mao and Zhang, A Feature Generalization Framework for Social Media Popularity Prediction
(ACM Multimedia 2020); the window of `catboost_window`, and of `multi_view`.

Ours: it is divided by how many posts there are, each number by how many of them have it, so that first posts are not
smaller than others (`fill`, as released, takes those that are missing for zeros); a post is full or not by the posts up
to it, where the released code counts all posts of its user, later ones too (`partial`).

Shapes: n posts, b posts a batch, w posts a window, the post itself last.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from models.parts.windows import Present, Window
from pipeline.storage.earlier import Earlier
from pipeline.storage.examples import BLOCK, Examples, FeatureValues

Fill = Literal["present", "zero"]
BY = "user_id"


@dataclass(frozen=True)
class MovingAverage:
    """Means over the windows of posts: float32 [n, *shape], NaN for numbers that no post of the window has.

    `length` posts are in a window, the post itself and those before it that are `earlier`. What a window lacks counts
    as nothing, or as zeros where `fill` says so. Without `partial`, only full windows are averaged, and a post with
    fewer before it stays as it is.
    """

    own: FeatureValues
    past: FeatureValues
    earlier: Earlier
    length: int
    fill: Fill = "present"
    partial: bool = True

    def __len__(self) -> int:
        return len(self.own)

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, *shape]."""
        return self.own.shape

    @property
    def dtype(self) -> np.dtype:
        """Of float32."""
        return np.dtype(np.float32)

    @cached_property
    def _window(self) -> Window:
        return Window(self.own, self.past, self.earlier, self.length)

    @cached_property
    def _present(self) -> Present:
        return Present(self.earlier, self.length)

    def __getitem__(self, posts: Any) -> np.ndarray:
        """Means of posts [b] by their positions: [b, *shape]."""
        values, present = self._window[posts].astype(np.float32), self._present[posts]  # [b, w, *shape], [b, w]
        there = np.isfinite(values) & np.expand_dims(present, tuple(range(2, values.ndim)))  # [b, w, *shape]
        total = np.where(there, values, 0).sum(axis=1)  # [b, *shape]
        if self.fill == "zero":
            means = total / np.float32(self.length)
        else:
            count = there.sum(axis=1, dtype=np.float32)  # [b, *shape]
            means = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        if not self.partial:
            alone = ~present[:, 0]
            means[alone] = values[alone, -1]
        return means

    def digest(self) -> str:
        """Hash of the means, by what they are made of."""
        made_of = f"{self._window.digest()} {self.fill} {self.partial}"
        return hashlib.sha256(made_of.encode()).hexdigest()


def named(feature: str, length: int) -> str:
    """What the averages of a feature, or of one of its columns, are called."""
    return f"{feature}, mean of {length}"


def averaged(
    posts: Examples, features: Sequence[str], length: int, *, fill: Fill = "present", partial: bool = True
) -> dict[str, FeatureValues]:
    """Moving averages over the user's own posts of the named features, by names that say so, with theirs likewise.

    For systems of tables: all of them at once in memory, beside `posts.features`.
    """
    earlier, found = posts.earlier(BY), {}
    for name in features:
        means = MovingAverage(posts.features[name], posts.past.features[name], earlier, length, fill, partial)
        table = np.empty(means.shape, dtype=np.float32)
        for start in range(0, len(posts), BLOCK):
            table[start : start + BLOCK] = means[start : start + BLOCK]
        names = [named(column, length) for column in posts.names([name])] if means.own.width else []
        found[named(name, length)] = FeatureValues(table, names)
    return found
