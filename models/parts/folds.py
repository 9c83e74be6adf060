"""Training posts cut into folds, each to be predicted by what learned from others, as the test part is.

Shapes: n posts.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.storage.earlier import TIME, instants
from pipeline.storage.examples import Examples


@dataclass(frozen=True)
class Fold:
    """One fold: `posts` are predicted by what learns from `train` and `validation` as a system does from the parts."""

    train: Examples
    validation: Examples
    posts: Examples


def fold_rows(n: int, folds: int, seed: int) -> list[np.ndarray]:
    """Rows of each of at most `folds` random parts of nearly the same size, none of them empty."""
    return np.array_split(np.random.default_rng(seed).permutation(n), min(folds, n))


def folds(train: Examples, validation: Examples, *, by: str | None, count: int, seed: int) -> list[Fold]:
    """At most `count` - 1 folds of the training part; the validation part is one more, predicted by `train`'s system.

    `by` is the column of posts that decided the parts. By time they are the last blocks, oldest first, each as large as
    the validation part, or larger where posts are of one instant, and learned from what lies before it, the block next
    to it as its validation part; fewer where nothing does. By another column all posts of one value are in one fold,
    and by none each is by chance; what learns from the other folds has the validation part for its own.
    """
    if count < 2 or not len(validation):
        return []
    return _blocks(train, len(validation), count) if by == TIME else _dealt(train, validation, by, count, seed)


def _blocks(train: Examples, size: int, count: int) -> list[Fold]:
    times = instants(train.posts)
    order, edges = np.argsort(times, kind="stable"), [len(train)]
    for _ in range(count):
        nominal = max(0, edges[-1] - size)
        edges.append(int(np.searchsorted(times[order], times[order][nominal])))  # posts of one instant stay together
    cuts = zip(edges, edges[1:], edges[2:], strict=False)
    rows = [(order[:second], order[second:first], order[first:end]) for end, first, second in cuts]
    return [Fold(*(train.take(np.sort(part)) for part in three)) for three in reversed(rows) if all(map(len, three))]


def _dealt(train: Examples, validation: Examples, by: str | None, count: int, seed: int) -> list[Fold]:
    value = np.arange(len(train)) if by is None else train.posts[by].factorize()[0]
    held = [np.isin(value, of) for of in fold_rows(int(value.max()) + 1, count - 1, seed)]
    return [Fold(train.take(np.flatnonzero(~of)), validation, train.take(np.flatnonzero(of))) for of in held]
