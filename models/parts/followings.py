"""Who follows whom, for networks that look a user's followees up.

Shapes: k users, m follows, b users asked for, q followees a user.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from models.parts.lookup import UNSEEN
from models.parts.social import NOBODY
from pipeline.storage import store
from pipeline.storage.feed import Feed


class Followings:
    """The users of a feed by id, the number of the vector each has, and whom each follows.

    Numbered are those whose vectors training moves: those who see its lists, and their followees.
    """

    def __init__(self, ids: np.ndarray, numbers: np.ndarray, follows: np.ndarray):
        """Of `ids` and `numbers` [k], `UNSEEN` for those without; `follows` are rows of both, [2, m], in order."""
        self.ids, self._numbers, self._follows = ids, np.append(numbers, UNSEEN), follows
        self._index = pd.Index(ids, dtype=object)
        self._starts = np.searchsorted(follows[0], np.arange(len(ids) + 1))
        self._starts = np.append(self._starts, self._starts[-1])  # and nobody's, of row -1

    @classmethod
    def of(cls, train: Feed, most: int) -> "Followings":
        """Those of a training part; of each user, the `most` followees who shared most often."""
        k = len(train.users)
        often = np.bincount(train.shares[0], minlength=k)
        follows = np.unique(train.follows, axis=1)
        follows = follows[:, np.lexsort((follows[1], -often[follows[1]], follows[0]))]
        rank = np.arange(follows.shape[1]) - np.searchsorted(follows[0], follows[0])
        follows = follows[:, rank < most]
        seen = np.zeros(k, dtype=bool)
        seen[train.viewers] = True
        seen[follows[1][seen[follows[0]]]] = True
        return cls(train.users, np.where(seen, np.cumsum(seen), UNSEEN), follows)

    def __len__(self) -> int:
        """Numbers in use, `UNSEEN` among them."""
        return int(self._numbers.max(initial=0)) + 1

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Where users [b] are among all; -1 for those who are new."""
        return self._index.get_indexer(pd.Index(ids, dtype=object))

    def numbers(self, rows: np.ndarray) -> np.ndarray:
        """The numbers [b] of users at rows."""
        return self._numbers[rows]

    def followees(self, rows: np.ndarray) -> np.ndarray:
        """The numbers [b, q] of their followees, as many as the one with most of them has; `NOBODY` behind others'."""
        starts, counts = self._starts[rows], self._starts[rows + 1] - self._starts[rows]
        counts = np.where(rows < 0, 0, counts)
        places = np.arange(counts.max(initial=0))  # [q]
        there = places < counts[:, None]  # [b, q]
        numbers = np.full(there.shape, NOBODY)
        numbers[there] = self._numbers[self._follows[1][(starts[:, None] + places)[there]]]
        return numbers

    def digest(self) -> bytes:
        """What tells it from others."""
        return self._numbers.tobytes() + self._follows.tobytes()

    def save(self, folder: Path) -> None:
        """Write people.parquet and follows.parquet."""
        store.write_frame(folder / "people.parquet", pd.DataFrame({"id": self.ids, "number": self._numbers[:-1]}))
        follower, followee = self._follows
        store.write_frame(folder / "follows.parquet", pd.DataFrame({"follower": follower, "followee": followee}))

    @classmethod
    def load(cls, folder: Path) -> "Followings":
        """What `save` wrote."""
        people, follows = (store.read_frame(folder / f"{name}.parquet") for name in ("people", "follows"))
        return cls(people["id"].to_numpy(dtype=object), people["number"].to_numpy(), follows.to_numpy().T)
