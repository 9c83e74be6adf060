"""Which posts were there before others: for each of n posts, rows of the m posts of a dataset in order of time.

Strictly before: never the post itself, nor one of the same instant.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

TIME = "posted_at"
MICROSECONDS_PER_DAY = 86_400 * 10**6


@dataclass(frozen=True)
class Earlier:
    """For each of n posts its earlier ones: those of `order` from `start` up to `end`, without it, oldest first.

    `order` [m] is rows of the dataset's posts in order of time, those of one group side by side; `start` and `end`
    are [n]. Memory grows with n and m, whatever the length somebody asks for.
    """

    order: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def __len__(self) -> int:
        return len(self.end)

    def rows(self, posts: np.ndarray, length: int) -> np.ndarray:
        """The last `length` of the earlier ones of `posts` [b], positions among the n: [b, length], -1 for none."""
        places = self.end[posts, None] - length + np.arange(length)  # [b, length]
        there = places >= self.start[posts, None]  # [b, length]
        rows = np.full(there.shape, -1, dtype=np.int64)
        rows[there] = self.order[places[there]]
        return rows

    def counts(self) -> np.ndarray:
        """How many earlier ones each post has [n]."""
        return self.end - self.start

    def digest(self) -> str:
        """Hash of which are before which."""
        digest = hashlib.sha256()
        for part in (self.order, self.start, self.end):
            digest.update(part.tobytes())
        return digest.hexdigest()


def earlier(posts: pd.DataFrame, past: pd.DataFrame, by: str | None) -> Earlier:
    """The posts of `past` [m], which are in order of time, that are earlier than each of `posts` [n].

    Of those with the same value in column `by`, where one is named; a post without a time, or without that value, has
    no earlier ones.
    """
    then, now = instants(past), instants(posts)
    rank = np.searchsorted(then, now, side="left")  # [n], posts of any group before each
    of_past, of_posts = _groups(past, posts, by)
    # One number orders by group, then by time: rows of `past` are in order of time, and none comes twice.
    step = len(then) + 1
    keys = of_past * step + np.arange(len(then))
    order = np.argsort(keys, kind="stable")
    order = order[np.searchsorted(keys[order], 0) :]  # those without a group are in nobody's past
    start = np.searchsorted(keys[order], of_posts * step, side="left")
    end = np.searchsorted(keys[order], of_posts * step + rank, side="left")
    end = np.where((of_posts < 0) | posts[TIME].isna().to_numpy(), start, end)
    return Earlier(order, start, end)


def instants(posts: pd.DataFrame) -> np.ndarray:
    """When posts were posted, as whole microseconds [n]; the smallest number for those without a time."""
    return pd.to_datetime(posts[TIME], utc=True).dt.as_unit("us").dt.tz_localize(None).to_numpy().astype(np.int64)


def in_order(posts: pd.DataFrame) -> np.ndarray:
    """Rows of `posts` that have a time, in its order; those of one instant by `post_id`, wherever they stood."""
    order = np.lexsort((posts["post_id"].to_numpy(dtype=str), instants(posts)))
    return order[posts[TIME].notna().to_numpy()[order]]


def _groups(past: pd.DataFrame, posts: pd.DataFrame, by: str | None) -> tuple[np.ndarray, np.ndarray]:
    """A number for each value of the column [m], [n]; -1 where there is none."""
    if by is None:
        return np.zeros(len(past), np.int64), np.zeros(len(posts), np.int64)
    codes, _ = pd.factorize(pd.concat([past[by], posts[by]], ignore_index=True))
    return codes[: len(past)].astype(np.int64), codes[len(past) :].astype(np.int64)
