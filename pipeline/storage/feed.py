"""Lists of posts that users saw, and what is known of users and posts when training ends: what rankers are fed.

Shapes: k users, p posts, l lists, c posts a list, s shares, m follows, n pairs of a user and a post.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.storage.examples import Examples, read_posts

Comments = Literal["before_cut", "all"]


@dataclass(frozen=True)
class Feed:
    """The lists of one part; users and posts are rows of `users` and `posts`, -1 where they are none of them.

    All but the lists is the same in every part, and of the training part alone: what came later is not there. Posts
    shown later stand behind those that are `known`, so rows mean the same in every part.
    """

    posts: Examples
    """The p posts that may be shown, with the columns and features of the ranker, and `user_id` where the data has it;
    no `y`."""
    users: np.ndarray
    """Ids [k] of all who share, post, follow or are followed."""
    lists: np.ndarray
    """Posts [l, c]; the one that was shared stands first."""
    numbers: np.ndarray
    """The number [l] of each list in data/candidates.parquet."""
    viewers: np.ndarray
    """The user [l] who saw each list."""
    at: np.ndarray
    """When [l]; NaT where no share has a time."""
    authors: np.ndarray
    """The user [p] whose post it is."""
    follows: np.ndarray
    """Follower and followee [2, m]."""
    shares: np.ndarray
    """User and post [2, s] of the training part's shares, in order of time."""
    shared_at: np.ndarray
    """When [s] they were."""
    comments: pd.DataFrame
    """`post`, `user`, `at`, `text` of the comments that may be read, in order of time."""
    known: int
    """How many posts, the first ones, were there when training ended."""

    def __len__(self) -> int:
        return len(self.lists)

    def take(self, rows: np.ndarray) -> "Feed":
        """The same with the lists at positions `rows`."""
        own = {name: getattr(self, name)[rows] for name in ("lists", "numbers", "viewers", "at")}
        return replace(self, **own)

    def pairs(self) -> tuple[np.ndarray, Examples]:
        """Ids of users [n] and as many posts: all lists, one after the other."""
        return np.repeat(self.users[self.viewers], self.lists.shape[1]), self.posts.take(self.lists.ravel())


def distinct(posts: Examples) -> tuple[Examples, np.ndarray]:
    """Each of n posts once, and the row [n] of each among them: what is made of a post is made once."""
    rows, posts_once = pd.factorize(posts.posts["post_id"])
    first = np.full(len(posts_once), len(rows), dtype=np.int64)
    np.minimum.at(first, rows, np.arange(len(rows)))
    return posts.take(first), rows


class Feeds:
    """The candidates with the features and columns of one ranker; gives out one part at a time."""

    def __init__(self, paths: Paths, *, features: Sequence[str], columns: Sequence[str], comments: Comments):
        there = [c for c in ("user_id", "posted_at") if c in store.columns_of(paths.posts)]
        self._columns = list(dict.fromkeys(["post_id", *(c for c in there if c == "user_id"), *columns]))
        self._every = read_posts(paths, features=features, columns=[*columns, *there])
        self._candidates: Any = store.read_frame(paths.candidates)
        self._length = len(self._candidates) // max(1, int(self._candidates["relevant"].sum()))
        self._follows: Any = store.read_frame(paths.follows)
        shares: Any = store.read_frame(paths.shares)
        cut = shares.loc[shares["part"] != "train", "at"].min()
        self._shares = shares[shares["part"] == "train"]
        self._comments: Any = readable(store.read_frame(paths.comments), cut, comments)
        self._known = np.flatnonzero(self._existing(cut))
        self._users = self._known_users()

    def part(self, part: str) -> Feed:
        """The lists of a part and what was known when training ended."""
        frame = self._candidates[self._candidates["part"] == part]
        first, ids = frame[frame["relevant"]], self._every.posts["post_id"].to_numpy()
        shown = store.join_positions(ids, frame["post_id"].to_numpy(), "data/candidates.parquet")
        posts = self._every.take(np.concatenate([self._known, np.setdiff1d(shown, self._known)]))
        place, users = pd.Index(posts.posts["post_id"]), self._users
        return Feed(
            posts=replace(posts, posts=posts.posts[self._columns]),
            users=users.to_numpy(dtype=object),
            lists=place.get_indexer(frame["post_id"]).reshape(len(first), self._length),
            numbers=first["list"].to_numpy(),
            viewers=users.get_indexer(first["user_id"]),
            at=_instants(first),
            authors=users.get_indexer(_authors(posts)),
            follows=np.stack([users.get_indexer(self._follows[c]) for c in ("follower_id", "followee_id")]),
            shares=np.stack(_rows(self._shares, users, place)),
            shared_at=_instants(self._shares),
            comments=self._comments[["at", "text"]].assign(
                **dict(zip(("user", "post"), _rows(self._comments, users, place), strict=True))
            ),
            known=len(self._known),
        )

    def _existing(self, cut: pd.Timestamp) -> np.ndarray:
        """Which posts were there before the time `cut`: published, or shown or shared in the training part."""
        posts: Any = self._every.posts
        if pd.isna(cut):
            return np.ones(len(posts), dtype=bool)
        shown = self._candidates.loc[self._candidates["part"] == "train", "post_id"]
        met = posts["post_id"].isin(shown) | posts["post_id"].isin(self._shares["post_id"])
        return (met | (posts["posted_at"] < cut) if "posted_at" in posts else met).to_numpy(dtype=bool)

    def _known_users(self) -> pd.Index:
        authors = _authors(self._every.take(self._known))
        found = [self._shares["user_id"], self._follows["follower_id"], self._follows["followee_id"], authors]
        return pd.Index(sorted({user for column in found for user in column.dropna()}), dtype=object)


def readable(comments: Any, cut: pd.Timestamp, which: Comments) -> pd.DataFrame:
    """Comments written before the time `cut`, in order of time; all where there is none, or `which` says so."""
    if which == "before_cut" and pd.notna(cut):
        comments = comments[comments["at"] < cut]
    return comments.sort_values("at", kind="stable", ignore_index=True)


def _authors(posts: Examples) -> Any:
    nobody = pd.Series(None, index=range(len(posts)), dtype=object)
    return posts.posts["user_id"].astype(object) if "user_id" in posts.posts else nobody


def _rows(frame: Any, users: pd.Index, posts: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    return users.get_indexer(frame["user_id"]), posts.get_indexer(frame["post_id"])


def _instants(frame: Any) -> np.ndarray:
    return frame["at"].to_numpy(dtype="datetime64[us]")
