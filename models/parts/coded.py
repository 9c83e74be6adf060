"""Boosters of libraries that read categories as numbers: columns of posts beside features in one table.

Shapes: n posts, d numbers of features, c columns.
"""

import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.parts import boosting
from models.parts.booster import Booster, Grow
from models.parts.boosting import Trees
from models.parts.spread import Spread, spread
from pipeline.storage import store
from pipeline.storage.examples import Examples

log = logging.getLogger(__name__)

FILE = "categories.json"
MISSING = 0


class Coded(Booster):
    """Trees on features and on `columns` of posts, a number a value that a training post has.

    A missing value is a category of its own; one that no training post has is NaN, as the library takes it.

    With a `scheduler` they grow on that Dask cluster, by the library's own interface to it. What comes back is a model
    as if it had grown here; where the library would give another there, it grows here and a line of the log says why.
    """

    def __init__(
        self,
        features: Sequence[str],
        trees: Trees,
        *,
        categorical: Sequence[str] | None,
        refit: bool,
        seed: int,
        scheduler: str | None,
    ):
        """Trees on `features` and `categorical` columns of posts.parquet; `seed` of the library."""
        super().__init__(features, trees, refit=refit, seed=seed, columns=categorical or ())
        self._known: dict[str, list[str]] = {}
        self._scheduler = scheduler

    def _search(self, trees: Trees, train: Examples, validation: Examples) -> tuple[Any, dict[str, float]]:
        self._known = {c: sorted(_texts(train.posts[c].dropna().unique())) for c in self.columns}
        return super()._search(trees, train, validation)

    @contextmanager
    def _grower(self, train: Examples, validation: Examples, stopping: int | None) -> Iterator[Grow]:
        why = self._scheduler and self._stays(stopping)
        if why:
            log.info("%s: grown here, not on the cluster: %s", type(self).__name__, why)
        if why or not self._scheduler:
            with super()._grower(train, validation, stopping) as grow:
                yield grow
            return
        with spread(self._scheduler, len(train)) as cluster:
            data = self._data_there(cluster, train)
            watched = self._data_there(cluster, validation, like=data) if stopping else None
            yield lambda settings: self._grow_there(cluster, settings, data, watched, stopping)

    def _stays(self, stopping: int | None) -> str:
        """Why no cluster can grow the same trees, if that is so."""
        return "" if self._trees.loss == "squared" else "leaves of this loss would be means of what each worker has"

    @abstractmethod
    def _data_there(self, cluster: Spread, posts: Examples, like: Any = None) -> Any:
        """Posts in the workers, as `_data` has them here."""

    @abstractmethod
    def _grow_there(
        self, cluster: Spread, settings: dict[str, Any], data: Any, watched: Any, stopping: int | None
    ) -> Any:
        """A model of the library as `_grow` makes it, grown by the workers that have the posts."""

    def _table(self, posts: Examples, rows: slice = slice(None)) -> np.ndarray:
        """What trees read of all posts or of those in `rows`: float32 [n, d + c]."""
        numbers = posts.matrix(self.features, rows)
        codes = [self._codes(posts.posts[column].iloc[rows])[:, None] for column in self.columns]
        return np.concatenate([numbers, *codes], axis=1) if codes else numbers

    def _codes(self, values: pd.Series) -> np.ndarray:
        known = pd.Index(self._known[str(values.name)], dtype=object)
        texts = pd.Index(_texts(values), dtype=object)
        found = known.get_indexer(texts)
        codes = np.where(found < 0, np.nan, found + MISSING + 1)
        return np.where(values.isna(), MISSING, codes).astype(np.float32)

    def _tables(self, posts: Examples) -> Iterator[tuple[slice, np.ndarray]]:
        """Rows and their table, block by block."""
        return ((rows, self._table(posts, rows)) for rows in posts.blocks())

    @property
    def _places(self) -> list[int]:
        """Where categories stand in the table; the names are those of all that trees read."""
        return list(range(len(self._names) - len(self.columns), len(self._names)))

    def _save_inputs(self, folder: Path) -> None:
        boosting.save_inputs(folder, self._names, self._chosen)
        if self.columns:
            store.write_json(folder / FILE, self._known)

    def _load_inputs(self, folder: Path) -> None:
        self._names, self._chosen = boosting.load_inputs(folder)
        if self.columns:
            self._known = store.read_json(folder / FILE)


def _texts(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in values]
