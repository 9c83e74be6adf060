"""Bytes on disk as text.

Text is UTF-8, with or without a byte-order mark, or UTF-16. Bytes that are no UTF-8 are read as
Windows-1252, each by itself, and the file is tagged. `.gz` and `.xz` are unpacked.
"""

import codecs
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any

from pipeline.base.errors import UserError
from pipeline.readers.parts.audit import Audit

PACKED = ("gz", "xz")
NO_UTF8 = "bytes that are no UTF-8, read as Windows-1252"
_LOOK = 400
"""Bytes that show UTF-16 without a mark."""
_MOST_BYTES = 1 << 32
"""Unpacked; a larger text is not read whole."""


def read_text(path: Path, audit: Audit) -> str:
    """The text of a file. Raises `UserError` where it is missing, a folder, or may not be read."""
    return decode(read_bytes(path), path.name, audit)


def decode(data: bytes, name: str, audit: Audit, line: int | None = None) -> str:
    """Bytes as text; where they are no UTF-8 the file `name` is tagged at `line`, or at their own."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    zeros = [data[start:_LOOK:2].count(0) for start in (1, 0)]
    if min(zeros) == 0 and max(zeros) * 4 > len(data[:_LOOK]):  # every other byte of Latin letters
        return data.decode("utf-16-le" if zeros[0] > zeros[1] else "utf-16-be", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        audit.tag(NO_UTF8, name, [line or data.count(b"\n", 0, error.start) + 1])
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "likecast-windows-1252")


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unpacked. Raises `UserError` where it is missing, a folder, or may not be read."""
    try:
        data = path.read_bytes()
        return _unpacked(path, data) if path.suffix.lower().lstrip(".") in PACKED else data
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, expected a file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


def _unpacked(path: Path, data: bytes) -> bytes:
    opened: Any = gzip.open if path.suffix.lower() == ".gz" else lzma.open
    try:
        with opened(io.BytesIO(data)) as file:
            content = file.read(_MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise UserError(f"{path}: no {path.suffix} file, or a damaged one: {error}") from None
    if len(content) > _MOST_BYTES:
        raise UserError(f"{path}: more than {_MOST_BYTES >> 30} GB when unpacked; give it as Parquet")
    return content


def _as_windows_1252(error: UnicodeDecodeError) -> tuple[str, int]:
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("likecast-windows-1252", _as_windows_1252)
