"""Rankers whose score is the product of a vector of the user and one of the post.

Ours, where the papers are silent: a user or post that training has not seen has the mean of the vectors of those that
it has, as far as the model knows nothing else of it; so a new user sees what most share.

Shapes: k users, p posts, n rows asked for, f numbers a vector.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from models.base import Ranker
from models.parts.descent import Course, auc
from pipeline.storage import store
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feed, distinct

PAIRS = 2**16
"""Pairs of a user and a post that are scored at once."""


class Table:
    """A vector [f] for each of some ids; all others have their mean."""

    def __init__(self, ids: Sequence[str] | np.ndarray, vectors: np.ndarray):
        """Of `vectors` [k, f]."""
        self._index = pd.Index(ids, dtype=object)
        self.vectors = with_mean(vectors)

    def __len__(self) -> int:
        """Ids there are."""
        return len(self._index)

    def rows(self, ids: np.ndarray | pd.Series) -> np.ndarray:
        """Where in `vectors` those of ids [n] are; -1, the mean, for the unknown."""
        return self._index.get_indexer(pd.Index(ids, dtype=object))

    def save(self, file: Path) -> None:
        """Write ids and vectors as Parquet."""
        columns = {f"{i}": column for i, column in enumerate(self.vectors[:-1].T)}
        store.write_frame(file, pd.DataFrame({"id": np.asarray(self._index, dtype=object), **columns}))

    @staticmethod
    def read(file: Path) -> tuple[np.ndarray, np.ndarray]:
        """The ids [k] and vectors [k, f] that `save` wrote."""
        frame = store.read_frame(file)
        return frame["id"].to_numpy(dtype=object), np.ascontiguousarray(frame.drop(columns="id").to_numpy())

    @classmethod
    def load(cls, file: Path) -> "Table":
        """What `save` wrote."""
        return cls(*cls.read(file))


def with_mean(vectors: np.ndarray) -> np.ndarray:
    """Vectors [k, f] and behind them, at -1, their mean; zero where there are none."""
    return np.concatenate([vectors, vectors.sum(axis=0, keepdims=True) / max(1, len(vectors))])


class Factored(Ranker):
    """What such rankers share: `fit` sets `_users`, `_posts` and `_course`."""

    _users: Table
    _posts: Table
    _course: Course

    def score(self, users: np.ndarray, posts: Examples) -> np.ndarray:
        once, rows = distinct(posts)
        vectors, own = self._vectors(once), self._users.rows(users)
        scores = np.empty(len(users))
        for start in range(0, len(users), PAIRS):
            block = slice(start, start + PAIRS)
            scores[block] = np.einsum("nf,nf->n", self._users.vectors[own[block]], vectors[rows[block]])
        return scores

    def _vectors(self, posts: Examples) -> np.ndarray:
        """Vectors [n, f] of posts."""
        return self._posts.vectors[self._posts.rows(posts.posts["post_id"])]

    def save(self, folder: Path) -> None:
        self._users.save(folder / "users.parquet")
        self._posts.save(folder / "posts.parquet")
        store.write_json(folder / "course.json", asdict(self._course))

    def load(self, folder: Path) -> None:
        self._users, self._posts = (Table.load(folder / f"{name}.parquet") for name in ("users", "posts"))
        self._course = Course(**store.read_json(folder / "course.json"))

    def report(self) -> dict[str, float]:
        return {"users": len(self._users), "posts": len(self._posts), **self._course.report()}

    def curve(self) -> dict[str, list[float]]:
        return self._course.curve()


class Seen:
    """Which of the users and posts of a feed a training touches, and how it does on lists meanwhile.

    Vectors are those of all users [k, f] and posts [p, f], or of the touched alone.
    """

    def __init__(self, train: Feed, *, posts: np.ndarray):
        """Users are those who share; `posts` [p] says which of the posts are touched."""
        self.users, self.posts = np.zeros(len(train.users), dtype=bool), posts
        self.users[train.shares[0]] = True
        self._train = train

    def own(self, pairs: np.ndarray) -> np.ndarray:
        """Users and posts [2, s] that were touched, as rows of those alone."""
        return np.stack([_places(seen, rows) for seen, rows in zip((self.users, self.posts), pairs, strict=True)])

    def tables(self, users: np.ndarray, posts: np.ndarray) -> tuple[Table, Table]:
        """The vectors by id of those that were touched; what these are given is as for all of the other methods."""
        ids, users, posts = self._train.posts.posts["post_id"], self._of(self.users, users), self._of(self.posts, posts)
        return Table(self._train.users[self.users], users), Table(ids.to_numpy(dtype=object)[self.posts], posts)

    def auc(self, lists: Feed, users: np.ndarray, posts: np.ndarray) -> float:
        """AUC on the lists of another part, by the vectors of users [k, f] and of posts [p, f]."""
        return auc(np.einsum("lf,lcf->lc", self.users_at(users, lists.viewers), self.posts_at(posts, lists.lists)))

    def users_at(self, users: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The vectors of `rows` [...] among those of users [k, f]; the mean of what was touched where they were not."""
        return with_mean(self._of(self.users, users))[_places(self.users, rows)]

    def posts_at(self, posts: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The vectors of `rows` [...] among those of posts [p, f], alike."""
        return with_mean(self._of(self.posts, posts))[_places(self.posts, rows)]

    @staticmethod
    def _of(seen: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Of vectors of all, those touched; they may be of these alone."""
        return vectors[seen] if len(vectors) == len(seen) else vectors


def _places(seen: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Places of `rows` among those that are `seen`, -1 for the others and for rows there are none of."""
    places = np.append(np.where(seen, np.cumsum(seen) - 1, -1), -1)
    return places[np.where((rows < 0) | (rows >= len(seen)), -1, rows)]
