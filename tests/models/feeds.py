"""Tiny feeds for any ranker: lists whose shared post follows taste, quality and what followees shared."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.storage.examples import Examples, FeatureValues
from pipeline.storage.feed import Feed

USERS, KNOWN, LATER, FOLLOWING = 24, 90, 30, 4
WORDS = ("sea", "city", "cake")
PARTS = {"train": 900, "validation": 150, "test": 400}


def make_feeds(seed: int = 0, *, taste: float = 1.0, quality: float = 1.0, followees: float = 1.0) -> dict[str, Feed]:
    """A feed a part. What decides a share: the user's taste for what a post shows and says, its own quality, and how
    many of the user's followees share it, weighted so; and chance.
    """
    rng = np.random.default_rng(seed)
    p = KNOWN + LATER
    kind, liked = rng.integers(0, len(WORDS), p), rng.integers(0, len(WORDS), USERS)
    good = rng.normal(size=p)
    edges = np.array([(u, v) for u in range(USERS) for v in _others(u, rng)]).T
    utility = 2 * taste * (liked[:, None] == kind) + quality * good
    early = (rng.random((USERS, p)) < 0.1) & (np.arange(p) < KNOWN)  # shares that are in no list
    utility = utility + followees * _shared_by_followees(edges, early)
    posts = _posts(kind, rng)
    parts = {}
    shares = np.empty((2, 0), dtype=np.int64)
    for part, n in PARTS.items():
        at = np.datetime64("2024-01-01T00", "us") + 3600 * 10**6 * np.arange(n) * (part == "train")
        viewers = rng.integers(0, USERS, n)
        shown = np.stack([rng.choice(KNOWN if part == "train" else p, 3, replace=False) for _ in range(n)])
        chosen = np.argmax(utility[viewers[:, None], shown] + rng.gumbel(size=shown.shape), axis=1)
        first = np.argsort(np.arange(3) != chosen[:, None], axis=1, kind="stable")
        lists = np.take_along_axis(shown, first, axis=1)
        if part == "train":
            shares = np.unique(np.concatenate([np.argwhere(early).T, [viewers, lists[:, 0]]], axis=1), axis=1)
        parts[part] = _feed(posts, lists, viewers, at, edges, shares, KNOWN if part == "train" else p)
    return parts


def _feed(
    posts: Examples,
    lists: np.ndarray,
    viewers: np.ndarray,
    at: np.ndarray,
    edges: np.ndarray,
    shares: np.ndarray,
    p: int,
) -> Feed:
    text = posts.posts["text"][:KNOWN]
    when = np.full(KNOWN, "2024-01-01", dtype="datetime64[us]")
    comments = pd.DataFrame({"at": when, "text": "nice " + text, "user": -1, "post": np.arange(KNOWN)})
    return Feed(
        posts=posts.take(np.arange(p)),
        users=np.array([f"u{i:02d}" for i in range(USERS)], dtype=object),
        lists=lists,
        numbers=np.arange(len(lists)),
        viewers=viewers,
        at=at,
        authors=(np.arange(p) * 7) % USERS,
        follows=edges,
        shares=shares,
        shared_at=np.full(shares.shape[1], "2024-01-01", dtype="datetime64[us]"),
        comments=comments,
        known=KNOWN,
    )


def _others(user: int, rng: np.random.Generator) -> np.ndarray:
    return (user + 1 + rng.choice(USERS - 1, FOLLOWING, replace=False)) % USERS


def _shared_by_followees(edges: np.ndarray, shared: np.ndarray) -> np.ndarray:
    found = np.zeros(shared.shape)
    np.add.at(found, edges[0], shared[edges[1]])
    return found - found.mean(axis=0)  # no post is shared by more for it


def _posts(kind: np.ndarray, rng: np.random.Generator) -> Examples:
    picture = rng.normal(0, 0.3, (len(kind), 6)).astype(np.float32)
    picture[np.arange(len(kind)), kind] += 2
    frame = pd.DataFrame(
        {
            "post_id": [f"p{i:03d}" for i in range(len(kind))],
            "user_id": pd.Series([f"u{(i * 7) % USERS:02d}" for i in range(len(kind))], dtype="str"),
            "text": [f"a {WORDS[k]} {rng.choice(['again', 'today', 'here'])}" for k in kind],
        }
    )
    words = np.stack([2 + kind, rng.integers(5, 9, len(kind)), np.zeros(len(kind))], axis=1).astype(np.int32)
    regions = np.zeros((len(kind), 4, 6), dtype=np.float16)
    regions[np.arange(len(kind)), np.arange(len(kind)) % 4] = picture  # the picture stands in one of four places
    features = {"picture": FeatureValues(picture.astype(np.float16)), "words": FeatureValues(words)}
    features["regions"] = FeatureValues(regions)
    return Examples(frame, features)


def with_posts(feed: Feed, change) -> Feed:
    """The same feed with `change(frame)` as its posts."""
    return replace(feed, posts=replace(feed.posts, posts=change(feed.posts.posts)))


def auc(scores: np.ndarray, feed: Feed) -> float:
    """Share of the pairs of a shared post and another of its list in the right order; ties count half."""
    by_list = scores.reshape(feed.lists.shape)
    return float(np.mean((np.sign(by_list[:, :1] - by_list[:, 1:]) + 1) / 2))
