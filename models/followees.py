"""Baseline that knows whom a user follows: how many of them published or shared a post before."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from models.base import Ranker
from pipeline.storage import store
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feed


class Followees(Ranker):
    """Scores a post by the number of followees whose it is or who shared it in the training part."""

    def fit(self, train: Feed, validation: Feed) -> None:
        users, ids = train.users, train.posts.posts["post_id"].to_numpy()
        self._follows = pd.DataFrame({"follower_id": users[train.follows[0]], "followee_id": users[train.follows[1]]})
        self._shares = pd.DataFrame({"user_id": users[train.shares[0]], "post_id": ids[train.shares[1]]})

    def score(self, users: np.ndarray, posts: Examples) -> np.ndarray:
        """Followees [n] who published or shared post i; one who did both counts once."""
        authors = posts.posts.reindex(columns=["user_id", "post_id"]).dropna()
        exposing = pd.concat([self._shares, authors], ignore_index=True).drop_duplicates()
        people = pd.Index(self._follows["followee_id"]).unique()
        follows = _incidence(users, self._follows["follower_id"], people, self._follows["followee_id"])
        shown = _incidence(posts.posts["post_id"], exposing["post_id"], people, exposing["user_id"])
        return follows.multiply(shown).sum(axis=1).astype(np.float64)

    def save(self, folder: Path) -> None:
        store.write_frame(folder / "follows.parquet", self._follows)
        store.write_frame(folder / "shares.parquet", self._shares)

    def load(self, folder: Path) -> None:
        self._follows = store.read_frame(folder / "follows.parquet")
        self._shares = store.read_frame(folder / "shares.parquet")

    def report(self) -> dict[str, float]:
        return {"follows": len(self._follows), "shares": len(self._shares)}


def _incidence(asked: np.ndarray | pd.Series, row: pd.Series, people: pd.Index, column: pd.Series) -> sparse.csr_array:
    """For each of n asked a one at the people it is paired with, [n, people]."""
    rows = pd.Index(asked).unique()
    at, to = rows.get_indexer(row), people.get_indexer(column)
    known = (at >= 0) & (to >= 0)
    ones = np.ones(int(known.sum()), dtype=np.int32)
    table = sparse.csr_array((ones, (at[known], to[known])), shape=(len(rows), len(people)))
    return table[rows.get_indexer(asked)]
