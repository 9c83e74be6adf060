"""SMPD, the Social Media Prediction Dataset, in the files its challenge ships.

`train_img_filepath.txt` and `train_label.txt` go line by line together; a path ends in `<Uid>/<Pid>.jpg`
and so says whose label it is. Every other file carries `Uid` and `Pid` and is joined by them, whatever its
order and shape. `post_id` is `Uid/Pid`; the label is `score`.

Releases differ in names of files and fields. The paths are in the first of `PATHS` that is there; fields are taken
from whatever JSON file has them, the file that a field is at home in first. What is not taken is named by the audit.

Beside them may lie `train_user_additional.json`, numbers of the users' own pages: a row a post or a row a user, under
`Uid` or by it, or without it as many rows as there are posts, in their order.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError
from pipeline.readers.base import Raw, Reader
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.clean import ids
from pipeline.readers.parts.files import read_records
from pipeline.readers.parts.smpd_fields import CRAWLED, PATHS, TABLES, fields_of
from pipeline.readers.parts.texts import read_text

_KEYS = ("Uid", "Pid")

_IDS = re.compile(r"([^/\\]+)[/\\]([^/\\]+?)(\.[A-Za-z]\w{1,4})?$")
_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d{2})")


class Smpd(Reader):
    """Reads the folder that SMPD's files were unpacked to."""

    def __init__(self, *, path: str, prefix: str = "train", images: str = "."):
        """SMPD as it ships.

        `path` of the folder with the files, whose names start with `prefix`; `images` is the folder in it
        from which the lines of the file of paths start; a path without an ending is that of a .jpg.
        """
        super().__init__(path=path)
        self.prefix = prefix
        self.images = images

    @property
    def image_root(self) -> Path:
        return self.path / self.images

    def read(self, targets: Collection[str] | None) -> Raw:
        if not self.path.is_dir():
            raise UserError(f"{self.path}: no such folder; dataset.path is the folder with SMPD's files")
        audit = Audit()
        posts, keys = self._base(audit, targets)
        audit.read = len(posts)
        for file in self._tables():
            self._take(posts, keys, file, audit)
        for name, fields in TABLES.items():
            if not self._file(name).exists():
                lacking = (column for column in fields.values() if column not in posts)
                audit.left_out += [f"{column} ({self._file(name).name} is missing)" for column in lacking]
        if "timezone_offset" in posts:
            posts["timezone_offset"] = [_hours(value) for value in posts["timezone_offset"]]
        return Raw(posts, self._paths(), np.arange(1, len(posts) + 1), audit)

    def _paths(self) -> str:
        """Name of the file of paths."""
        names = [self._file(name).name for name in PATHS]
        return next((name for name in names if (self.path / name).exists()), names[0])

    def _tables(self) -> list[Path]:
        """All JSON files of the prefix, those first that the challenge names."""
        known = [file for name in TABLES if (file := self._file(name)).exists()]
        return known + sorted(f for f in self.path.glob(f"{self.prefix}_*.json") if f not in known)

    def _file(self, name: str) -> Path:
        return self.path / f"{self.prefix}_{name}"

    def _lines(self, name: str, audit: Audit) -> list[str]:
        return [line.strip() for line in read_text(self.path / name, audit).rstrip().splitlines()]

    def _labels(self, paths: list[str], audit: Audit, targets: Collection[str] | None) -> list[str] | None:
        if targets is None:
            return None
        labels = self._lines(self._file("label.txt").name, audit)
        if len(labels) != len(paths):
            raise UserError(
                f"{self._file('label.txt')}: {len(labels)} lines, but {self._paths()} has "
                f"{len(paths)}; they go together line by line, is one of them incomplete?"
            )
        return labels

    def _base(self, audit: Audit, targets: Collection[str] | None) -> tuple[pd.DataFrame, pd.Index]:
        """Posts with ids, image and score in the order of the paths, and their keys."""
        found, paths = [], self._lines(self._paths(), audit)
        for row, path in enumerate(paths, 1):
            named = _IDS.search(path)
            if named is None:
                said = f"'{path[:80]}' does not end in <Uid>/<Pid>.jpg"
                raise UserError(f"{self.path / self._paths()}, row {row}: {said}")
            found.append((f"{named[1]}/{named[2]}", named[1], path if named[3] else f"{path}.jpg"))
        columns = {name: [row[i] for row in found] for i, name in enumerate(("post_id", "user_id", "image"))}
        labels = self._labels(paths, audit, targets)
        if labels is not None:
            columns["score"] = labels
        return pd.DataFrame(columns), pd.Index(columns["post_id"], dtype=object)

    def _take(self, posts: pd.DataFrame, keys: pd.Index, file: Path, audit: Audit) -> None:
        """Add a file's fields to `posts`; name those that nothing takes, and a further file that is no such table."""
        own, name = Audit(), file.name.removeprefix(f"{self.prefix}_")
        try:
            columns = self._columns(keys, file, own)
        except UserError:
            if name in (*TABLES, CRAWLED):
                raise
            audit.left_out.append(f"{file.name} (no table with a field Uid)")
            return
        audit.take(own)
        fields = fields_of(name)
        wanted = {n: fields[n.lower()] for n in columns if n.lower() in fields and fields[n.lower()] not in posts}
        audit.left_out += [f"{name} ({file.name})" for name in columns if name not in (*wanted, *_KEYS)]
        self._join(posts, keys, file, columns, wanted, audit)

    def _columns(self, keys: pd.Index, file: Path, audit: Audit) -> dict[str, list[Any]]:
        """What a file has, `Uid` among it; `keys` are those of the posts."""
        crawled = file == self._file(CRAWLED)
        names = (*_KEYS, *fields_of(CRAWLED)) if crawled else _KEYS
        records = read_records(file, audit, names, key="Uid" if crawled else None)
        columns = {_KEY_NAMES.get(name.lower(), name): values for name, values in records.columns.items()}
        if "Uid" in columns:
            return columns
        if not crawled or not columns:
            raise UserError(f"{file}: no field 'Uid'; it has {', '.join(columns) or 'nothing'}")
        if len(records.rows) != len(keys):
            told = f"{len(records.rows)} rows without a field 'Uid', but {len(keys)} posts"
            raise UserError(f"{file}: {told}; without it they go together row by row")
        users, pictures = zip(*(key.split("/", 1) for key in keys), strict=True)
        return {**columns, "Uid": list(users), "Pid": list(pictures)}

    def _join(
        self,
        posts: pd.DataFrame,
        keys: pd.Index,
        file: Path,
        columns: dict[str, list[Any]],
        fields: dict[str, str],
        audit: Audit,
    ) -> None:
        """Add fields to `posts`, by (Uid, Pid); or by Uid where the file has a row a user."""
        if self._side_by_side(columns, keys):
            for field, column in fields.items():
                # With a None, lists of one length are no table.
                posts[column] = np.array([*columns[field], None], dtype=object)[:-1]
            return
        by_user = "Pid" not in columns
        own = _keys(columns["Uid"]) if by_user else _joined(columns["Uid"], columns["Pid"])
        wanted = pd.Index(posts["user_id"], dtype=object) if by_user else keys
        first = np.flatnonzero(~own.duplicated())
        places = own[first].get_indexer(wanted)
        self._check(file, own, first, wanted, audit)
        for field, column in fields.items():
            values = np.full(len(first) + 1, None, dtype=object)  # the last one is for posts the file lacks
            values[:-1] = [columns[field][row] for row in first]
            posts[column] = values[places]

    def _side_by_side(self, columns: dict[str, list[Any]], keys: pd.Index) -> bool:
        """Whether a file has the rows of the posts, each once and in their order, as the challenge ships it."""
        if len(columns["Uid"]) != len(keys) or "Pid" not in columns or not keys.is_unique:
            return False
        pairs = zip(keys, columns["Uid"], columns["Pid"], strict=True)
        return all(isinstance(u, str) and isinstance(p, str) and key == f"{u}/{p}" for key, u, p in pairs)

    def _check(self, file: Path, own: pd.Index, first: np.ndarray, wanted: pd.Index, audit: Audit) -> None:
        """Name rows that stand in one file alone; raise `UserError` where none is in both."""
        paths = self._paths()
        absent = np.flatnonzero(~wanted.isin(own))
        if len(wanted) and len(absent) == len(wanted):
            raise UserError(f"{file}: none of its (Uid, Pid) stands in {paths}; are both of one release?")
        strange = first[~own[first].isin(wanted)]
        second = np.flatnonzero(own.duplicated())
        audit.tag(f"{file.name}: no row for this post", paths, absent + 1)
        audit.tag(f"{file.name}: a second row for a post, left out", file.name, second + 1)
        audit.tag(f"{file.name}: a post without image path and label, left out", file.name, strange + 1)


_KEY_NAMES = {name.lower(): name for name in _KEYS}


def _keys(values: Sequence[Any]) -> pd.Index:
    return pd.Index(ids(values)[0], dtype=object)


def _joined(users: Sequence[Any], pictures: Sequence[Any]) -> pd.Index:
    pairs = zip(ids(users)[0], ids(pictures)[0], strict=True)
    return pd.Index([f"{user}/{picture}" for user, picture in pairs], dtype=object)


def _hours(value: Any) -> Any:
    """`+05:30` as 5.5; anything else as it is."""
    match = _OFFSET.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        return value
    return (-1 if match[1] == "-" else 1) * (int(match[2]) + int(match[3]) / 60)
