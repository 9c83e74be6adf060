"""What a reader is. A new raw format is a file in this folder with one subclass; the file's name is its name.

The keyword-only arguments of the class are the keys `dataset` may have for it, beside those every dataset
has (`pipeline/readers/dataset.py`). A reader finds rows and gives columns their canonical names; it judges no value:
cleaning is the same for all and lives in `pipeline/readers/parts/clean.py`.
"""

import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError
from pipeline.base.tokens import Tokenizer, tokenise
from pipeline.readers.parts.audit import Audit, Source
from pipeline.readers.parts.links import TABLES, Links, nothing

CANONICAL = {
    "post_id": "id",
    "user_id": "id",
    "posted_at": "time",
    "collected_at": "time",  # when the counts were read
    "title": "string",
    "text": "string",
    "tags": "tags",  # one string, joined by spaces, without '#'
    "comments": "comments",  # a list of strings
    "category": "id",  # the widest of three levels
    "subcategory": "id",
    "concept": "id",
    "image": "path",  # path inside the dataset
    "media_type": "string",  # photo, video
    "media_status": "string",
    "is_public": "bool",
    "latitude": "measure",  # degrees
    "longitude": "measure",  # degrees
    "geo_accuracy": "measure",  # 1 (world) to 16 (street); 0 where there is no place
    "followers": "count",
    "following": "count",
    "user_photos": "count",
    "user_views": "count",  # of all the user's posts together
    "user_tags": "count",  # likewise
    "user_faves": "count",  # likewise
    "user_groups": "count",  # the user is in
    "is_pro": "bool",
    "path_alias": "string",  # the user's chosen address
    "first_photo_at": "time",  # the user's first upload
    "first_photo_taken_at": "time",
    "timezone": "string",  # the user's, by name
    "timezone_offset": "measure",  # the user's, hours east of UTC
    "user_description": "string",
    "user_location": "string",
}
"""Columns every part of the project knows, and their kind. Any other column is a number: a target, or one
named by the reader."""


def text_of(value: Any) -> str:
    """A raw value as text, empty where it is none."""
    return value if isinstance(value, str) else ""


@dataclass
class Raw:
    """A dataset as it was found, values unjudged.

    `posts` has canonical columns, targets and further numeric columns; `rows` [n] the line or record number
    of each post in `file`, or in its own of `files` [n]. `audit` counts what was read and what the reader
    itself had to drop. `links` are the interactions, follows and comments beside them.
    """

    posts: pd.DataFrame
    file: str
    rows: np.ndarray
    audit: Audit
    files: np.ndarray | None = None
    links: dict[str, Links] = field(default_factory=lambda: {name: nothing(name) for name in TABLES})

    def without(self, columns: Collection[str]) -> "Raw":
        """The same without these columns, which the audit then names as left out."""
        gone = [column for column in columns if column in self.posts]
        self.audit.left_out += [f"{column} (dataset.leave_out)" for column in gone]
        return replace(self, posts=self.posts.drop(columns=gone))

    def drop(self, reason: str, mask: np.ndarray, column: str | None = None) -> None:
        """Count the posts of `mask` [n] as dropped for `reason`."""
        self.audit.drop(reason, self._source(mask), self.rows[mask], column)

    def filter(self, reason: str, mask: np.ndarray, column: str | None = None) -> None:
        """Count the posts of `mask` [n] as left out on purpose."""
        self.audit.filter(reason, self._source(mask), self.rows[mask], column)

    def tag(self, reason: str, mask: np.ndarray, column: str | None = None) -> None:
        """Count the posts of `mask` [n] as kept in spite of `reason`."""
        self.audit.tag(reason, self._source(mask), self.rows[mask], column)

    def with_words(self, minimum: int | None, minimum_count: int = 1, tokenizer: Tokenizer = "tweets") -> "Raw":
        """The posts with at least `minimum` English words of title and text, as the networks read them; None: all.

        Words that occur fewer than `minimum_count` times do not count. Ours: they are counted in all posts read, for
        which of these are to train is decided later.
        """
        if minimum is None:
            return self
        words = [
            [word for text in texts for word in tokenise(text, english=True, tokenizer=tokenizer)]
            for texts in self._texts()
        ]
        counts = Counter(word for of_post in words for word in of_post)
        frequent = [sum(counts[word] >= minimum_count for word in of_post) for of_post in words]
        enough = np.array(frequent, dtype=int) >= minimum
        rare = f" that occur {minimum_count} times" if minimum_count > 1 else ""
        self.filter(f"fewer than {minimum} words{rare}", ~enough, "text")
        return self.take(enough)

    def _texts(self) -> list[tuple[str, ...]]:
        """Title and text of each post, of what the data has."""
        parts = [self.posts[c].map(text_of) for c in ("title", "text") if c in self.posts]
        return list(zip(*parts, strict=True)) or [()] * len(self.posts)

    def take(self, keep: np.ndarray) -> "Raw":
        """The same with the posts of `keep` [n] alone; the audit is shared."""
        files = None if self.files is None else self.files[keep]
        posts = self.posts[keep].reset_index(drop=True)
        return replace(self, posts=posts, rows=self.rows[keep], files=files)

    def _source(self, mask: np.ndarray) -> Source:
        return self.file if self.files is None else list(self.files[mask])


class Reader(ABC):
    """Reads one raw format."""

    def __init__(self, *, path: str):
        """`path` of the dataset, a folder or a file, from the project's root."""
        self.path = Path(path)

    @property
    @abstractmethod
    def image_root(self) -> Path:
        """The folder that image paths start from."""

    @abstractmethod
    def read(self, targets: Collection[str] | None) -> Raw:
        """All posts, with the columns `targets` beside the canonical ones.

        None stands for posts not published yet: no target and no column is then required.
        Raises `UserError` where a file is missing or is not what it should be.
        """


def discover() -> list[str]:
    """Names of all readers in this folder, sorted."""
    modules = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name != "base"]
    return sorted(name for name in modules if _classes(name))


def reader_class(name: str) -> type[Reader]:
    """The class in pipeline/readers/<name>.py. Raises `UserError` where there is none."""
    if name not in discover():
        raise UserError(f"dataset.reader: there is no reader '{name}'; known: {', '.join(discover())}")
    return _classes(name)[0]


def _classes(name: str) -> list[type[Reader]]:
    module = import_module(f"pipeline.readers.{name}")
    members = inspect.getmembers(module, inspect.isclass)
    return [c for _, c in members if issubclass(c, Reader) and c.__module__ == module.__name__ and c is not Reader]
