"""What a system is. A new one is a file in this folder with one public subclass, and its entry in params.yaml.

The keyword-only arguments of the class are the keys its entry may have, beside `model` (the file, where the
entry has another name: ablations are the same class with other arguments) and `seeds` (how many are
trained). The pipeline itself gives those of `seed`, `device` and `checkpoint` (a folder that an interrupted
training goes on from) that the class asks for.

Shapes: n posts, d numbers a post.
"""

import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.stream import StreamedArray

Roles = Mapping[str, Sequence[str]]
BLOCK = 4096
"""Rows read at a time where a table is made of a streamed feature."""


@dataclass(frozen=True)
class FeatureValues:
    """One feature of n posts: `values` [n, *shape], NaN where a post has none; `names` of tabular columns.

    Values too large for memory are a `pipeline.stream.StreamedArray`, which reads from disk the rows that are
    asked for; networks take either.
    """

    values: "np.ndarray | StreamedArray"
    names: list[str] | None = None

    @property
    def width(self) -> int:
        """Numbers a post has, whatever their shape."""
        return int(np.prod(self.values.shape[1:], dtype=np.int64))

    def take(self, rows: np.ndarray) -> "FeatureValues":
        """The same of the posts at positions `rows`; of a streamed feature nothing is read yet."""
        return FeatureValues(self.values.take(np.arange(len(self.values))[rows], axis=0), self.names)


@dataclass(frozen=True)
class Examples:
    """Posts of one part, with one target.

    `posts` has `post_id` and the columns the system declared; `features` those of its entry; `y` [n] is the
    target after its transform, None for posts not yet published. `target` and `transform` name both.
    """

    posts: pd.DataFrame
    features: Mapping[str, FeatureValues] = field(default_factory=dict)
    y: np.ndarray | None = None
    target: str = ""
    transform: str = "identity"

    def __len__(self) -> int:
        return len(self.posts)

    def take(self, rows: np.ndarray) -> "Examples":
        """The same for the posts at positions `rows`."""
        return replace(
            self,
            posts=self.posts.iloc[rows].reset_index(drop=True),
            features={k: v.take(rows) for k, v in self.features.items()},
            y=None if self.y is None else self.y[rows],
        )

    def matrix(self, features: Sequence[str]) -> np.ndarray:
        """The named features side by side, float32 [n, d], NaN where a post has none.

        Raises `UserError` for regions, pixels and the like that are too large for memory.
        """
        ends = np.cumsum([self.features[name].width for name in features], dtype=np.int64)
        table = np.empty((len(self), ends[-1] if len(ends) else 0), dtype=np.float32)
        for name, end in zip(features, ends, strict=True):
            values, width = self.features[name].values, self.features[name].width
            if values.ndim > 2 and not isinstance(values, np.ndarray):
                shape = "x".join(map(str, values.shape[1:]))
                raise UserError(f"features.{name}: {shape} numbers a post are too many for a system of tables")
            for start in range(0, len(self), BLOCK):
                rows = slice(start, start + BLOCK)
                block = values[rows]
                table[rows, end - width : end] = block.reshape(len(block), width)
        return table

    def names(self, features: Sequence[str]) -> list[str]:
        """A name for each column of `matrix`: the feature's own, or `feature[i]`."""
        names = []
        for feature in features:
            values = self.features[feature]
            names += values.names or [f"{feature}[{i}]" for i in range(values.width)]
        return names


class System(ABC):
    """Predicts a target of a post. Learns on `train`, tunes and stops on `validation`, never sees test."""

    columns: tuple[str, ...] = ()
    """Columns of posts.parquet it reads beside its features."""
    features: Sequence[str] | Roles = ()
    """Features it reads: a list, or a list for each role the class names."""

    @abstractmethod
    def fit(self, train: Examples, validation: Examples) -> None:
        """Learn from `train`; `validation` may be empty."""

    @abstractmethod
    def predict(self, posts: Examples) -> np.ndarray:
        """Predictions [n] on the transformed scale; each row's depends on that row alone."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what `fit` learned into an existing, empty folder; no pickles."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Take back what `save` wrote, into an instance made with the same arguments."""

    def report(self) -> dict[str, float]:
        """Numbers worth a row in metrics.json: chosen hyperparameters, sizes."""
        return {}

    def curve(self) -> dict[str, list[float]]:
        """Losses while it trained: `step`, `train` and, where there was any, `validation`, of the same length."""
        return {}

    def importance(self) -> dict[str, float]:
        """Share of the gain by input name, summing to one; empty where the system has no such notion."""
        return {}


class Composed(System):
    """A system whose work one object does: `_model`, set by the constructor, with the methods of a system."""

    _model: Any

    def fit(self, train: Examples, validation: Examples) -> None:
        self._model.fit(train, validation)

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(posts)

    def save(self, folder: Path) -> None:
        self._model.save(folder)

    def load(self, folder: Path) -> None:
        self._model.load(folder)

    def report(self) -> dict[str, float]:
        return self._model.report()

    def curve(self) -> dict[str, list[float]]:
        return self._model.curve()


def missing_columns(system: System, target: str, transform: str, available: Collection[str]) -> list[str]:
    """Columns the system needs for this target that a dataset with the `available` ones lacks."""
    needed = [column.format(target=target, transform=transform) for column in system.columns]
    return [column for column in needed if column not in available]


def flat(features: Sequence[str] | Roles) -> list[str]:
    """All features of an entry once, whatever their roles, in order."""
    names = [n for role in features.values() for n in role] if isinstance(features, Mapping) else list(features)
    return list(dict.fromkeys(names))


def discover() -> list[str]:
    """Names of all systems in this folder, sorted."""
    modules = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name != "base"]
    return sorted(name for name in modules if _classes(name))


def system_class(name: str) -> type[System]:
    """The class in models/<name>.py. Raises `UserError` where there is none."""
    if not (Path(__file__).parent / f"{name}.py").exists() or not _classes(name):
        raise UserError(f"systems: there is no model '{name}'; known: {', '.join(discover())}")
    return _classes(name)[0]


def _classes(name: str) -> list[type[System]]:
    module = import_module(f"models.{name}")
    members = inspect.getmembers(module, inspect.isclass)
    found = [c for _, c in members if issubclass(c, System) and c.__module__ == module.__name__]
    return [c for c in found if not inspect.isabstract(c) and not c.__name__.startswith("_")]
