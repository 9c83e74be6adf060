"""Tables on disk as columns of raw values, with the row number of each; torn rows are dropped and counted."""

import io
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import UserError
from pipeline.readers.parts import delimited, documents, streamed
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.clean import HALF
from pipeline.readers.parts.texts import PACKED, read_bytes, read_text

ENDINGS = ("csv", "tsv", "jsonl", "json", "js", "parquet")
TORN = "torn row"


@dataclass(frozen=True)
class Records:
    """`columns` of n raw values each; `rows` [n] are line numbers, of documents record numbers, from 1.

    `torn` are the numbers of the rows that were dropped.
    """

    columns: dict[str, list[Any]]
    rows: np.ndarray
    torn: list[int] = field(default_factory=list)


def read_records(path: Path, audit: Audit, names: Collection[str] = (), key: str | None = None) -> Records:
    """A csv, tsv, jsonl, json, js or parquet file. Raises `UserError` where it is none of them or cannot be read.

    `names` are fields to expect, which tell rows from columns in some JSON documents; `key` is the field that
    the names of rows stand for, where a JSON document has names and no numbers for them.
    """
    ending = ending_of(path)
    if ending is None:
        raise UserError(f"{path}: unknown ending; a table is one of {', '.join('.' + e for e in ENDINGS)}")
    if ending == "parquet":
        return _read_parquet(path)
    if path.suffix.lower() == ".json" and (columns := streamed.columns_of(path)):
        return Records(columns, np.arange(1, 1 + len(next(iter(columns.values())))))
    text = read_text(path, audit)
    if ending in ("csv", "tsv"):
        return _read_delimited(path, text, ending, audit)
    return _read_lines(path, text, names, audit) if ending == "jsonl" else _read_document(path, text, names, audit, key)


def ending_of(path: Path) -> str | None:
    """The ending that says what a table is, with the one of its packing taken off; None where it is none."""
    suffixes = [suffix.lower().lstrip(".") for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in ENDINGS else None


def _read_delimited(path: Path, text: str, ending: str, audit: Audit) -> Records:
    tabs = ending == "tsv" and "\t" in text[: text.find("\n")]
    rows = delimited.rows(text, "\t" if tabs else None)
    if not rows:
        raise UserError(f"{path}: no rows; the first line names the columns")
    names = [name.strip() for name in rows[0][1]]
    torn = [line for line, fields in rows[1:] if len(fields) != len(names)]
    audit.drop(TORN, path.name, torn)
    good = [(line, fields) for line, fields in rows[1:] if len(fields) == len(names)]
    columns = list(zip(*(fields for _, fields in good), strict=True)) or [()] * len(names)
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise UserError(f"{path}, row {rows[0][0]}: column '{twice[0]}' stands there twice; rename one of them")
    lines = np.array([line for line, _ in good], dtype=np.int64)
    return Records(dict(zip(names, map(list, columns), strict=True)), lines, torn)


def _read_lines(path: Path, text: str, names: Collection[str], audit: Audit) -> Records:
    lines = [(i, line) for i, line in enumerate(io.StringIO(text, newline=None), 1) if line.strip()]
    found = [(i, _parse(line, partial(audit.tag, HALF, path.name, [i]))) for i, line in lines]
    good = [(i, record) for i, record in found if isinstance(record, dict)]
    if not good or (len(found) == 1 and not documents.is_record(good[0][1], names)):
        with suppress(UserError):
            return _read_document(path, text, names, audit)
    torn = [i for i, record in found if not isinstance(record, dict)]
    audit.drop(TORN, path.name, torn)
    return _in_columns([record for _, record in good], [i for i, _ in good], torn)


def _parse(line: str, halved: Callable[[], None] = lambda: None) -> Any:
    try:
        return documents.loads(line, halved)
    except (ValueError, RecursionError):
        return None


def _read_document(path: Path, text: str, names: Collection[str], audit: Audit, key: str | None = None) -> Records:
    if not text.strip():
        raise UserError(f"{path}: no rows; the file is empty")
    value = _loads(path, text, names, audit)
    if isinstance(value, Records):
        return value
    value = documents.keyed(value, names, key) if key else value
    if columns := documents.parallel(value, names):
        return Records(columns, np.arange(1, 1 + len(next(iter(columns.values())))))
    good, torn = _whole(value)
    try:
        records = documents.records([value[i - 1] for i in good] if torn else value, names)
    except documents.Shapeless as why:
        raise UserError(f"{path}: {why}") from None
    audit.drop(TORN, path.name, torn)
    return _in_columns(records, good if torn else range(1, len(records) + 1), torn)


def _whole(value: Any) -> tuple[list[int], list[int]]:
    """Numbers of the objects in a list of records, and of what else stands among them."""
    if not isinstance(value, list) or not any(isinstance(one, dict) for one in value):
        return [], []
    good = [i for i, one in enumerate(value, 1) if isinstance(one, dict)]
    return good, [i for i, one in enumerate(value, 1) if not isinstance(one, dict)]


def _loads(path: Path, text: str, names: Collection[str], audit: Audit) -> Any:
    try:
        return documents.loads(text, partial(audit.tag, HALF, path.name, [1]))
    except json.JSONDecodeError as error:
        first = text.lstrip().split("\n", 1)[0]
        if error.msg.startswith("Extra data") and isinstance(_parse(first), dict):
            return _read_lines(path, text, names, audit)
        raise UserError(
            f"{path}, row {error.lineno}, column {error.colno}: no valid JSON ({error.msg}); is the file complete?"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: no valid JSON: {error}") from None


def _in_columns(records: list[dict[str, Any]], rows: Iterable[int], torn: list[int]) -> Records:
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    return Records(columns, np.fromiter(rows, dtype=np.int64, count=len(records)), torn)


def _read_parquet(path: Path) -> Records:
    data = read_bytes(path)
    try:
        table = pq.read_table(pa.BufferReader(data))
        names = table.column_names
        columns = {name: _values(table.column(i)) for i, name in enumerate(names)}
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise UserError(f"{path}: no Parquet file, or a damaged one: {error}") from None
    twice = next((name for name, n in Counter(names).items() if n > 1), None)
    if twice is not None:
        raise UserError(f"{path}: column '{twice}' stands there twice; rename one of them")
    return Records(columns, np.arange(1, table.num_rows + 1))


def _values(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python's values; times as text, for Arrow's reach further than Python's."""
    kind = column.type
    if pa.types.is_duration(kind):
        return [None if value is None else f"{value} {kind.unit}" for value in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_temporal(kind):
        return column.cast(pa.string()).to_pylist()
    try:
        return column.to_pylist()
    except (OverflowError, ValueError):
        return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes().decode("utf-8", "replace")
    except (OverflowError, ValueError):
        return "a value beyond Python's range"
