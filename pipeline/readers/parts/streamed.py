"""Large JSON lists of records, piece by piece into columns: neither their text nor their records lie in memory whole.

What is no plain list of objects, or is damaged, is left to `files`, which reads it whole and says what it is.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

PIECE = 1 << 20
"""Characters read at a time; a record that is longer is read whole with its file."""
_SPACE, _COMMA = re.compile(r"[ \t\n\r]*"), re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_FIRST, _LAST = re.compile(r"[ \t\n\r]*\[[ \t\n\r]*"), re.compile(r"[ \t\n\r]*\][ \t\n\r]*")
_DISTINCT, _FEW = 0.5, 1_000
"""Share of distinct texts from which on those of a column are not worth sharing; fewer than so many always are."""

Record = dict[str, Any]


class _OtherwiseError(ValueError):
    """The file is no plain list of objects."""


def columns_of(path: Path) -> dict[str, list[Any]] | None:
    """The columns of a UTF-8 file that is one list of one object or more, None in place of fields an object lacks.

    None for any other file. Equal texts of a column are one object in memory.
    """
    columns = _Columns()
    with suppress(ValueError, OSError, RecursionError), path.open(encoding="utf-8-sig", newline="") as file:
        for records in _pieces(file):
            columns.extend(records)
        return columns.values or None
    return None


def _pieces(file: TextIO) -> Iterator[list[Record]]:
    """The objects of the list, as many as are in a piece of text. Raises `ValueError` for anything else."""
    scan, text = json.JSONDecoder().scan_once, file.read(PIECE)
    begin = _FIRST.match(text)
    if begin is None:
        raise _OtherwiseError
    at, lead = begin.end(), _SPACE
    while True:
        records, more = [], ""
        with suppress(StopIteration, json.JSONDecodeError):  # the rest of the piece is no whole record
            while (apart := lead.match(text, at)) is not None:
                record, at = scan(text, apart.end())
                records.append(record)
                lead = _COMMA
        _check(records, text)
        yield records
        more = file.read(PIECE) if len(text) - at <= PIECE else ""
        if not more:
            break
        text, at = text[at:] + more, 0
    if not _LAST.fullmatch(text, at):
        raise _OtherwiseError


def _check(records: list[Record], text: str) -> None:
    if not all(type(record) is dict for record in records):
        raise _OtherwiseError
    if "\\ud" in text or "\\uD" in text:
        json.dumps(records, ensure_ascii=False).encode()  # raises for half a character, which is mended elsewhere


class _Columns:
    """Columns that grow by records."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}
        self._known: dict[str, dict[str, str] | None] = {}
        self._rows = 0

    def extend(self, records: list[Record]) -> None:
        """Append so many rows; a field that is new gets None in all rows before."""
        for name in dict.fromkeys(chain(self.values, chain.from_iterable(records))):
            column = self.values.setdefault(name, [None] * self._rows)
            column += self._shared(name, [record.get(name) for record in records])
        self._rows += len(records)

    def _shared(self, name: str, values: list[Any]) -> list[Any]:
        known = self._known.setdefault(name, {})
        if known is None or not {*map(type, values)} <= {str, type(None)}:  # 1, 1.0 and True are equal
            return values
        found = list(map(known.setdefault, values, values))
        if len(known) > max(_FEW, _DISTINCT * (self._rows + len(values))):
            self._known[name] = None
        return found
