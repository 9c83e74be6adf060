"""What systems are alike in that are a booster of some library: search, stopping, a last fit on everything.

Shapes: n posts, d inputs.
"""

import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from models.base import System
from models.parts import boosting
from models.parts.boosting import Trees
from pipeline.storage.examples import Examples, joined

Grow = Callable[[dict[str, Any]], Any]


class Booster(System):
    """Trees of one library. A subclass says how the library takes posts, grows trees and is asked.

    With `refit`, what the validation part chose, the number of trees above all, is fitted again on training and
    validation posts, once the model that has not seen them has predicted the latter.
    """

    def __init__(self, features: Sequence[str], trees: Trees, *, refit: bool, seed: int, columns: Sequence[str] = ()):
        """Trees on `features` and on `columns` of posts; `seed` of the library."""
        self.features, self.columns = list(features), tuple(columns)
        self._trees, self._refit, self._seed = trees, refit, seed
        boosting.check([*features, *columns])

    def fit(self, train: Examples, validation: Examples) -> None:
        self._names = [*train.names(self.features), *self.columns]
        self._model, self._chosen = self._search(self._trees, train, validation)

    def refit(self, train: Examples, validation: Examples) -> None:
        if not self._refit or not len(validation):
            return
        settings = {name: self._chosen[name] for name in self._trees.settings}
        settings["n_estimators"] = max(1, self._count(self._model))
        trees = replace(self._trees, **settings, grid=None, early_stopping=None)
        self._model, _ = self._search(trees, joined(train, validation), validation.take(np.arange(0)))

    def _search(self, trees: Trees, train: Examples, validation: Examples) -> tuple[Any, dict[str, float]]:
        stopping = trees.early_stopping if len(validation) else None
        with self._grower(train, validation, stopping) as grow:
            return boosting.search(
                grow,
                lambda model: self._ask(model, validation),
                trees.settings,
                trees.grid,
                validation,
                trees.error,
            )

    @contextmanager
    def _grower(self, train: Examples, validation: Examples, stopping: int | None) -> Iterator[Grow]:
        """What makes a model with some settings from `train`, stopped by `validation` as `_grow` has it."""
        data = self._data(train)
        watched = self._data(validation, like=data) if stopping else None
        yield lambda settings: self._grow(settings, data, watched, stopping)

    @abstractmethod
    def _data(self, posts: Examples, like: Any = None) -> Any:
        """Posts as the library learns from them; `like` is what it learned from, for those it watches."""

    @abstractmethod
    def _grow(self, settings: dict[str, Any], data: Any, watched: Any, stopping: int | None) -> Any:
        """A model with `settings`, stopped after so many trees without improvement on those `watched`."""

    @abstractmethod
    def _ask(self, model: Any, posts: Examples) -> np.ndarray:
        """Predictions [n] of one post or more."""

    @abstractmethod
    def _count(self, model: Any) -> int:
        """Trees of a model that are asked."""

    def _threads(self, rows: int) -> int:
        return boosting.threads(self._trees.threads, rows)

    def predict(self, posts: Examples) -> np.ndarray:
        if not len(posts):
            return np.empty(0)  # no library takes empty data without a word
        return np.asarray(self._ask(self._model, posts), dtype=np.float64)

    def contributions(self, posts: Examples) -> dict[str, np.ndarray]:
        """TreeSHAP by the library, exact for the trees; what float32 loses (XGBoost's) is made up for in the base."""
        widths = [posts.features[name].width for name in self.features]
        ends, numbers = np.cumsum([0, *widths]), posts.matrix(self.features).shape[1]
        added = self._added(posts) if len(posts) else np.zeros((0, numbers + len(self.columns) + 1))  # [n, d + 1]
        pairs = zip(self.features, itertools.pairwise(ends), strict=True)
        found = {name: added[:, start:end] for name, (start, end) in pairs}
        found |= {name: added[:, numbers + i] for i, name in enumerate(self.columns)}
        return {**found, "base": self.predict(posts) - added[:, :-1].sum(axis=1)}

    @abstractmethod
    def _added(self, posts: Examples) -> np.ndarray:
        """What each input adds to the predictions of one post or more, and the base: [n, d + 1], float64."""

    def report(self) -> dict[str, float]:
        return {**self._chosen, "trees": self._count(self._model)}

    def chosen(self) -> dict[str, str]:
        """The loss, where it is not the squared error, and that it was fitted again, where it was to be."""
        loss = {} if self._trees.loss == "squared" else {"loss": self._trees.error.words}
        return {**loss, **({"refit": "train and validation"} if self._refit else {})}
