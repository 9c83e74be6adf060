"""JSON lines, plain or gzip, a line at a time: a file of lines never stands in memory as a whole.

What is broken is dropped and counted, and reading goes on behind it. Blank lines, which streams send to keep
the connection open, are nothing.
"""

import gzip
import io
import os
import re
import zlib
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.base.errors import UserError
from pipeline.readers.parts import documents
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.clean import HALF
from pipeline.readers.parts.texts import decode

ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
_MAGIC = b"\x1f\x8b"
_OPENING = re.compile(rb"(\xef\xbb\xbf)?\s*(?:[A-Za-z_$][\w.$]*\s*=\s*)?[\[{][\[{\s]*")


def find(folder: Path, others: re.Pattern[str] | None = None) -> list[Path]:
    """Files of JSON lines in a folder and those below it, sorted by path, and files of `others`' names.

    Links are followed, hidden files and folders left out.
    """
    files, met = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [] if os.path.realpath(place) in met else [f for f in folders if not f.startswith(".")]
        fits = [n for n in names if n.lower().endswith(ENDINGS) or (others and others.fullmatch(n))]
        if os.path.realpath(place) not in met:
            files += [Path(place, n) for n in fits if not n.startswith(".")]
        met.add(os.path.realpath(place))  # a link may lead back
    return sorted(file for file in files if file.is_file())


def read_values(path: Path, name: str, audit: Audit, fields: Collection[str] = ()) -> Iterator[tuple[int, Any]]:
    """`(line number, value)` of each line; a list counts as its elements.

    A file that is one JSON document over many lines is taken as a whole, and a table of `fields` in one of the
    shapes of `pipeline/readers/parts/documents.py` as its rows. `name` stands in the audit. Raises `UserError`
    where the file is missing or may not be read.
    """
    lines = ((line, data) for line, data in _lines(path, name, audit) if data.strip())
    empty = True
    for line, data in lines:
        if empty and _OPENING.fullmatch(data):
            data = b"".join([data, *(rest for _, rest in lines)])
        empty = False
        try:
            value = documents.loads(decode(data, name, audit, line), partial(audit.tag, HALF, name, [line]))
        except (ValueError, RecursionError):
            audit.read += 1
            audit.drop("broken line: no JSON", name, [line])
            continue
        if documents.is_table(value, fields):
            value = documents.records(value, fields)
        for element in value if isinstance(value, list) else [value]:
            yield line, element
    if empty:
        audit.tag("empty file", name, [1])


def _lines(path: Path, name: str, audit: Audit) -> Iterator[tuple[int, bytes]]:
    line = 0
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == _MAGIC  # whatever the file is called
            file: io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if packed else raw
            for line, data in enumerate(file, 1):
                yield line, data
    except (EOFError, zlib.error, gzip.BadGzipFile):
        audit.read += 1
        audit.drop("torn gzip: the rest of the file is lost", name, [line + 1])
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
