"""Word vectors from a file: GloVe's text format, word2vec's text or binary one; plain, gzip or zip.

The file is read once from front to back and only the wanted words are kept, so a model of millions of words
costs the memory of those that occur. Which format it is, its content says, not its name.
"""

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from pipeline.errors import UserError

BUFFER = 2**20
LONGEST_LINE = 2**20
LONGEST_WORD = 2**12
Pairs = Iterator[tuple[bytes, np.ndarray]]

_TORN = (EOFError, OSError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def sha256(path: Path) -> str:
    """Hash of the file as it lies there. Raises `UserError` where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a file of word vectors, or null for random ones") from None


def load(path: Path, words: Collection[str], dimensions: int) -> dict[str, np.ndarray]:
    """Vectors, float32 [dimensions], of those of `words` that the file has; of a repeated word, the first.

    Raises `UserError`, naming file and line, for what is no file of vectors of that many dimensions.
    """
    wanted = {word.encode(): word for word in words}
    found: dict[str, np.ndarray] = {}
    with ExitStack() as stack:
        for key, vector in _Reader(path, dimensions, stack).vectors(wanted):
            found.setdefault(wanted[key], vector)
    return found


class _Reader:
    """One file of vectors, and where in it the reading stands."""

    def __init__(self, path: Path, dimensions: int, stack: ExitStack):
        self._path, self._dimensions, self._place = path, dimensions, "line 1"
        try:
            self._file = stack.enter_context(io.BufferedReader(self._open(stack), BUFFER))
        except _TORN as error:
            raise UserError(f"{path}: cannot be opened: {error}") from None

    def _open(self, stack: ExitStack) -> io.BufferedIOBase:
        file = stack.enter_context(self._path.open("rb"))
        start = file.read(4)
        file.seek(0)
        if start[:2] == b"\x1f\x8b":
            return stack.enter_context(gzip.open(file))
        if start == b"PK\x03\x04":
            archive = stack.enter_context(zipfile.ZipFile(file))
            return stack.enter_context(archive.open(self._member(archive.namelist())))
        return file

    def _member(self, names: list[str]) -> str:
        """The only file of an archive, or the one whose name says the dimensions (glove.twitter.27B.100d.txt)."""
        files = [name for name in names if not name.endswith("/")]
        chosen = files if len(files) == 1 else [name for name in files if f".{self._dimensions}d." in name]
        if len(chosen) != 1:
            raise UserError(f"{self._path}: which of {', '.join(files)}? none has {self._dimensions}d in its name")
        return chosen[0]

    def _error(self, problem: str) -> UserError:
        expected = f"expected a word and {self._dimensions} numbers, as the key dimensions says"
        return UserError(f"{self._path}: {self._place}: {problem}; {expected}")

    def vectors(self, wanted: Collection[bytes]) -> Pairs:
        """Wanted words and their vectors, in the order of the file."""
        try:
            for word, vector in self._vectors(wanted):
                if not np.isfinite(vector).all():
                    raise self._error("not all numbers are finite")
                yield word, vector
        except _TORN as error:
            raise self._error(f"the file is damaged or ends early ({error})") from None

    def _vectors(self, wanted: Collection[bytes]) -> Pairs:
        first = self._line(1)
        header = first.split()
        if len(header) != 2 or not all(field.isdigit() for field in header):
            return self._text(first, 1, wanted)
        total, width = map(int, header)
        if width != self._dimensions:
            raise self._error(f"{width} dimensions")
        after = self._file.peek(LONGEST_WORD).split(b" ", 2)
        if len(after) > 1 and _is_number(after[1].split(b"\n")[0]):
            return self._text(self._line(2), 2, wanted, last=total + 1)
        return self._binary(total, wanted)

    def _line(self, number: int) -> bytes:
        self._place = f"line {number}"
        line = self._file.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE or (number == 1 and not line):
            raise self._error("no word vector")
        return line

    def _text(self, line: bytes, number: int, wanted: Collection[bytes], last: int | None = None) -> Pairs:
        self._is_word(line)
        self._parse(line)  # whatever is wanted, this one must be a vector
        while line:
            if line.strip() and self._is_word(line) and (word := line[: line.find(b" ")]) in wanted:
                yield word, self._parse(line)
            line = self._line(number := number + 1)
        if last is not None and number <= last:
            raise self._error(f"the file ends before its {last - 1} words")

    def _is_word(self, line: bytes) -> bool:
        """Whether a line starts with a word without spaces; some models have others. Raises for a ragged line."""
        line = line.rstrip()
        spare = line.count(b" ") - self._dimensions
        if spare < 0 or (spare > 0 and _is_number(line.split(b" ")[spare])):
            raise self._error(f"{self._dimensions + spare} numbers")
        return spare == 0

    def _parse(self, line: bytes) -> np.ndarray:
        try:
            return np.array(line.rstrip().split(b" ")[-self._dimensions :], dtype=np.float32)
        except ValueError:
            raise self._error("not all are numbers") from None

    def _binary(self, total: int, wanted: Collection[bytes]) -> Pairs:
        width = 4 * self._dimensions
        for number in range(1, total + 1):
            self._place = f"word {number} of {total}"
            word, data = self._until_space(), self._file.read(width)
            if len(data) < width:
                raise self._error("the file ends early")
            if word in wanted:
                yield word, np.frombuffer(data, dtype="<f4")

    def _until_space(self) -> bytes:
        word = bytearray()
        while (byte := self._file.read(1)) not in (b" ", b""):
            word += byte
            if len(word) > LONGEST_WORD:
                raise self._error("no word")
        return bytes(word.lstrip(b"\n"))  # some writers end each vector with a line


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
