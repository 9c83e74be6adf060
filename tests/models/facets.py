"""Feeds for `amnl` and `amnl_plus`: users who share what their friends like, pictures in which a comment says where."""

import numpy as np
import pandas as pd

from pipeline.storage.examples import Examples, FeatureValues
from pipeline.storage.feed import Feed

PARTS = ("train", "validation", "test")


def make_parts(
    posts: Examples, utility: np.ndarray, follows: np.ndarray, rng: np.random.Generator, sizes: tuple[int, int, int]
) -> dict[str, Feed]:
    """A feed a part, with `sizes` lists of three posts, the best of which by `utility` [k, p] was shared.

    Posts of one part are in no other; every user sees as many lists.
    """
    shown = np.array_split(np.arange(len(posts)), len(PARTS))
    parts, known = {}, len(shown[0])
    for part, n, own in zip(PARTS, sizes, shown, strict=True):
        viewers = np.arange(n) % len(utility)
        lists = np.stack([_list(utility[viewer, own], own, rng) for viewer in viewers])
        shares = np.stack([viewers, lists[:, 0]]) if part == "train" else parts["train"].shares
        parts[part] = Feed(
            posts=posts.take(np.arange(known)) if part == "train" else posts,
            users=np.array([f"u{i:03d}" for i in range(len(utility))], dtype=object),
            lists=lists,
            numbers=np.arange(n),
            viewers=viewers,
            at=np.full(n, "2024-01-01", dtype="datetime64[us]"),
            authors=np.full(known if part == "train" else len(posts), -1),
            follows=follows,
            shares=shares,
            shared_at=np.full(shares.shape[1], "2024-01-01", dtype="datetime64[us]"),
            comments=pd.DataFrame({"at": [], "text": [], "user": [], "post": np.empty(0, dtype=np.int64)}),
            known=known,
        )
    return parts


def _list(utility: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of the posts that the user likes, and two of the others."""
    liked = utility > 0
    return np.append(rng.choice(own[liked]), rng.choice(own[~liked], 2, replace=False))


def friends(seed: int = 0, *, users: int = 30, posts: int = 600, tastes: int = 3) -> dict[str, Feed]:
    """Users share what suits their own taste and that of those they follow alike, for better or worse.

    Tastes are directions of pictures; all whom one follows have the same other one. What is the product of two
    directions has none of its own: no sum over a picture's numbers tells it.
    """
    rng = np.random.default_rng(seed)
    taste = np.arange(users) % tastes
    picture = rng.normal(size=(posts, tastes)).astype(np.float32)
    follows = np.argwhere(taste == ((taste + 1) % tastes)[:, None]).T
    utility = picture[:, taste].T * picture[:, (taste + 1) % tastes].T  # [k, p]
    return make_parts(
        _examples(["" for _ in range(posts)], {"picture": picture}),
        utility,
        follows,
        rng,
        (users * 30, users * 4, users * 10),
    )


OBJECTS, COLOURS, SIDE = ("sea", "cat", "cake", "tree"), 3, 2


def named(seed: int = 0, *, users: int = 6, posts: int = 900) -> tuple[dict[str, Feed], np.ndarray]:
    """Users share by the colour of the one thing that the caption names; the region [p] where that is."""
    rng = np.random.default_rng(seed)
    n = len(OBJECTS)
    things = np.argsort(rng.random((posts, n)), axis=1)  # which of them each region shows
    colours = rng.integers(0, COLOURS, (posts, n))
    regions = np.concatenate([np.eye(n)[things], np.eye(COLOURS)[colours]], axis=2).astype(np.float32)
    meant = rng.integers(0, n, posts)
    where = np.argmax(things == meant[:, None], axis=1)
    seen = colours[np.arange(posts), where]
    utility = ((np.arange(users) % COLOURS)[:, None] == seen) - 0.5
    texts = [f"look at the {OBJECTS[m]}" for m in meant]
    feeds = make_parts(
        _examples(texts, {"regions": regions}), utility, np.empty((2, 0), np.int64), rng, (1200, 120, 300)
    )
    return feeds, where


def _examples(texts: list[str], features: dict[str, np.ndarray]) -> Examples:
    frame = pd.DataFrame({"post_id": [f"p{i:04d}" for i in range(len(texts))], "text": texts})
    return Examples(frame, {name: FeatureValues(values) for name, values in features.items()})
