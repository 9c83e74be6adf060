"""SMPD, the Social Media Prediction Dataset, in the files its challenge ships.

`train_img_filepath.txt` and `train_label.txt` go line by line together; a path ends in `<Uid>/<Pid>.jpg`
and so says whose label it is. Every other file carries `Uid` and `Pid` and is joined by them, whatever its
order: lists of records or an object of parallel lists. `post_id` is `Uid/Pid`; the label is `score`.
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
from pipeline.readers.parts.files import in_columns, read_json, read_text

TABLES = {
    "category.json": {"Category": "category", "Subcategory": "subcategory", "Concept": "concept"},
    "text.json": {"Title": "title", "Mediatype": "media_type", "Alltags": "tags"},
    "temporalspatial_information.json": {
        "Postdate": "posted_at",
        "Latitude": "latitude",
        "Longitude": "longitude",
        "Geoaccuracy": "geo_accuracy",
    },
    "additional_information.json": {
        "Pathalias": "path_alias",
        "Ispublic": "is_public",
        "Mediastatus": "media_status",
    },
    "user_data.json": {
        "ispro": "is_pro",
        "photo_count": "user_photos",
        "photo_firstdate": "first_photo_at",
        "photo_firstdatetaken": "first_photo_taken_at",
        "timezone_timezone_id": "timezone",
        "timezone_offset": "timezone_offset",
        "user_description": "user_description",
        "location_description": "user_location",
    },
}
"""File, without its prefix -> its field -> our column."""

_IDS = re.compile(r"([^/\\]+)[/\\]([^/\\]+)\.\w+$")
_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d{2})")


class Smpd(Reader):
    """Reads the folder that SMPD's files were unpacked to."""

    def __init__(self, *, path: str, prefix: str = "train", images: str = "."):
        """SMPD as it ships.

        `path` of the folder with the files, whose names start with `prefix`; `images` is the folder in it
        from which the lines of `<prefix>_img_filepath.txt` start.
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
        paths = self._lines("img_filepath.txt", audit)
        posts, keys = self._base(paths, self._labels(paths, audit, targets))
        audit.read = len(posts)
        for name, fields in TABLES.items():
            file = self._file(name)
            if file.exists():
                self._join(posts, keys, file, fields, audit)
            else:
                audit.left_out += [f"{column} ({file.name} is missing)" for column in fields.values()]
        if "timezone_offset" in posts:
            posts["timezone_offset"] = [_hours(value) for value in posts["timezone_offset"]]
        return Raw(posts, self._file("img_filepath.txt").name, np.arange(1, len(posts) + 1), audit)

    def _file(self, name: str) -> Path:
        return self.path / f"{self.prefix}_{name}"

    def _lines(self, name: str, audit: Audit) -> list[str]:
        return [line.strip() for line in read_text(self._file(name), audit).rstrip().splitlines()]

    def _labels(self, paths: list[str], audit: Audit, targets: Collection[str] | None) -> list[str] | None:
        if targets is None:
            return None
        labels = self._lines("label.txt", audit)
        if len(labels) != len(paths):
            raise UserError(
                f"{self._file('label.txt')}: {len(labels)} lines, but {self._file('img_filepath.txt').name} has "
                f"{len(paths)}; they go together line by line, is one of them incomplete?"
            )
        return labels

    def _base(self, paths: list[str], labels: list[str] | None) -> tuple[pd.DataFrame, pd.Index]:
        """Posts with ids, image and score in the order of the paths, and their keys."""
        found = [_IDS.search(path) for path in paths]
        if None in found:
            row = found.index(None)
            raise UserError(
                f"{self._file('img_filepath.txt')}, row {row + 1}: '{paths[row][:80]}' does not end in <Uid>/<Pid>.jpg"
            )
        keys = pd.Index([f"{ids[1]}/{ids[2]}" for ids in found], dtype=object)
        columns = {"post_id": keys, "user_id": [ids[1] for ids in found], "image": paths}
        if labels is not None:
            columns["score"] = labels
        return pd.DataFrame(columns, dtype=object), keys

    def _join(self, posts: pd.DataFrame, keys: pd.Index, file: Path, fields: dict[str, str], audit: Audit) -> None:
        """Add a file's fields to `posts`, by (Uid, Pid); or by Uid where the file has a row a user."""
        columns = in_columns(file, read_json(file))
        if "Uid" not in columns:
            raise UserError(f"{file}: no field 'Uid'; it has {', '.join(columns) or 'nothing'}")
        by_user = "Pid" not in columns
        own = _keys(columns["Uid"]) if by_user else _joined(columns["Uid"], columns["Pid"])
        wanted = pd.Index(posts["user_id"], dtype=object) if by_user else keys
        first = np.flatnonzero(~own.duplicated())
        found = own[first].get_indexer(wanted)
        self._check(file, own, first, wanted, audit)
        for field, column in fields.items():
            if field in columns:
                values = np.full(len(first) + 1, None, dtype=object)  # the last one is for posts the file lacks
                values[:-1] = [columns[field][row] for row in first]
                posts[column] = values[found]

    def _check(self, file: Path, own: pd.Index, first: np.ndarray, wanted: pd.Index, audit: Audit) -> None:
        """Name rows that stand in one file alone; raise `UserError` where none is in both."""
        paths = self._file("img_filepath.txt").name
        absent = np.flatnonzero(~wanted.isin(own))
        if len(wanted) and len(absent) == len(wanted):
            raise UserError(f"{file}: none of its (Uid, Pid) stands in {paths}; are both of one release?")
        strange = first[~own[first].isin(wanted)]
        second = np.flatnonzero(own.duplicated())
        audit.tag(f"{file.name}: no row for this post", paths, absent + 1)
        audit.tag(f"{file.name}: a second row for a post, left out", file.name, second + 1)
        audit.tag(f"{file.name}: a post without image path and label, left out", file.name, strange + 1)


def _keys(values: Sequence[Any]) -> pd.Index:
    return pd.Index([str(value) for value in values], dtype=object)


def _joined(users: Sequence[Any], pictures: Sequence[Any]) -> pd.Index:
    return pd.Index([f"{user}/{picture}" for user, picture in zip(users, pictures, strict=True)], dtype=object)


def _hours(value: Any) -> Any:
    """`+05:30` as 5.5; anything else as it is."""
    match = _OFFSET.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        return value
    return (-1 if match[1] == "-" else 1) * (int(match[2]) + int(match[3]) / 60)
