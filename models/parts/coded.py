"""Boosters of libraries that read categories as numbers: columns of posts beside features in one table.

Shapes: n posts, d numbers of features, c columns.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.parts import boosting
from models.parts.booster import Booster
from models.parts.boosting import Trees
from pipeline.storage import store
from pipeline.storage.examples import Examples

FILE = "categories.json"
MISSING = 0


class Coded(Booster):
    """Trees on features and on `columns` of posts, a number a value that a training post has.

    A missing value is a category of its own; one that no training post has is NaN, as the library takes it.
    """

    def __init__(
        self, features: Sequence[str], trees: Trees, *, categorical: Sequence[str] | None, refit: bool, seed: int
    ):
        """Trees on `features` and `categorical` columns of posts.parquet; `seed` of the library."""
        super().__init__(features, trees, refit=refit, seed=seed, columns=categorical or ())
        self._known: dict[str, list[str]] = {}

    def _search(self, trees: Trees, train: Examples, validation: Examples) -> tuple[Any, dict[str, float]]:
        self._known = {c: sorted(_texts(train.posts[c].dropna().unique())) for c in self.columns}
        return super()._search(trees, train, validation)

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
