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
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.base import targets
from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.base.sections import Entry
from pipeline.storage.earlier import TIME
from pipeline.storage.examples import Examples

Roles = Mapping[str, Sequence[str]]


class System(ABC):
    """Predicts a target of a post. Learns on `train`, tunes and stops on `validation`, never sees test."""

    columns: tuple[str, ...] = ()
    """Columns of posts.parquet it reads beside its features, whatever the target."""
    looks: ClassVar[bool] = False
    """Whether it has any `attention`."""
    looks_back: ClassVar[bool] = False
    """Whether it reads the posts before a post, in `Examples.past`: it then needs to know when posts were posted."""
    features: Sequence[str] | Roles = ()
    """Features it reads: a list, or a list for each role the class names."""

    def reads(self, target: str, transform: str) -> tuple[str, ...]:
        """Columns it reads for one target."""
        return (*self.columns, TIME) if self.looks_back else self.columns

    @abstractmethod
    def fit(self, train: Examples, validation: Examples) -> None:
        """Learn from `train`; `validation` may be empty."""

    @abstractmethod
    def predict(self, posts: Examples) -> np.ndarray:
        """Predictions [n] on the transformed scale; each row's depends on it and on what was posted before it."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what `fit` learned into an existing, empty folder; no pickles."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Take back what `save` wrote, into an instance made with the same arguments."""

    def report(self) -> dict[str, float]:
        """Numbers worth a row in metrics.json: chosen hyperparameters, sizes."""
        return {}

    def chosen(self) -> dict[str, str]:
        """What it chose that is no number, in words by what it is: `features` kept of those given, a `method`."""
        return {}

    def curve(self) -> dict[str, list[float]]:
        """Losses while it trained: `step`, `train` and, where there was any, `validation`, of the same length."""
        return {}

    def importance(self) -> dict[str, float]:
        """Share of the gain by input name, summing to one; empty where the system has no such notion."""
        return {}

    def attention(self, posts: Examples) -> dict[str, np.ndarray]:
        """Where it looks in posts: `visual` [n, r], `textual` [n, w], `inter` [n, 2] (picture, words), if any.

        And `past` [n, m], at the last m posts before each, which are those of `past_rows` [n, m] as
        `Examples.before` gives them. Weights sum to one; to zero where a post lacks the modality, or any post before.
        """
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


def columns_read(system: System, targets_of: Mapping[str, str]) -> list[str]:
    """Columns of posts.parquet that training a system reads for all targets, beside `post_id`."""
    columns = targets.columns_needed(targets_of)
    for target, transform in targets_of.items():
        columns += system.reads(target, transform)
    return list(dict.fromkeys(columns))


def flat(features: Sequence[str] | Roles) -> list[str]:
    """All features of an entry once, whatever their roles, in order."""
    names = [n for role in features.values() for n in role] if isinstance(features, Mapping) else list(features)
    return list(dict.fromkeys(names))


def discover() -> list[str]:
    """Names of all systems in this folder, sorted."""
    return sorted(name for name in _modules() if _classes(name))


def system_class(name: str) -> type[System]:
    """The class in models/<name>.py. Raises `UserError` where there is none."""
    if name not in _modules() or not _classes(name):
        raise UserError(f"systems: there is no model '{name}'; known: {', '.join(discover())}")
    return _classes(name)[0]


def make(entry: Entry, **given: Any) -> System:
    """The system that an entry of params.yaml describes; `given` as `bind` takes it.

    Raises `UserError` for a key nothing reads, a missing one, or a value that cannot be.
    """
    where, cls = f"systems.{entry.name}", system_class(entry.module)
    arguments = bind(where, cls, entry.arguments, **{"seed": 0, "device": "cpu", "checkpoint": None, **given})
    try:
        return cls(**arguments)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def runs_on_device(entry: Entry) -> bool:
    """Whether an entry's system is a network, which takes a device."""
    return "device" in inspect.signature(system_class(entry.module)).parameters


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "base"]


def _classes(name: str) -> list[type[System]]:
    module = import_module(f"models.{name}")
    members = inspect.getmembers(module, inspect.isclass)
    found = [c for _, c in members if issubclass(c, System) and c.__module__ == module.__name__]
    return [c for c in found if not inspect.isabstract(c) and not c.__name__.startswith("_")]
