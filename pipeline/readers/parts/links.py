"""What lies beside posts: who shared what, who follows whom, who commented; tables as they were found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError
from pipeline.readers.parts.audit import Audit, Source
from pipeline.readers.parts.files import ENDINGS, read_records

INTERACTIONS = {"user_id": "id", "post_id": "id", "kind": "string", "at": "time"}
FOLLOWS = {"follower_id": "id", "followee_id": "id"}
COMMENTS = {"post_id": "id", "user_id": "id", "at": "time", "text": "string"}
TABLES = {"interactions": INTERACTIONS, "follows": FOLLOWS, "comments": COMMENTS}
"""Columns of each, and their kind."""
NEEDED = {
    "interactions": ("user_id", "post_id"),
    "follows": ("follower_id", "followee_id"),
    "comments": ("post_id", "text"),
}
"""Columns without which a row says nothing."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """A table beside the posts: the keys that `dataset.interactions`, `.follows` and `.comments` may have."""

    file: str | None = None
    """Its name in the folder; None is the table there of its own name, if any."""
    columns: dict[str, str] = field(default_factory=dict)
    """Ours: theirs, for columns of another name."""


BESIDE = Where()


@dataclass
class Links:
    """One such table, values unjudged: `rows` [n] are line or record numbers of `file`, or each of its own file."""

    frame: pd.DataFrame
    file: str
    rows: np.ndarray
    audit: Audit
    files: np.ndarray | None = None

    def source(self, mask: np.ndarray) -> Source:
        """The file of the rows of `mask` [n], or of each."""
        return self.file if self.files is None else list(self.files[mask])


def nothing(name: str) -> Links:
    """The table of a dataset that has none."""
    frame = pd.DataFrame({column: pd.Series(dtype=object) for column in TABLES[name]})
    return Links(frame, name, np.empty(0, dtype=np.int64), Audit())


def read(folder: Path, name: str, where: Where) -> Links:
    """The table `name` of a folder. Raises `UserError` where a file or a column that is asked for is not there."""
    file = find(folder, name, where)
    if file is None:
        return nothing(name)
    wanted = _columns(name, where)
    audit = Audit()
    records = read_records(file, audit, list(wanted.values()))
    audit.read = len(records.rows) + audit.dropped.total()
    audit.left_out = [column for column in records.columns if column not in wanted.values()]
    for ours, theirs in wanted.items():
        if theirs not in records.columns and (ours in NEEDED[name] or ours in where.columns):
            raise UserError(
                f"{file}: no column '{theirs}'; it needs {', '.join(NEEDED[name])}; map them: dataset.{name}.columns"
            )
    absent = [None] * len(records.rows)
    frame = pd.DataFrame({o: records.columns.get(t, absent) for o, t in wanted.items()}, dtype=object)
    return Links(frame, file.name, records.rows, audit)


def find(folder: Path, name: str, where: Where) -> Path | None:
    """The file of the table `name` in a folder; None where there is none. Raises `UserError` for several."""
    if where.file is not None:
        return folder / where.file
    found = [folder / f"{name}.{ending}" for ending in ENDINGS if (folder / f"{name}.{ending}").exists()]
    if len(found) > 1:
        raise UserError(
            f"{folder}: expected one table of {name}, found {', '.join(f.name for f in found)}; "
            f"name it with dataset.{name}.file"
        )
    return next(iter(found), None)


def _columns(name: str, where: Where) -> Mapping[str, str]:
    for column in where.columns:
        if column not in TABLES[name]:
            raise UserError(f"dataset.{name}.columns.{column}: no such column; known: {', '.join(TABLES[name])}")
    return {column: where.columns.get(column, column) for column in TABLES[name]}
