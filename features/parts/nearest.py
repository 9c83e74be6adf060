"""The labelled posts that are most like others, of those they are shown, and what these say.

Shapes: k labelled posts in order of time, n posts asked for.
"""

from dataclasses import dataclass

import numpy as np

from features.parts.likeness import LENGTH, Units, products

OF_NEAREST = ("known", "mean", "spread", "similarity")
"""What is told: how many they are, mean and deviation of their labels, mean of their cosines."""
ROWS = 128
"""Posts compared at a time."""
PLACES = 2**28
"""More than there can be labelled posts: cosine and place make one number, below 2^63."""


@dataclass(frozen=True)
class Groups:
    """Of whom posts are: numbers of users and of folds, [n] each; -1 for none."""

    user: np.ndarray
    fold: np.ndarray


@dataclass(frozen=True)
class Window:
    """Which labelled posts each post may be compared with [n]: those from `start` up to `end`, without it."""

    start: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, days: np.ndarray, until: np.ndarray, latest: int) -> "Window":
        """The `latest` of those at `days` [k] strictly before `until` [n]; none before NaN."""
        end = np.where(np.isnan(until), 0, np.searchsorted(days, until, side="left"))
        return cls(np.maximum(end - latest, 0), end)


def nearest(
    units: Units, labelled: Units, window: Window, groups: Groups, of_labelled: Groups, *, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `most` labelled posts that are most like each post, the later ones of those that are as much so.

    Their places [n, most], -1 where there are fewer, and their cosines. Those of the post's own user or fold are not
    among them, nor those with which it shares nothing.
    """
    places = np.full((len(window.end), most), -1)
    cosines = np.zeros((len(window.end), most))
    order = np.argsort(window.end, kind="stable")  # posts of one time are compared with the same ones
    for rows in (order[i : i + ROWS] for i in range(0, len(order), ROWS)):
        low, high = window.start[rows].min(), window.end[rows].max()
        found = products(units[rows], labelled[low:high])
        for row, like in zip(rows, found, strict=True):
            start, end = window.start[row], window.end[row]
            others = np.ones(end - start, dtype=bool)
            for mine, theirs in ((groups.user[row], of_labelled.user), (groups.fold[row], of_labelled.fold)):
                if mine >= 0:
                    others &= theirs[start:end] != mine
            best = _largest(like[start - low : end - low], others, most)
            places[row, : len(best)], cosines[row, : len(best)] = start + best % PLACES, best // PLACES
    return places, cosines / LENGTH**2


def _largest(like: np.ndarray, others: np.ndarray, most: int) -> np.ndarray:
    """The `most` largest of those `others` of `like` that are above 0, each times `PLACES` and its place, in order."""
    there = np.flatnonzero(others & (like > 0))
    keys = like[there].astype(np.int64) * PLACES + there
    return np.sort(keys if len(keys) <= most else np.partition(keys, len(keys) - most)[-most:])


def told(places: np.ndarray, cosines: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The columns `OF_NEAREST` [n, 4] of labels `y` [k] at places [n, most]; NaN where nothing is known."""
    there = places >= 0
    known = there.sum(axis=1)
    n, labels = np.maximum(known, 1), np.append(y, 0.0)[places]  # the last, of no post, for -1
    mean = labels.sum(axis=1) / n
    spread = np.sqrt(np.where(there, (labels - mean[:, None]) ** 2, 0).sum(axis=1) / n)
    said = np.stack([mean, np.where(known > 1, spread, np.nan), cosines.sum(axis=1) / n], axis=1)
    return np.column_stack([known, np.where(known[:, None] > 0, said, np.nan)])
