"""Lists as networks are fed them: users and their followees, and each post of a batch once.

Shapes: b lists a batch, c posts a list, n different posts of a batch, q followees a user.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch

from models.parts.batches import Batch, Tensors
from models.parts.draws import TRIES, Shared
from models.parts.followings import Followings
from pipeline.storage.feed import Feed


class Lists:
    """The lists of a feed: `users` [b], `followees` [b, q], `lists` [b, c] and what is known of posts [n]."""

    def __init__(self, feed: Feed, people: Followings, posts: Tensors, *, social: bool):
        """`posts` are all those of the feed."""
        self._lists, self._viewers = feed.lists, feed.viewers
        self._people, self._posts, self._social = people, posts, social
        self.on_disk = posts.on_disk

    def __len__(self) -> int:
        return len(self._lists)

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        return self._batch(rows, self._posts.__getitem__)

    def stored(self, rows: Sequence[int]) -> Batch:
        """The same with floats as they are stored."""
        return self._batch(rows, self._posts.stored)

    def _batch(self, rows: Sequence[int], take: Callable[[Sequence[int]], Batch]) -> Batch:
        posts, places = np.unique(self._lists[rows], return_inverse=True)
        users = of_users(self._people, self._viewers[rows], social=self._social)
        return {**users, "lists": torch.from_numpy(places.reshape(len(rows), -1)), **take(posts.tolist())}

    def digest(self) -> str:
        digest = hashlib.sha256(self._people.digest())
        for part in (self._lists.tobytes(), self._viewers.tobytes(), self._posts.digest().encode()):
            digest.update(part)
        return digest.hexdigest()


class Users:
    """Users alone: a batch has `users` [b] and `followees` [b, q]."""

    def __init__(self, people: Followings, rows: np.ndarray, *, social: bool):
        """Those at `rows` of `people`; -1 is a new one."""
        self._people, self._rows, self._social = people, rows, social

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        return of_users(self._people, self._rows[rows], social=self._social)

    def digest(self) -> str:
        return hashlib.sha256(self._people.digest() + self._rows.tobytes()).hexdigest()


def of_users(people: Followings, rows: np.ndarray, *, social: bool) -> Batch:
    """What networks are fed of users at `rows` [b]."""
    batch = {"users": people.numbers(rows), **({"followees": people.followees(rows)} if social else {})}
    return {name: torch.from_numpy(values) for name, values in batch.items()}


class Resampled(Lists):
    """The lists of a training part, whose posts that were not shared are others in each epoch.

    Ours: drawn from what the user's followees published or shared, known when training ended, as often as it is theirs;
    again where the user shared it. Where nothing else is found, what the stage drew stays.
    """

    def __init__(self, feed: Feed, people: Followings, posts: Tensors, *, social: bool, seed: int):
        super().__init__(feed, people, posts, social=social)
        self._drawn, self._seed = feed.lists, seed
        self._shared = Shared(feed.shares, len(feed.users), len(feed.posts))
        own = np.flatnonzero(feed.authors[: feed.known] >= 0)
        whose, what = np.concatenate([[feed.authors[own], own], feed.shares], axis=1)
        order = np.argsort(whose, kind="stable")
        self._what, starts = what[order], np.searchsorted(whose[order], np.arange(len(feed.users) + 1))
        follows = feed.follows[:, np.argsort(feed.follows[0], kind="stable")]
        self._first = starts[follows[1]]  # of what each followee has
        self._ends = np.cumsum(starts[follows[1] + 1] - self._first)
        edges = np.searchsorted(follows[0], np.arange(len(feed.users) + 1))
        self._of_user = np.append(0, self._ends)[edges]  # where what a user's followees have starts

    def begin(self, epoch: int) -> None:
        """Draw those of an epoch."""
        rng, lists = np.random.default_rng([self._seed, epoch]), self._drawn.copy()
        viewers = np.repeat(self._viewers, lists.shape[1] - 1)
        others, open_ = lists[:, 1:].ravel(), np.arange(len(viewers))
        low, high = self._of_user[viewers], self._of_user[viewers + 1]
        open_ = open_[high[open_] > low[open_]]
        for _ in range(TRIES):
            drawn = self._at(rng.integers(low[open_], high[open_]))
            new = ~self._shared.has(viewers[open_], drawn)
            others[open_[new]] = drawn[new]
            open_ = open_[~new]
        lists[:, 1:] = others.reshape(len(lists), -1)
        self._lists = lists

    def digest(self) -> str:
        return f"drawn anew, {super().digest()}"

    def _at(self, places: np.ndarray) -> np.ndarray:
        """The posts at places in what followees have, follow after follow."""
        edge = np.searchsorted(self._ends, places, side="right")
        return self._what[self._first[edge] + places - np.append(0, self._ends)[edge]]
