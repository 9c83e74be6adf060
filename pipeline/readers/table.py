"""A folder with one table of posts: posts.csv, .tsv, .jsonl, .json or .parquet, and its images.

Beside it may lie `interactions.*` (user_id, post_id, kind, at), `follows.*` (follower_id, followee_id) and `comments.*`
(post_id, user_id, at, text).
A column may stand inside another: `owner.nsid`, `media.0.uri`. Exports of a file a post are one table as well.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError
from pipeline.base.ranges import Whole
from pipeline.readers.base import CANONICAL, Raw, Reader
from pipeline.readers.parts import documents, links
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.files import ENDINGS, ending_of, read_records
from pipeline.readers.parts.links import BESIDE, Where


class Table(Reader):
    """Posts from one table, columns under their canonical names or mapped to them."""

    def __init__(
        self,
        *,
        path: str,
        file: str | None = None,
        columns: dict[str, str] | None = None,
        extra_columns: list[str] | None = None,
        collected_at: str | None = None,
        minimum_words: Whole | None = None,
        minimum_count: Whole = 1,
        interactions: Where = BESIDE,
        follows: Where = BESIDE,
        comments: Where = BESIDE,
    ):
        """A table of posts.

        `path` of the folder, or of the table itself; `file` in the folder, where it is not the only posts.*, or a
        pattern such as `*.json` for files of some posts each; `columns` maps canonical names (or targets) to the
        table's own, with points for what stands inside: `owner.nsid`, `media.0.uri`; `extra_columns` are further
        numeric columns of the table to keep, all known before a post is published; `collected_at` is when the counts
        of all posts were read, where the table has no such column; `minimum_words`: only posts with at least as
        many English words in title and text, null for all, of words that occur at least `minimum_count` times in
        all posts; drafts are never left out; `interactions`, `follows` and `comments`: where these tables lie in the
        folder, and how they call their columns.
        """
        super().__init__(path=path)
        self.file = file
        self.columns = columns or {}
        self.extra_columns = extra_columns or []
        self.collected_at = collected_at
        self.minimum_words, self.minimum_count = minimum_words, minimum_count
        self.beside = {"interactions": interactions, "follows": follows, "comments": comments}

    @property
    def image_root(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    def read(self, targets: Collection[str] | None) -> Raw:
        audit = Audit()
        found = self._read(audit, {*CANONICAL, *(targets or ()), *self.columns.values(), *self.extra_columns})
        audit.read = len(found.rows) + audit.dropped.total()
        if targets is None:
            found = _with_torn(found, audit)
        posts = self._posts(found, targets, audit)
        if self.collected_at and targets is not None:
            if "collected_at" in posts:
                raise UserError(f"dataset.collected_at: {found.name} has that column already; remove the key")
            posts["collected_at"] = self.collected_at
        raw = Raw(posts, found.name, found.rows, audit, found.files)
        if targets is None:
            return raw
        if self.path.is_dir():
            raw.links = {name: links.read(self.path, name, where) for name, where in self.beside.items()}
        return raw.with_words(self.minimum_words, self.minimum_count)

    def _read(self, audit: Audit, names: Collection[str]) -> "_Found":
        if self.file is not None and any(sign in self.file for sign in "*?["):
            return self._read_many(audit, names)
        file = self._find()
        records = read_records(file, audit, names)
        return _Found(file.name, records.columns, records.rows, records.torn)

    def _read_many(self, audit: Audit, names: Collection[str]) -> "_Found":
        """All tables that the pattern `file` finds in the folder, one after the other, by name."""
        if not self.path.is_dir():
            raise UserError(f"{self.path}: no such folder; set dataset.path")
        pattern = str(self.file)
        files = sorted(f for f in self.path.glob(pattern) if f.is_file() and ending_of(f))
        if not files:
            raise UserError(f"{self.path}: no table there is called {pattern}; correct dataset.file")
        every = [read_records(file, audit, names) for file in files]
        columns = dict.fromkeys(name for records in every for name in records.columns)
        merged = {c: [v for r in every for v in r.columns.get(c, [None] * len(r.rows))] for c in columns}
        own = [str(f.relative_to(self.path)) for f, r in zip(files, every, strict=True) for _ in r.rows]
        rows = np.concatenate([records.rows for records in every])
        return _Found(pattern, merged, rows, [], np.array(own, dtype=object))

    def _find(self) -> Path:
        if not self.path.exists():
            raise UserError(f"{self.path}: no such file or folder; set dataset.path")
        if not self.path.is_dir():
            return self.path
        if self.file is not None:
            return self.path / self.file
        found = _files(self.path, "posts")
        if len(found) != 1:
            what = ", ".join(f.name for f in found) or f"no posts.{{{','.join(ENDINGS)}}}"
            raise UserError(f"{self.path}: expected one table of posts, found {what}; name it with dataset.file")
        return found[0]

    def _posts(self, found: "_Found", targets: Collection[str] | None, audit: Audit) -> pd.DataFrame:
        taken = self._choose(found, targets)
        used = {name for path in taken.values() for name in (path, path.split(".")[0])}
        audit.left_out = [name for name in found.columns if name not in used]
        posts = pd.DataFrame({o: found.values(t) for o, t in taken.items()}, index=range(len(found.rows)), dtype=object)
        if "image" not in posts and found.files is not None:
            posts["image"] = [self._picture(name) for name in found.files]
        return posts

    def _choose(self, found: "_Found", targets: Collection[str] | None) -> dict[str, str]:
        """Our name -> theirs for every column to keep."""
        known = {*CANONICAL, *(targets or ()), *self.extra_columns}
        taken = {column: column for column in found.columns if column in known}
        for ours, theirs in self.columns.items():
            if ours not in known and targets is not None:
                raise UserError(f"dataset.columns.{ours}: no such column; known: {', '.join([*CANONICAL, *targets])}")
            if found.has(theirs):
                taken[ours] = theirs
            elif targets is not None:
                raise UserError(f"dataset.columns.{ours}: {found.name} has no column '{theirs}'; {found.described}")
        for column in self.extra_columns:
            if column not in found.columns and targets is not None:
                raise UserError(f"dataset.extra_columns: {found.name} has no column '{column}'; {found.described}")
        return {ours: theirs for ours, theirs in taken.items() if targets is not None or ours in known}

    def _picture(self, name: str) -> str | None:
        """The picture beside a file of one post: of its name, or, where it has several, the first."""
        stem = name.split(".")[0]
        names = [f"{stem}{number}.{ending}" for ending in _PICTURES for number in ("", "_1")]
        return next((one for one in names if (self.path / one).is_file()), None)


_PICTURES = ("jpg", "jpeg", "png", "webp", "avif")
_NAMED = 20
"""Columns that a message lists."""


@dataclass(frozen=True)
class _Found:
    """What the files hold: `rows` [n] in the file `name`, or each in its own of `files` [n]."""

    name: str
    columns: dict[str, list[Any]]
    rows: np.ndarray
    torn: list[int]
    files: np.ndarray | None = None

    def has(self, path: str) -> bool:
        head = path.split(".")[0]
        return path in self.columns or (path != head and any(v is not None for v in self.values(path)))

    def values(self, path: str) -> list[Any]:
        """The column, or what stands inside one."""
        if path in self.columns:
            return self.columns[path]
        head, _, rest = path.partition(".")
        return [documents.dig(value, rest) for value in self.columns.get(head, [None] * len(self.rows))]

    @property
    def described(self) -> str:
        more = f" and {len(self.columns) - _NAMED} more" if len(self.columns) > _NAMED else ""
        return f"it has {', '.join(list(self.columns)[:_NAMED])}{more}"


def _with_torn(found: _Found, audit: Audit) -> _Found:
    """Drafts keep torn rows, without values, where they stood: each draft gets its prediction."""
    if not found.torn:
        return found
    kept = np.concatenate([found.rows, np.array(found.torn, dtype=np.int64)])
    order = np.argsort(kept, kind="stable")
    columns = {n: [v[i] if i < len(v) else None for i in order.tolist()] for n, v in found.columns.items()}
    audit.tagged += audit.dropped
    audit.dropped.clear()
    return _Found(found.name, columns, kept[order], [])


def _files(folder: Path, stem: str) -> list[Path]:
    return [folder / f"{stem}.{e}" for e in ENDINGS if (folder / f"{stem}.{e}").exists()]
