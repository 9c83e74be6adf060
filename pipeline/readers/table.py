"""A folder with one table of posts: posts.csv, .tsv, .jsonl or .parquet, and its images.

Beside it may lie `interactions.*` (user_id, post_id, kind, at) and `follows.*` (follower_id, followee_id).
"""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from pipeline.base.errors import UserError
from pipeline.base.ranges import Whole
from pipeline.readers.base import CANONICAL, FOLLOWS, INTERACTIONS, Raw, Reader, empty
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.files import ENDINGS, Records, read_records


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
    ):
        """A table of posts.

        `path` of the folder, or of the table itself; `file` in the folder, where it is not the only posts.*;
        `columns` maps canonical names (or targets) to the table's own; `extra_columns` are further numeric
        columns of the table to keep, all known before a post is published; `collected_at` is when the counts
        of all posts were read, where the table has no such column; `minimum_words`: only posts with at least as
        many English words in title and text, null for all, of words that occur at least `minimum_count` times in
        all posts; drafts are never left out.
        """
        super().__init__(path=path)
        self.file = file
        self.columns = columns or {}
        self.extra_columns = extra_columns or []
        self.collected_at = collected_at
        self.minimum_words, self.minimum_count = minimum_words, minimum_count

    @property
    def image_root(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    def read(self, targets: Collection[str] | None) -> Raw:
        file = self._find()
        audit = Audit()
        records = read_records(file, audit)
        audit.read = len(records.rows) + audit.dropped.total()
        taken = self._choose(file, records.columns, targets)
        audit.left_out = [c for c in records.columns if c not in taken.values()]
        posts = pd.DataFrame({ours: records.columns[theirs] for ours, theirs in taken.items()}, dtype=object)
        if self.collected_at and targets is not None:
            if "collected_at" in posts:
                raise UserError(f"dataset.collected_at: {file.name} has that column already; remove the key")
            posts["collected_at"] = self.collected_at
        raw = Raw(
            posts.set_axis(range(len(records.rows))) if taken else pd.DataFrame(index=range(len(records.rows))),
            file.name,
            records.rows,
            audit,
            interactions=self._beside("interactions", INTERACTIONS),
            follows=self._beside("follows", FOLLOWS),
        )
        return raw if targets is None else raw.with_words(self.minimum_words, self.minimum_count)

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

    def _choose(self, file: Path, found: Collection[str], targets: Collection[str] | None) -> dict[str, str]:
        """Our name -> theirs for every column to keep."""
        known = {*CANONICAL, *(targets or ()), *self.extra_columns}
        taken = {column: column for column in found if column in known}
        for ours, theirs in self.columns.items():
            if ours not in known and targets is not None:
                raise UserError(f"dataset.columns.{ours}: no such column; known: {', '.join([*CANONICAL, *targets])}")
            if theirs in found:
                taken[ours] = theirs
            elif targets is not None:
                raise UserError(f"dataset.columns.{ours}: {file} has no column '{theirs}'; it has {', '.join(found)}")
        for column in self.extra_columns:
            if column not in found and targets is not None:
                raise UserError(f"dataset.extra_columns: {file} has no column '{column}'; it has {', '.join(found)}")
        return {ours: theirs for ours, theirs in taken.items() if targets is not None or ours in known}

    def _beside(self, name: str, columns: Collection[str]) -> pd.DataFrame:
        files = _files(self.path, name) if self.path.is_dir() else []
        if not files:
            return empty(columns)
        records: Records = read_records(files[0], Audit())
        for column in columns:
            if column not in records.columns and column.endswith("_id"):
                raise UserError(f"{files[0]}: no column '{column}'; it needs {', '.join(columns)}")
        nothing = [None] * len(records.rows)
        return pd.DataFrame({c: records.columns.get(c, nothing) for c in columns}, dtype=object)


def _files(folder: Path, stem: str) -> list[Path]:
    return [folder / f"{stem}.{e}" for e in ENDINGS if (folder / f"{stem}.{e}").exists()]
