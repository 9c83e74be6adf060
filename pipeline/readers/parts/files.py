"""Tables on disk as columns of raw values, with the row number of each; torn rows are dropped and counted.

Text is UTF-8, with or without a byte-order mark, or UTF-16 with one. Bytes that are no UTF-8 are read as
Latin-1, each by itself, and the file is tagged.
"""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import UserError
from pipeline.readers.parts.audit import Audit

ENDINGS = ("csv", "tsv", "jsonl", "parquet")
_DELIMITERS = ",;\t"
_END = "\x1eend of file\x1e"
_BYTES_PER_CELL = 1 << 30


@dataclass(frozen=True)
class Records:
    """`columns` of n raw values each; `rows` [n] are line numbers, of Parquet record numbers, from 1."""

    columns: dict[str, list[Any]]
    rows: np.ndarray


def read_records(path: Path, audit: Audit) -> Records:
    """A csv, tsv, jsonl or parquet file. Raises `UserError` where it is none of them or cannot be read."""
    ending = path.suffix.lower().lstrip(".")
    if ending not in ENDINGS:
        raise UserError(f"{path}: unknown ending; a table is one of {', '.join('.' + e for e in ENDINGS)}")
    if ending == "parquet":
        return _read_parquet(path)
    text = read_text(path, audit)
    return _read_jsonl(path, text, audit) if ending == "jsonl" else _read_csv(path, text, audit)


def read_text(path: Path, audit: Audit) -> str:
    """The text of a file. Raises `UserError` where it is missing, a folder, or may not be read."""
    data = _read_bytes(path)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        audit.tag("bytes that are no UTF-8, read as Latin-1", path.name, [line])
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "likecast-latin-1")


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, expected a file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _as_latin_1(error: UnicodeDecodeError) -> tuple[str, int]:
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("likecast-latin-1", _as_latin_1)


def _read_csv(path: Path, text: str, audit: Audit) -> Records:
    lines = list(io.StringIO(text, newline=""))
    header = lines[0] if lines else ""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(_DELIMITERS, key=header.count)
    previous = csv.field_size_limit(_BYTES_PER_CELL)
    try:
        rows = list(_split(lines, delimiter))
    finally:
        csv.field_size_limit(previous)
    if not rows:
        raise UserError(f"{path}: no rows; the first line names the columns")
    names = [name.strip() for name in rows[0][1]]
    torn = [line for line, fields in rows[1:] if len(fields) != len(names)]
    audit.drop("torn row", path.name, torn)
    good = [(line, fields) for line, fields in rows[1:] if len(fields) == len(names)]
    columns = list(zip(*(fields for _, fields in good), strict=True)) or [()] * len(names)
    _check_header(path, names)
    return Records(
        dict(zip(names, map(list, columns), strict=True)), np.array([line for line, _ in good], dtype=np.int64)
    )


def _check_header(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path}, row 1: column '{twice[0]}' stands there twice; rename one of them")


def _split(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """`(line number, fields)` of each row, blank lines left out; a torn one has no fields.

    A quote that never closes, or closes where another should open, may have swallowed whole rows: only its
    first line counts as torn, and reading goes on with the next.
    """
    start, width = 0, None
    while start is not None:
        start, again = None, start
        for first, last, fields in _rows_from(lines, again, delimiter):
            width = width or len(fields)
            several = last - first > 1
            if several and not (len(fields) == width and _quoted_well(lines[first:last], delimiter)):
                yield first + 1, []
                start = first + 1
                break
            yield first + 1, fields if not fields[-1].endswith(_END) else []


def _rows_from(lines: list[str], start: int, delimiter: str) -> Iterator[tuple[int, int, list[str]]]:
    """Each row as `(its first line, the line after it, fields)`; an open quote at the end takes in `_END`."""
    rest = chain((lines[i] for i in range(start, len(lines))), [_END])  # no copy: a file may have many torn rows
    reader = csv.reader(rest, delimiter=delimiter)
    first = start
    for fields in reader:
        last = min(start + reader.line_num, len(lines))
        if fields and fields != [_END]:
            yield first, last, fields
        first = last


def _quoted_well(lines: list[str], delimiter: str) -> bool:
    """Whether these lines are whole rows by the letter: quotes close, and a delimiter follows."""
    try:
        return bool(list(csv.reader(lines, delimiter=delimiter, strict=True)))
    except csv.Error:
        return False


def _read_jsonl(path: Path, text: str, audit: Audit) -> Records:
    found = [(i, _parse(line)) for i, line in enumerate(io.StringIO(text, newline=None), 1) if line.strip()]
    audit.drop("torn row", path.name, [i for i, record in found if record is None])
    good = [(i, record) for i, record in found if record is not None]
    names = dict.fromkeys(name for _, record in good for name in record)
    columns = {name: [record.get(name) for _, record in good] for name in names}
    return Records(columns, np.array([i for i, _ in good], dtype=np.int64))


def _parse(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _read_parquet(path: Path) -> Records:
    data = _read_bytes(path)
    try:
        table = pq.read_table(pa.BufferReader(data))
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise UserError(f"{path}: no Parquet file, or a damaged one: {error}") from None
    return Records(columns, np.arange(1, table.num_rows + 1))


def read_json(path: Path) -> Any:
    """A JSON file. Raises `UserError` with line and column where it breaks off."""
    try:
        return json.loads(read_text(path, Audit()))
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}, row {error.lineno}, column {error.colno}: no valid JSON ({error.msg}); is the file complete?"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: no valid JSON: {error}") from None


def in_columns(path: Path, value: Any) -> dict[str, list[Any]]:
    """Records, or parallel lists, as columns of one length. Raises `UserError` where they are neither."""
    if isinstance(value, list) and all(isinstance(record, dict) for record in value):
        names: Iterable[str] = dict.fromkeys(name for record in value for name in record)
        return {name: [record.get(name) for record in value] for name in names}
    if isinstance(value, dict) and all(isinstance(column, list) for column in value.values()):
        lengths = {name: len(column) for name, column in value.items()}
        if len(set(lengths.values())) > 1:
            short, long = min(lengths, key=lengths.get), max(lengths, key=lengths.get)
            raise UserError(
                f"{path}: '{short}' has {lengths[short]} values and '{long}' {lengths[long]}; is the file complete?"
            )
        return value
    raise UserError(f"{path}: expected a list of records or an object of parallel lists")
