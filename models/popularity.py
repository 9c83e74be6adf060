"""Baseline that shows everybody the same: how often a post was shared so far."""

from pathlib import Path

import numpy as np
import pandas as pd

from models.base import Ranker
from pipeline.storage import store
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feed


class Popularity(Ranker):
    """Scores a post by its shares in the training part, which are all before any share it is tested on."""

    def fit(self, train: Feed, validation: Feed) -> None:
        posts, counts = np.unique(train.shares[1], return_counts=True)
        self._shares = pd.Series(counts, index=pd.Index(train.posts.posts["post_id"].to_numpy()[posts]))

    def score(self, users: np.ndarray, posts: Examples) -> np.ndarray:
        return posts.posts["post_id"].map(self._shares).astype(np.float64).fillna(0).to_numpy()

    def save(self, folder: Path) -> None:
        store.write_frame(folder / "shares.parquet", self._shares.rename("shares").rename_axis("post_id").reset_index())

    def load(self, folder: Path) -> None:
        self._shares = store.read_frame(folder / "shares.parquet").set_index("post_id")["shares"]

    def report(self) -> dict[str, float]:
        return {"posts": len(self._shares)}
