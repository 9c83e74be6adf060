"""What a feature is. A new one is a file in this folder with one subclass, and its entry in params.yaml.

The keyword-only arguments of the class are the keys its entry may have, beside `model`: the file, where the entry has
another name.
"""

import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from pipeline.base.binding import bind
from pipeline.base.errors import MissingColumn, UserError
from pipeline.base.sections import Entry

HORIZON = "collected_at"
"""Known before a post is published only as the horizon somebody asks for; see `Feature.reads_horizon`."""
GROUPS = ("who", "when", "category", "picture", "words", "history")
"""What a number of a post may be about: reasons of predictions are told by these."""
TEXTS = ("title", "text", "tags")
"""Columns that have what the author wrote; comments are none of them: they come after publication."""


class Feature(ABC):
    """Numbers about a post, of one declared shape, known before it is published."""

    columns: tuple[str, ...] = ()
    """Columns of posts.parquet it needs, all of them."""
    dtype: ClassVar[str] = "float16"
    """How values are stored: float16 for vectors, float32 for named columns."""
    group: ClassVar[str]
    """Which of `GROUPS` it is about."""
    entry: str | None = None
    """The name of its entry, where it was made from one."""
    reads_horizon: ClassVar[bool] = False
    """Whether it may read `collected_at`, as the end of the hours online that whoever asks gives beforehand."""

    def missing(self, available: Collection[str]) -> list[str]:
        """Columns this feature needs and a dataset with the `available` ones lacks."""
        return [column for column in self.columns if column not in available]

    def reads(self, available: Mapping[str, str]) -> list[str]:
        """Columns it is to be given; `available` maps those the data has, all known in time, to Arrow's types."""
        return [column for column in self.columns if column in available]

    def check(self) -> None:  # noqa: B027 - most have nothing to check
        """Look for what is read beside posts and pictures, such as weights, before anything expensive is done.

        Raises `UserError` where it is not there or does not fit.
        """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one post's values."""

    @property
    def names(self) -> list[str] | None:
        """A name a dimension, with its unit, for features stored as named columns; None for vectors."""
        return None

    @classmethod
    def group_of(cls, name: str) -> str:
        """Which of `GROUPS` one of its `names` is about."""
        return cls.group

    @property
    def untrained(self) -> bool:
        """Whether its values come from weights or vectors that are random and learned from nothing."""
        return False

    @property
    def _key(self) -> str:
        """Where its entry stands in params.yaml."""
        return f"features.{self.entry or type(self).__module__.rpartition('.')[2]}"

    def error(self, key: str, problem: str) -> UserError:
        """An error about one key of this feature's entry."""
        return UserError(f"{self._key}.{key}: {problem}")

    def files(self) -> list[Path]:
        """Files that its entry names and its values come from: once one of them changes, it is extracted again.

        Raises `UserError` where weights or vectors are not to be had.
        """
        return []

    def fingerprint(self) -> dict[str, Any]:
        """What else decides the values: library versions, sha256 of weights, preprocessing, device, dtype."""
        return {}


class PostsFeature(Feature):
    """A feature of the columns of posts.parquet; what it learns, it learns from training rows only."""

    def fit(self, posts: pd.DataFrame) -> None:
        """Learn vocabulary, scales, present columns from the training rows."""

    def state(self) -> dict[str, Any]:
        """What `fit` learned, as JSON values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""

    @property
    def needed(self) -> Sequence[str]:
        """Columns that `extract` cannot do without, once it is fitted."""
        return self.columns

    @abstractmethod
    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        """Values [n, *shape] of `posts`; a row that cannot have any is all NaN."""


class EncodedFeature(Feature):
    """A feature of one content of a post, a picture or a text: made once for all that are equal, cached by its hash.

    Networks and other heavy parts belong into a `cached_property`: they stay behind when the feature travels
    to a worker, and each worker makes its own, once.
    """

    batch_size: int = 32
    """Contents a call of `embed` gets at most."""

    def prepare(self, content: Any) -> Any:
        """One content to what `embed` takes; runs in the workers that read it."""
        return content

    @abstractmethod
    def embed(self, prepared: list[Any]) -> np.ndarray:
        """Values [len(prepared), *shape] of prepared contents; each depends on its own alone."""

    def __getstate__(self) -> dict[str, Any]:
        cls = type(self)
        return {k: v for k, v in vars(self).items() if not isinstance(getattr(cls, k, None), cached_property)}


class ImageFeature(EncodedFeature):
    """A feature of the pixels alone; its contents are pictures, uint8 RGB [h, w, 3]."""

    group: ClassVar[str] = "picture"
    columns: tuple[str, ...] = ("image",)


class OfTexts(Feature):
    """A feature of those of a post's texts that a dataset has."""

    group: ClassVar[str] = "words"

    def __init__(self, *, columns: Sequence[str] | None):
        """`columns` to read, None for title, text and tags."""
        self.columns = TEXTS if columns is None else tuple(columns)
        if not self.columns or sorted({*self.columns} & {*TEXTS}) != sorted(self.columns):
            raise self.error("columns", f"{list(self.columns)} must be some of {', '.join(TEXTS)}, each once")

    def missing(self, available: Collection[str]) -> list[str]:
        return [] if any(column in available for column in self.columns) else list(self.columns)

    def present(self, posts: pd.DataFrame) -> list[str]:
        """Its columns that are there. Raises `MissingColumn` where none is."""
        present = [column for column in self.columns if column in posts]
        if not present:
            raise MissingColumn(self.columns, f"{self._key} needs one of", remedy="add one")
        return present


class SentenceFeature(OfTexts, EncodedFeature):
    """A feature of what the author wrote, as one text; its contents are strings. A post without words has no values."""

    def __init__(self, *, columns: Sequence[str] | None, separator: str):
        """`columns` to read, None for title, text and tags; `separator` between them."""
        super().__init__(columns=columns)
        self.separator = separator

    def texts(self, posts: pd.DataFrame) -> np.ndarray:
        """The text of each post [n], None where there is nothing to read."""
        texts = np.empty(len(posts), dtype=object)
        for row, values in enumerate(zip(*(posts[column] for column in self.present(posts)), strict=True)):
            words = [value.strip() for value in values if isinstance(value, str)]
            texts[row] = self.separator.join(filter(None, words)) or None
        return texts


def discover() -> list[str]:
    """Names of all features in this folder, sorted."""
    return sorted(name for name in _modules() if _classes(name))


def feature_class(name: str, entry: str | None = None) -> type[Feature]:
    """The class in features/<name>.py. Raises `UserError` where there is none, at the `entry` that asks for it."""
    if name not in _modules() or not _classes(name):
        raise UserError(f"features.{entry or name}: there is no model '{name}'; known: {', '.join(discover())}")
    return _classes(name)[0]


def make(entry: Entry, **given: Any) -> Feature:
    """The feature that an entry of params.yaml describes; `given` as `bind` takes it.

    Raises `UserError` for a key nothing reads, a missing one, or a value that cannot be.
    """
    cls = feature_class(entry.module, entry.name)
    arguments = bind(f"features.{entry.name}", cls, entry.arguments, **{"device": "cpu", **given})
    feature = cls.__new__(cls)
    feature.entry = entry.name  # before its constructor, which may refuse what the entry says
    feature.__init__(**arguments)
    return feature


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "base"]


def _classes(name: str) -> list[type[Feature]]:
    module = import_module(f"features.{name}")
    members = inspect.getmembers(module, inspect.isclass)
    found = [c for _, c in members if issubclass(c, Feature) and c.__module__ == module.__name__]
    return [c for c in found if not inspect.isabstract(c)]
