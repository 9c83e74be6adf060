"""Which of a user's earlier posts say something about the next: DTCN's contexts, chosen for all posts at once.

Wu, Cheng, Zhang, Huang, Li and Mei, Sequential Prediction of Social Media Popularity with Deep Temporal Context
Networks (DTCN), as released, where one post a block of hours is drawn. Ours: it is the newest.

Blocks are of the hours 2-6, 6-10, 10-14, 14-18, 18-22 and 22-2, which is one block of the day it begins. Hours are
those of `posted_at`, UTC, for no dataset says where the author's clock stood: where summer time begins, who posts at
the same hour by the clock posts an hour earlier, and at the edge of a block in another one.

Shapes: n posts, m posts of the dataset, those of a user side by side in order of time, k posts a context, l = k + 1
with the post itself, r runs: the posts of a user in a block.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.storage.earlier import instants
from pipeline.storage.examples import Examples

Context = Literal["neighbouring", "periodic"]
SECOND = 10**6
"""Microseconds, as all times here."""
HOUR = 3600 * SECOND
DAY = 24 * HOUR
BLOCK, BEGIN, BLOCKS_A_DAY = 4 * HOUR, 2 * HOUR, 6
FADES = 1e5
"""Seconds after which a post counts 1/e."""


@dataclass(frozen=True)
class Chosen:
    """For each of n posts rows of the dataset's posts in order of time: `chosen` [n, k], -1 for none."""

    chosen: np.ndarray

    def __len__(self) -> int:
        return len(self.chosen)

    def rows(self, posts: np.ndarray, length: int) -> np.ndarray:
        """The last `length` chosen for posts [b], by their positions: [b, length]."""
        return self.chosen[posts, self.chosen.shape[1] - length :]

    def digest(self) -> str:
        """Hash of them."""
        return hashlib.sha256(f"{self.chosen.shape}".encode() + self.chosen.tobytes()).hexdigest()


def choose(posts: Examples, contexts: Sequence[Context], *, steps: int, days: float) -> dict[Context, np.ndarray]:
    """Rows of `posts.past`, `steps` a context or fewer, of the last `days`: [n, steps], oldest first, -1 for none.

    `neighbouring` are the newest post of each of the last blocks with posts, the post's own among them; `periodic`
    those of the same hours on earlier days. All are strictly earlier than the post.
    """
    runs = _Runs(posts)
    oldest = runs.now - round(days * DAY)  # [n]
    chosen = {}
    for context in contexts:
        places, there = runs.neighbouring(steps) if context == "neighbouring" else runs.periodic(steps)  # [n, k]
        rows = np.full(there.shape, -1, dtype=np.int64)
        there[there] = runs.times[places[there]] >= np.broadcast_to(oldest[:, None], there.shape)[there]
        rows[there] = runs.order[places[there]]
        chosen[context] = rows
    return chosen


class _Runs:
    """The posts of each user in each block, newest last, and where a post's earlier ones stand among them."""

    def __init__(self, posts: Examples):
        earlier = posts.earlier("user_id")
        self.order, self.start, self.end = earlier.order, earlier.start, earlier.end
        self.any = self.end > self.start  # [n]
        self.now = np.where(self.any, instants(posts.posts), 0)  # [n]
        self.times = instants(posts.past.posts)[self.order]  # [m]
        names = posts.past.posts["user_id"].to_numpy(dtype=object)[self.order]  # [m]
        self.block, another = block(self.times), np.ones(len(names), dtype=bool)
        another[1:] = names[1:] != names[:-1]
        self.user = np.cumsum(another)  # [m]
        another[1:] |= self.block[1:] != self.block[:-1]
        self.run = np.cumsum(another) - 1  # [m]
        self.newest = np.flatnonzero(np.append(another[1:], True)[: len(names)])  # [r]

    def neighbouring(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Places [n, k] among the m, and whether there is such a post."""
        if not self.any.any():
            return self._none(steps)
        last = np.where(self.any, self.end - 1, 0)  # [n], of its block, or of its user before the post
        runs = self.run[last, None] - np.arange(steps - 1, -1, -1)  # [n, k]
        places = self.newest[np.maximum(runs, 0)]
        places[:, -1:] = last[:, None]
        return places, self.any[:, None] & (runs >= 0) & (places >= self.start[:, None])

    def periodic(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The same of blocks of the same hours, but not the post's own."""
        if not self.any.any():
            return self._none(steps)
        # One number orders runs by user, then by hours, then by day.
        first, span = self.block.min(), np.ptp(self.block) + 2
        blocks, own = self.block[self.newest], block(self.now)  # [r], [n]
        keys = (self.user[self.newest] * BLOCKS_A_DAY + blocks % BLOCKS_A_DAY) * span + blocks - first  # [r]
        order = np.argsort(keys)
        user = self.user[np.where(self.any, self.start, 0)]  # [n]
        least = (user * BLOCKS_A_DAY + own % BLOCKS_A_DAY) * span  # [n]
        ends = np.searchsorted(keys[order], least + np.clip(own - first, 0, span - 1))  # [n]
        at = ends[:, None] - np.arange(steps, 0, -1)  # [n, k]
        runs = order[np.maximum(at, 0)]
        return self.newest[runs], self.any[:, None] & (at >= 0) & (keys[runs] >= least[:, None])

    def _none(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        shape = (len(self.end), steps)
        return np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)


def block(times: np.ndarray) -> np.ndarray:
    """Which block of four hours since 1970 instants lie in [n]."""
    return (times - BEGIN) // BLOCK


def steps_in_time(posts: Examples, chosen: np.ndarray, days: float) -> tuple[np.ndarray, np.ndarray]:
    """How much each step of a context counts, and what is known of its time.

    Weights [n, l] are the softmax of exp(-Δt / 1e5 s), Δt to the step that follows, over those there are, and of 1 for
    the post itself, the last; zero where there is no step. Ours, of a context's time [n, 3]: the share of its places
    that are taken, the share of the days that it reaches back, and exp(-Δt / 1e5 s) of its newest post.
    """
    there = chosen >= 0  # [n, k]
    now = np.where(there.any(1), instants(posts.posts), 0)[:, None]  # [n, 1]
    times = np.broadcast_to(now, there.shape).copy()
    times[there] = instants(posts.past.posts)[chosen[there]]
    gaps = np.diff(np.hstack([times, now]), axis=1) / SECOND  # [n, k]
    fading = np.exp(-np.maximum(gaps, 0) / FADES) * there  # [n, k]
    e = np.hstack([np.exp(fading) * there, np.full_like(now, np.e, dtype=np.float64)])  # [n, l]
    reach = (now - times).max(1, initial=0) / (days * DAY)  # [n]
    nearness = fading[:, -1] if fading.shape[1] else np.zeros(len(e))  # [n]
    known = np.stack([there.sum(1) / max(1, there.shape[1]), reach, nearness], axis=1)
    return (e / e.sum(1, keepdims=True)).astype(np.float32), known.astype(np.float32)
