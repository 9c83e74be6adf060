"""Triples of a user, a post the user shared and one the user did not, as BPR learns from.

Shapes: k users, p posts, s shares, l lists, c posts a list, n draws.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from pipeline.storage.feed import Feed

Triples = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows [n] of users, of posts they shared, and of posts they did not."""
Draw = Callable[[np.random.Generator, int], Triples]
"""n triples, or fewer where nothing is left that somebody did not share."""
Negatives = Literal["catalogue", "lists"]
TRIES = 20
"""How often a post is drawn again that the user shared: some users shared all there is."""
TABLE = 2**29
"""Pairs of a user and a post that are looked up in a table, a bit each; of more, among those there are."""


class Shared:
    """Which of the `posts` posts each of the `users` users shared."""

    def __init__(self, shares: np.ndarray, users: int, posts: int):
        """By `shares`, users and posts [2, s]."""
        self._posts = posts
        keys = shares[0] * posts + shares[1]
        self._bits = np.zeros(-(-users * posts // 8) if users * posts <= TABLE else 0, dtype=np.uint8)
        if len(self._bits):
            np.bitwise_or.at(self._bits, keys >> 3, (1 << (keys & 7)).astype(np.uint8))
        else:
            self._keys = np.unique(keys)

    def has(self, users: np.ndarray, posts: np.ndarray) -> np.ndarray:
        """Whether user i shared post i, [n]."""
        keys = users * self._posts + posts
        if len(self._bits):
            return self._bits.take(keys >> 3) >> (keys & 7).astype(np.uint8) & 1 == 1
        place = np.searchsorted(self._keys, keys)
        return self._keys[np.minimum(place, len(self._keys) - 1)] == keys


def of_catalogue(feed: Feed) -> Draw:
    """A share, and a post among those known when training ended, each as likely as any other."""
    posts = feed.known
    return of_shares(feed, lambda rng, users: rng.integers(0, posts, len(users)))


def of_lists(feed: Feed) -> Draw:
    """A list, and one of the posts in it that its user did not share, each as likely as any other."""

    def draw(rng: np.random.Generator, n: int) -> Triples:
        lists = rng.integers(0, len(feed), n)
        place = rng.integers(1, feed.lists.shape[1], n)
        return feed.viewers[lists], feed.lists[lists, 0], feed.lists[lists, place]

    return draw


def of_shares(feed: Feed, other: Callable[[np.random.Generator, np.ndarray], np.ndarray]) -> Draw:
    """A share, each as likely, and beside it what `other` draws for its user, again where the user shared that."""
    shared, of_all = Shared(feed.shares, len(feed.users), len(feed.posts)), np.ascontiguousarray(feed.shares)

    def draw(rng: np.random.Generator, n: int) -> Triples:
        rows = rng.integers(0, of_all.shape[1], n)
        users, posts = of_all[0].take(rows), of_all[1].take(rows)
        others = other(rng, users)
        open_ = np.flatnonzero(shared.has(users, others))
        for _ in range(TRIES):
            if not len(open_):
                return users, posts, others
            others[open_] = other(rng, users[open_])
            open_ = open_[shared.has(users[open_], others[open_])]
        left = np.delete(np.arange(n), open_)
        return users[left], posts[left], others[left]

    return draw


DRAWS: dict[Negatives, Callable[[Feed], Draw]] = {"catalogue": of_catalogue, "lists": of_lists}


def touched(feed: Feed, negatives: Negatives) -> np.ndarray:
    """Which of the posts [p] a draw can give."""
    posts = np.arange(len(feed.posts)) < feed.known
    if negatives == "lists":
        posts = np.isin(np.arange(len(feed.posts)), np.append(feed.lists, feed.shares[1]))
    return posts


def every_pair(feed: Feed) -> Triples:
    """All there are in lists: each user, shared post and other post of the list."""
    others = feed.lists.shape[1] - 1
    return np.repeat(feed.viewers, others), np.repeat(feed.lists[:, 0], others), feed.lists[:, 1:].ravel()
