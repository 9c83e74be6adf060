"""Raw folder -> data/posts.parquet (+ interactions, follows, comments), data/audit.json.

Rows and values are judged in `pipeline/readers/judging.py`, what lies beside posts in `linking.py` there; where a
column has none left, or the largest values of a target are gone, the stage stops. Posts keep the order of the file.
Drafts lose no row: each is to get its prediction.
"""

import logging
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.base import params
from pipeline.base.binding import bind
from pipeline.base.errors import run_stage
from pipeline.base.paths import Paths
from pipeline.base.sections import Dataset
from pipeline.readers import dataset, linking
from pipeline.readers.base import Raw, Reader, reader_class
from pipeline.readers.judging import clean, to_table
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.clean import KINDS
from pipeline.storage import store

log = logging.getLogger(__name__)


def main(paths: Paths = Paths()) -> None:
    """Read, check and write the dataset that params.yaml names."""
    section = params.load(paths.params).dataset
    raw = dataset.make(section, paths.root).read(list(section.targets)).without(section.leave_out)
    times = dataset.times(section)
    posts = clean(raw, section.targets, draw=section.draw, times=times)
    raw.audit.report(raw.file)
    raw.audit.check(raw.file, section.max_dropped)
    beside = linking.clean(raw.links, posts, times)
    for found in raw.links.values():
        if found.audit.read:
            found.audit.report(found.file)
    store.write_table(paths.posts, to_table(posts))
    for name, frame in beside.items():
        store.write_table(getattr(paths, name), to_table(frame))
    counts = {name: found.audit.as_dict() for name, found in raw.links.items()}
    present = {column: int(posts[column].notna().sum()) for column in posts.columns}
    store.write_json(paths.audit, {"file": raw.file, "columns": present, **counts, **raw.audit.as_dict()})


def read_drafts(section: Dataset, path: Path) -> tuple[pd.DataFrame, Path, Audit, np.ndarray]:
    """Posts yet to be published, from a table: `(posts [n], where images are, audit, which are named [n])`.

    Where the dataset is SMPD, the folder with the files of its test part will do. Column names are mapped as in the
    dataset where it is a table, and times are read as there. There are as many posts as rows, in their order: without
    a `post_id` the row number serves, and one may stand twice. Raises `UserError` where the file holds no row.
    """
    reader = _reader_of_drafts(section, path)
    raw = reader.read(None).without(section.leave_out)
    posts = clean(raw, None, times=dataset.times(section))
    raw.audit.report(raw.file)
    raw.audit.check(raw.file, 1.0)
    return posts, reader.image_root, raw.audit, _named(raw)


def _reader_of_drafts(section: Dataset, path: Path) -> Reader:
    if section.reader == "smpd" and path.is_dir():
        smpd = reader_class("smpd")
        return smpd(**bind("dataset", smpd, {**section.keys, "prefix": "test"}, path=str(path)))
    table = reader_class("table")
    keys = section.keys if section.reader == "table" else {}
    own = {k: v for k, v in keys.items() if k in ("columns", "extra_columns")}
    return table(**bind("dataset", table, own, path=str(path)))


def _named(raw: Raw) -> np.ndarray:
    """Which rows [n] have a `post_id`."""
    if "post_id" not in raw.posts:
        return np.zeros(len(raw.posts), dtype=bool)
    return pd.notna(pd.Series(KINDS["id"](raw.posts["post_id"].tolist())[0], dtype=object)).to_numpy(dtype=bool)


def strangers(drafts: pd.DataFrame, users: Collection[str]) -> int:
    """How many drafts say whose they are, and that user is none of `users`."""
    return 0 if "user_id" not in drafts else int((drafts["user_id"].notna() & ~drafts["user_id"].isin(users)).sum())


if __name__ == "__main__":
    run_stage(main)
