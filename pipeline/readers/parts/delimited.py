"""Delimited text as rows, each with its line number; torn rows have no fields.

The delimiter is the one that cuts the first rows into equally many fields, a `sep=;` line before them says it.
A quote that never closes, or closes where another should open, may have swallowed whole rows: only its first line
counts as torn, and reading goes on with the next.
"""

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from statistics import mode

_DELIMITERS = ",;\t|"
_SAID = re.compile(r'"?sep=(.|\\t)"?\s*', re.IGNORECASE)
_END = "\x1eend of file\x1e"
_CHARACTERS_PER_CELL = 1 << 30
_LOOK = 20
"""Rows that decide the delimiter."""
_AGAIN = 16
"""How often the lines that one open quote swallowed are searched for whole rows; after that only single lines are."""

Row = tuple[int, list[str]]


def rows(text: str, delimiter: str | None = None) -> list[Row]:
    """`(line number, fields)` of each row, the header too, without blank lines; a torn row's fields are empty."""
    lines = list(io.StringIO(text, newline=""))
    previous = csv.field_size_limit(_CHARACTERS_PER_CELL)
    try:
        start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
        said = _SAID.fullmatch(lines[start]) if start < len(lines) else None
        if said:
            start, delimiter = start + 1, "\t" if said[1] == "\\t" else said[1]
        return list(_split(lines, start, delimiter or _delimiter(lines, start)))
    finally:
        csv.field_size_limit(previous)


def _delimiter(lines: list[str], start: int) -> str:
    """The delimiter under which most of the first rows are as wide as the header; of several, the widest."""

    def fitness(delimiter: str) -> tuple[float, int]:
        reader = csv.reader(islice(lines, start, start + 10 * _LOOK), delimiter=delimiter)
        widths = [len(fields) for fields in islice((f for f in reader if f), _LOOK)]
        if not widths or widths[0] == 1:
            return 0.0, 0
        same = sum(width == widths[0] for width in widths) / len(widths)
        return same, min(widths[0], mode(widths))

    return max(_DELIMITERS, key=fitness)


def _split(lines: list[str], start: int, delimiter: str) -> Iterator[Row]:
    width, swallowed, tries = 0, start, 0
    again: int | None = start
    while again is not None:
        start, again = again, None
        for first, last, fields in _rows_from(lines, start, delimiter, swallowed if tries >= _AGAIN else 0):
            width = width or len(fields)
            several = last - first > 1
            if several and not (len(fields) == width and _quoted_well(lines[first:last], delimiter)):
                yield first + 1, []
                swallowed, tries = max(swallowed, last), tries + 1 if first < swallowed else 1
                again = first + 1
                break
            yield first + 1, fields if fields and not fields[-1].endswith(_END) else []


def _rows_from(lines: list[str], start: int, delimiter: str, single: int) -> Iterator[tuple[int, int, list[str]]]:
    """Each row as `(its first line, the line after it, fields)`; an open quote at the end takes in `_END`.

    Before the line `single` every line is a row of its own, torn where its quote stays open.
    """
    for i in range(start, single):
        fields = next(csv.reader([lines[i], _END], delimiter=delimiter), [])
        if fields:
            yield i, i + 1, fields
    start = max(start, single)
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
