"""What a system is. A new one is a file in this folder with one public subclass, and its entry in params.yaml.

A `System` predicts a target of posts, a `Ranker` puts posts in order for users, a `Combiner` averages what other
entries predict; all stand under `systems` there.

The keyword-only arguments of the class are the keys its entry may have, beside `model` (the file, where the
entry has another name: ablations are the same class with other arguments) and `seeds` (how many are
trained). The pipeline itself gives those of `seed`, `device`, `checkpoint` (a folder that an interrupted
training goes on from) and `scheduler` (of the Dask cluster to train on, if any) that the class asks for.

Shapes: n posts, d numbers a post.
"""

import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from pipeline.storage.feed import Feed

Roles = Mapping[str, Sequence[str]]


class Learner(ABC):
    """What systems and rankers have in common. Learns on `train`, tunes and stops on `validation`, never sees test."""

    columns: tuple[str, ...] = ()
    """Columns of posts.parquet it reads beside its features, whatever the target."""
    looks: ClassVar[bool] = False
    """Whether it has any `attention`."""
    modalities: Sequence[str] = ()
    """What the weights called `modality` in `attention` are of, in their order."""
    features: Sequence[str] | Roles = ()
    """Features it reads: a list, or a list for each role the class names."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what `fit` learned into an existing, empty folder; no pickles."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Take back what `save` wrote, into an instance made with the same arguments."""

    def files(self) -> list[Path]:
        """Files that its entry names, on which training depends. Raises `UserError` for those that do not fit."""
        return []

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


class System(Learner):
    """Predicts a target of a post."""

    looks_back: ClassVar[bool] = False
    """Whether it reads the posts before a post, in `Examples.past`: it then needs to know when posts were posted."""

    def reads(self, target: str, transform: str) -> tuple[str, ...]:
        """Columns it reads for one target."""
        return (*self.columns, TIME) if self.looks_back else self.columns

    @abstractmethod
    def fit(self, train: Examples, validation: Examples) -> None:
        """Learn from `train`; `validation` may be empty."""

    def refit(self, train: Examples, validation: Examples) -> None:
        """Learn from `validation` as well, after `fit` and once it was predicted; what was chosen stays as it is."""

    @abstractmethod
    def predict(self, posts: Examples) -> np.ndarray:
        """Predictions [n] on the transformed scale; each row's depends on it and on what was posted before it."""

    def contributions(self, posts: Examples) -> dict[str, np.ndarray] | None:
        """What each input adds to predictions: [n, numbers] by feature, [n] by column, and [n] as "base".

        They add up to the predictions. None where only asking a system with and without inputs can tell.
        """
        return None

    def parts(self) -> list[tuple[float, "System"]]:
        """Weights and systems whose weighted sum its predictions are; empty where it is no such sum."""
        return []

    def attention(self, posts: Examples) -> dict[str, np.ndarray]:
        """Where it looks in posts: `visual` [n, r], `textual` [n, w], `inter` [n, 2] (picture, words), if any.

        And `modality` [n, k], how much of a prediction each of the k `modalities` decided; `past` [n, m], at the last m
        posts before each, which are those of `past_rows` [n, m] as `Examples.before` gives them. Weights sum to one; to
        zero where a post lacks the modality, all of them, or any post before.
        """
        return {}


class Ranker(Learner):
    """Puts posts in order for a user."""

    @abstractmethod
    def fit(self, train: Feed, validation: Feed) -> None:
        """Learn from `train`; `validation` may be empty."""

    @abstractmethod
    def score(self, users: np.ndarray, posts: Examples) -> np.ndarray:
        """How likely user `users[i]` is to share post i, [n], on a scale of its own; each depends on its pair alone.

        Users are ids; they and posts may be new, which is no error. `pipeline.storage.feed.distinct` gives posts once.
        """

    def attention(self, posts: Examples) -> dict[str, np.ndarray]:
        """Where it looks in posts, whoever is to share them, if it `looks`.

        `sentences` [n, m], what is said of each, empty where there are fewer, and `regions` [n, m, r], how much each of
        these takes from each region; sums to one over regions.
        """
        return {}


class Combiner(Learner):
    """Predicts what other entries predict, weighed; they are trained by themselves, and it is opened with them."""

    parts: Sequence[str] = ()
    """The entries that it is made of."""

    @abstractmethod
    def weigh(self, y: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        """Weights [k] of k parts that predict [k, n] of the validation part, where the truth is `y` [n]."""

    def save(self, folder: Path) -> None:
        """Write nothing: the weights follow from what its parts have predicted."""

    def load(self, folder: Path) -> None:
        """Read nothing."""


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
    return list(dict.fromkeys([*targets.columns_needed(targets_of), *columns_needed(system, targets_of)]))


def columns_needed(learner: Learner, targets_of: Mapping[str, str]) -> list[str]:
    """Columns of posts.parquet that a system reads for all targets beside these, or that a ranker reads."""
    if not isinstance(learner, System):
        return list(learner.columns)
    return list(dict.fromkeys(c for target, transform in targets_of.items() for c in learner.reads(target, transform)))


def flat(features: Sequence[str] | Roles) -> list[str]:
    """All features of an entry once, whatever their roles, in order."""
    names = [n for role in features.values() for n in role] if isinstance(features, Mapping) else list(features)
    return list(dict.fromkeys(names))


def discover(kind: type[Learner] = Learner) -> list[str]:
    """Names of all in this folder that are a system, a ranker or, by default, either; sorted."""
    return sorted(name for name in _modules() if any(issubclass(cls, kind) for cls in _classes(name)))


def system_class(name: str) -> type[Learner]:
    """The class in models/<name>.py. Raises `UserError` where there is none."""
    if name not in _modules() or not _classes(name):
        raise UserError(f"systems: there is no model '{name}'; known: {', '.join(discover())}")
    return _classes(name)[0]


_GIVEN = {"seed": 0, "device": "cpu", "checkpoint": None, "scheduler": None}


def make(entry: Entry, **given: Any) -> Any:
    """The system or ranker that an entry of params.yaml describes; `given` as `bind` takes it.

    Raises `UserError` for a key nothing reads, a missing one, or a value that cannot be.
    """
    where, cls = f"systems.{entry.name}", system_class(entry.module)
    arguments = bind(where, cls, entry.arguments, **{**_GIVEN, **given})
    try:
        return cls(**arguments)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


@dataclass(frozen=True)
class Kind:
    """What plans and trained systems tell of a learner, so that to know it nobody imports its class, and PyTorch."""

    ranks: bool = False
    """Whether it is a ranker."""
    blends: bool = False
    """Whether it is an average of other entries."""
    looks: bool = False
    """As the class says."""
    modalities: Sequence[str] = ()
    """As the class says."""

    @classmethod
    def of(cls, learner: Learner) -> "Kind":
        """That of a system, ranker or average."""
        return cls(isinstance(learner, Ranker), isinstance(learner, Combiner), learner.looks, tuple(learner.modalities))


def ranks(entry: Entry) -> bool:
    """Whether an entry is a ranker's."""
    return issubclass(system_class(entry.module), Ranker)


def blends(entry: Entry) -> bool:
    """Whether an entry is an average of others."""
    return issubclass(system_class(entry.module), Combiner)


def takes(entry: Entry, given: str) -> bool:
    """Whether an entry's system takes what the pipeline gives: networks a `device`, some boosters a `scheduler`."""
    return given in inspect.signature(system_class(entry.module)).parameters


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "base"]


def _classes(name: str) -> list[type[Learner]]:
    module = import_module(f"models.{name}")
    members = inspect.getmembers(module, inspect.isclass)
    found = [c for _, c in members if issubclass(c, Learner) and c.__module__ == module.__name__]
    return [c for c in found if not inspect.isabstract(c) and not c.__name__.startswith("_")]
