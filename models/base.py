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
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.base import targets
from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.storage.examples import Examples

Roles = Mapping[str, Sequence[str]]


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


def columns_read(system: System, target_transforms: dict[str, str]) -> list[str]:
    """Columns of posts.parquet that training one system reads, beside `post_id`."""
    columns = targets.columns_needed(target_transforms)
    for target, transform in target_transforms.items():
        columns += [c.format(target=target, transform=transform) for c in system.columns]
    return list(dict.fromkeys(columns))


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


def make(name: str, entry: dict[str, Any] | None, **given: Any) -> System:
    """An instance of the system an entry of params.yaml describes."""
    entry = dict(entry or {})
    cls = system_class(entry.pop("model", name))
    seeds = entry.pop("seeds", 1)
    if not isinstance(seeds, int) or seeds < 1:
        raise UserError(f"systems.{name}.seeds: {seeds!r} is no number of trainings, 1 or more")
    given = {"seed": 0, "device": "cpu", "checkpoint": None, **given}
    try:
        return cls(**bind(f"systems.{name}", cls, entry, **given))
    except UserError as error:
        raise UserError(str(error) if str(error).startswith("systems.") else f"systems.{name}: {error}") from None


def _classes(name: str) -> list[type[System]]:
    module = import_module(f"models.{name}")
    members = inspect.getmembers(module, inspect.isclass)
    found = [c for _, c in members if issubclass(c, System) and c.__module__ == module.__name__]
    return [c for c in found if not inspect.isabstract(c) and not c.__name__.startswith("_")]
