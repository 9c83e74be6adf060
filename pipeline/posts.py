"""Raw folder -> data/posts.parquet (+ interactions, follows), data/audit.json.

Whatever the format, rows and values are judged here, once. A row is dropped without a `post_id` of its own
or, unless it is yet to be published, without any usable target. A value that cannot be what its column says
is emptied and counted, and its row stays. Posts keep the order of the file.
"""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.base import params, targets
from pipeline.base.binding import bind
from pipeline.base.errors import UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.base.sections import Dataset
from pipeline.readers import dataset
from pipeline.readers.base import CANONICAL, FOLLOWS, INTERACTIONS, Raw, reader_class
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.clean import KINDS
from pipeline.storage import store

log = logging.getLogger(__name__)

_ARROW = {
    "string": pa.string(),
    "tags": pa.string(),
    "comments": pa.list_(pa.string()),
    "time": pa.timestamp("us", "UTC"),
}
_YEAR_ONE = pd.Timestamp("1970-01-01", tz="UTC")
_GRACE = pd.Timedelta(days=1)


def main(paths: Paths = Paths()) -> None:
    """Read, check and write the dataset that params.yaml names."""
    section = params.load(paths.params).dataset
    raw = dataset.make(section, paths.root).read(list(section.targets))
    posts = clean(raw, section.targets, draw=section.draw)
    raw.audit.report(raw.file)
    raw.audit.check(raw.file, section.max_dropped)
    others = {
        paths.interactions: _links(raw.interactions, INTERACTIONS, posts),
        paths.follows: _links(raw.follows, FOLLOWS, posts),
    }
    store.write_table(paths.posts, to_table(posts))
    for path, (frame, _) in others.items():
        store.write_table(path, to_table(frame))
    counts = {path.stem: count for path, (_, count) in others.items()}
    present = {column: int(posts[column].notna().sum()) for column in posts.columns}
    store.write_json(paths.audit, {"file": raw.file, "columns": present, **counts, **raw.audit.as_dict()})


def read_drafts(section: Dataset, path: Path) -> tuple[pd.DataFrame, Path, Audit]:
    """Posts yet to be published, from a table: `(posts, the folder image paths start from, audit)`.

    Column names are mapped as in the dataset where it is a table. Without a `post_id` column the row number
    serves. Raises `UserError` where the file holds no usable row.
    """
    table = reader_class("table")
    keys = section.keys if section.reader == "table" else {}
    own = {k: v for k, v in keys.items() if k in ("columns", "extra_columns")}
    reader = table(**bind("dataset", table, own, path=str(path)))
    raw = reader.read(None)
    posts = clean(raw, None)
    raw.audit.report(raw.file)
    raw.audit.check(raw.file, 1.0)
    return posts, reader.image_root, raw.audit


def clean(raw: Raw, transforms: Mapping[str, str] | None, *, draw: int | None = None) -> pd.DataFrame:
    """Posts with clean values, in the order of the file; what was dropped or emptied goes into `raw.audit`.

    `transforms` maps each target to its transform; None stands for posts not yet published. `draw` is how many
    to keep, by chance; None keeps all.
    """
    _check_columns(raw, transforms)
    posts = pd.DataFrame({c: _values(raw, c, transforms or {}) for c in _ordered(raw.posts.columns)})
    if transforms is None and "post_id" not in posts:
        posts.insert(0, "post_id", [str(row) for row in raw.rows])
    _check_times(posts, raw, published=transforms is not None)
    keep = _keep(posts, raw, transforms)
    if draw is not None:
        chosen = _drawn(posts["post_id"], keep, draw)
        raw.audit.filter("not drawn (dataset.draw)", raw.file, raw.rows[keep & ~chosen])
        keep &= chosen
    return to_table(posts[keep]).to_pandas()


def _check_columns(raw: Raw, transforms: Mapping[str, str] | None) -> None:
    if transforms is None:
        return
    for column in ("post_id", *targets.columns_needed(transforms)):
        if column not in raw.posts:
            found = ", ".join([*raw.posts.columns, *raw.audit.left_out]) or "none"
            raise UserError(f"{raw.file}: no column '{column}' (found: {found}); map it under dataset.columns")


def _ordered(columns: pd.Index) -> list[str]:
    return [*(c for c in CANONICAL if c in columns), *sorted(c for c in columns if c not in CANONICAL)]


def _values(raw: Raw, column: str, transforms: Mapping[str, str]) -> Any:
    kind = "number" if column in transforms else CANONICAL.get(column, "number")
    values, problems = KINDS[kind](raw.posts[column].tolist())
    if column in transforms:
        _check_target(values, problems, raw.posts[column].tolist(), transforms[column])
    for problem, mask in problems.items():
        raw.tag(f"{column}: {problem}", mask, column)
    return values


def _check_target(values: np.ndarray, problems: dict[str, np.ndarray], found: list[Any], transform: str) -> None:
    """Empty negative counts; name rows that never had a value."""
    named = np.logical_or.reduce([np.zeros(len(values), dtype=bool), *problems.values()])
    problems["missing"] = np.isnan(values) & ~named
    if transform != "identity":
        problems["negative"] = values < 0
        values[values < 0] = np.nan


def _check_times(posts: pd.DataFrame, raw: Raw, *, published: bool) -> None:
    """Empty times that cannot be: before 1970; of published posts, after collection or still to come.

    A day's grace covers zones, and times of which only the day is known. A draft may well plan its hour.
    """
    for column in ("collected_at", "posted_at"):
        if column not in posts:
            continue
        bad = {"before 1970": posts[column] < _YEAR_ONE}
        if published:
            bad["in the future"] = posts[column] > pd.Timestamp.now("UTC") + _GRACE
        if published and column == "posted_at" and "collected_at" in posts:
            bad["after collected_at"] = (posts[column] > posts["collected_at"] + _GRACE) & ~bad["in the future"]
        for problem, mask in bad.items():
            raw.tag(f"{column}: {problem}", mask.to_numpy(), column)
            posts.loc[mask, column] = pd.NaT


def _keep(posts: pd.DataFrame, raw: Raw, transforms: Mapping[str, str] | None) -> np.ndarray:
    missing = posts["post_id"].isna().to_numpy()
    duplicate = posts["post_id"].duplicated().to_numpy() & ~missing
    keep = ~missing & ~duplicate
    raw.drop("post_id: missing", missing, "post_id")
    raw.drop("post_id: duplicate", duplicate, "post_id")
    if transforms is not None:
        usable = np.logical_or.reduce([targets.usable(posts, target, name) for target, name in transforms.items()])
        raw.drop("no usable target", keep & ~usable, ", ".join(transforms))
        keep &= usable
    return keep


def _drawn(post_id: pd.Series, keep: np.ndarray, n: int) -> np.ndarray:
    """Which rows are among the `n` drawn of those to `keep`.

    Chance is a hash of the id, so the same posts are drawn whatever their order.
    """
    rows = np.flatnonzero(keep)
    chance = [hashlib.sha256(f"draw:{i}".encode()).digest() for i in post_id.iloc[rows]]
    chosen = rows[sorted(range(len(rows)), key=chance.__getitem__)[:n]]
    return np.isin(np.arange(len(keep)), chosen)


def _links(found: pd.DataFrame, columns: Mapping[str, str], posts: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows of interactions or follows whose ids are there, and how many were read and kept."""
    frame = pd.DataFrame({c: KINDS[kind](found[c].tolist())[0] for c, kind in columns.items()})
    ids = [c for c in columns if c.endswith("_id")]
    keep = frame[ids].notna().all(axis=1)
    if "post_id" in columns:
        keep &= frame["post_id"].isin(posts["post_id"])
    frame = frame[keep].drop_duplicates(ignore_index=True)
    return frame, {"read": len(found), "kept": len(frame)}


def to_table(frame: pd.DataFrame) -> pa.Table:
    """The frame with the types of its columns' kinds; numbers and yes-or-no are float64."""
    kinds = {**CANONICAL, **INTERACTIONS, **FOLLOWS}
    schema = pa.schema([(c, _ARROW.get(kinds.get(c, "number"), pa.float64())) for c in frame.columns])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)


if __name__ == "__main__":
    run_stage(main)
