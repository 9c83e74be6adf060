"""Raw rows to clean posts: whatever the format, rows and values are judged here, once.

A row is dropped without a `post_id` of its own or, unless it is yet to be published, without any usable target. A
value that cannot be what its column says is emptied and counted, and its row stays.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.base import targets
from pipeline.base.errors import UserError
from pipeline.readers.base import CANONICAL, Raw
from pipeline.readers.parts import losses, numerals
from pipeline.readers.parts.clean import kinds
from pipeline.readers.parts.links import TABLES
from pipeline.readers.parts.times import UNTOLD, TimeForm

_ARROW = {
    "id": pa.string(),
    "string": pa.string(),
    "path": pa.string(),
    "tags": pa.string(),
    "comments": pa.list_(pa.string()),
    "time": pa.timestamp("us", "UTC"),
}
YEAR_ONE = pd.Timestamp("1970-01-01", tz="UTC")
GRACE = pd.Timedelta(days=1)
_NAMED = 30
"""Columns that a message lists."""


def clean(
    raw: Raw, transforms: Mapping[str, str] | None, *, draw: int | None = None, times: TimeForm = UNTOLD
) -> pd.DataFrame:
    """Posts with clean values, in the order of the file; what was dropped or emptied goes into `raw.audit`.

    `transforms` maps each target to its transform; None stands for posts not yet published, which all stay. Columns of
    others are taken out of `raw.posts`. `draw` is how many to keep, by chance; None keeps all. `times` is how times are
    written. Raises `UserError` where a column or the large values of a target are lost.
    """
    _check_columns(raw, transforms)
    values = {}
    for column in _ordered(raw.posts.columns):
        values[column] = pd.Series(_values(raw, column, transforms or {}, times))
        if transforms is not None and CANONICAL.get(column) != "time" and values[column].notna().any():
            del raw.posts[column]  # not both in memory; of what is empty, or may yet be emptied, it is asked again
    posts = pd.DataFrame(values, index=range(len(raw.rows)))
    if transforms is None:
        _name_rows(posts, raw)
    _check_times(posts, raw, published=transforms is not None)
    if transforms is not None:
        _check_losses(posts, raw, transforms)
    keep = _keep(posts, raw, transforms) if transforms is not None else np.ones(len(posts), dtype=bool)
    if draw is not None:
        chosen = _drawn(posts["post_id"], keep, draw)
        raw.audit.filter("not drawn (dataset.draw)", raw.file, raw.rows[keep & ~chosen])
        keep &= chosen
    return to_table(posts if keep.all() else posts[keep]).to_pandas()


def _check_columns(raw: Raw, transforms: Mapping[str, str] | None) -> None:
    if transforms is None:
        return
    for column in ("post_id", *targets.columns_needed(transforms)):
        if column not in raw.posts:
            names = [*raw.posts.columns, *raw.audit.left_out]
            found = ", ".join([*names[:_NAMED], *(["…"] if len(names) > _NAMED else [])]) or "none"
            raise UserError(f"{raw.file}: no column '{column}' (found: {found}); map it under dataset.columns")


def _ordered(columns: pd.Index) -> list[str]:
    return [*(c for c in CANONICAL if c in columns), *sorted(c for c in columns if c not in CANONICAL)]


def _values(raw: Raw, column: str, transforms: Mapping[str, str], times: TimeForm) -> Any:
    kind = "number" if column in transforms else CANONICAL.get(column, "number")
    found = raw.posts[column].tolist()
    values, problems = kinds(times)[kind](found)
    if column in transforms:
        lost = problems.get(numerals.UNREADABLE, np.zeros(len(values), dtype=bool))
        losses.check_size(raw.file, column, found, values, lost, raw.rows)
        _check_target(values, problems, transforms[column])
    for problem, mask in problems.items():
        raw.tag(f"{column}: {problem}", mask, column)
    return values


def _check_target(values: np.ndarray, problems: dict[str, np.ndarray], transform: str) -> None:
    """Empty negative counts; name rows that never had a value."""
    named = np.logical_or.reduce([np.zeros(len(values), dtype=bool), *problems.values()])
    problems["missing"] = np.isnan(values) & ~named
    if transform != "identity":
        problems["negative"] = values < 0
        values[values < 0] = np.nan


def _name_rows(posts: pd.DataFrame, raw: Raw) -> None:
    """Give drafts without a `post_id` their row number."""
    rows = pd.Series([str(row) for row in raw.rows], index=posts.index, dtype=object)
    if "post_id" not in posts:
        posts.insert(0, "post_id", rows)
        return
    missing = posts["post_id"].isna()
    raw.tag("post_id: missing, the row number serves", missing.to_numpy(), "post_id")
    raw.tag("post_id: stands there twice", posts["post_id"].duplicated().to_numpy() & ~missing.to_numpy(), "post_id")
    posts["post_id"] = posts["post_id"].where(~missing, rows)


def _check_losses(posts: pd.DataFrame, raw: Raw, transforms: Mapping[str, str]) -> None:
    for column in posts.columns:
        if not posts[column].notna().any():
            found, target = raw.posts[column].tolist(), column in transforms
            losses.check_emptied(raw.file, column, found, raw.rows, raw.audit, target=target)


def _check_times(posts: pd.DataFrame, raw: Raw, *, published: bool) -> None:
    """Empty times that cannot be: before 1970; of published posts, after collection or still to come.

    A day's grace covers zones, and times of which only the day is known. A draft may well plan its hour.
    """
    for column in ("collected_at", "posted_at"):
        if column not in posts:
            continue
        bad = {"before 1970": posts[column] < YEAR_ONE}
        if published:
            bad["in the future"] = posts[column] > pd.Timestamp.now("UTC") + GRACE
        if published and column == "posted_at" and "collected_at" in posts:
            bad["after collected_at"] = (posts[column] > posts["collected_at"] + GRACE) & ~bad["in the future"]
        for problem, mask in bad.items():
            raw.tag(f"{column}: {problem}", mask.to_numpy(), column)
            posts.loc[mask, column] = pd.NaT


def _keep(posts: pd.DataFrame, raw: Raw, transforms: Mapping[str, str]) -> np.ndarray:
    missing = posts["post_id"].isna().to_numpy()
    duplicate = posts["post_id"].duplicated().to_numpy() & ~missing
    keep = ~missing & ~duplicate
    raw.drop("post_id: missing", missing, "post_id")
    raw.drop("post_id: duplicate", duplicate, "post_id")
    usable = np.logical_or.reduce([targets.usable(posts, target, name) for target, name in transforms.items()])
    raw.drop("no usable target", keep & ~usable, ", ".join(transforms))
    return keep & usable


def _drawn(post_id: pd.Series, keep: np.ndarray, n: int) -> np.ndarray:
    """Which rows are among the `n` drawn of those to `keep`.

    Chance is a hash of the id, so the same posts are drawn whatever their order.
    """
    rows = np.flatnonzero(keep)
    chance = [hashlib.sha256(f"draw:{i}".encode()).digest() for i in post_id.iloc[rows]]
    chosen = rows[sorted(range(len(rows)), key=chance.__getitem__)[:n]]
    return np.isin(np.arange(len(keep)), chosen)


def to_table(frame: pd.DataFrame) -> pa.Table:
    """The frame with the types of its columns' kinds; numbers and yes-or-no are float64."""
    kinds = {**CANONICAL, **{c: kind for columns in TABLES.values() for c, kind in columns.items()}}
    schema = pa.schema([(c, _ARROW.get(kinds.get(c, "number"), pa.float64())) for c in frame.columns])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
