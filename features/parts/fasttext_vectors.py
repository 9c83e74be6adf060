"""Vectors of words and of their pieces, by gensim: fastText's own file, or such as were learned.

Its `.vec` files are in word2vec's text format, and have no pieces.
"""

import struct
import tempfile
import traceback
from collections.abc import Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.parts.word_learning import quiet
from pipeline.base.errors import UserError
from pipeline.storage import word_vectors

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

MAGIC = 793712314
"""The first number of fastText's own files; the version follows, then the dimensions."""
_BAD = (*word_vectors.BAD, AssertionError, LookupError, NotImplementedError, struct.error)


def check(path: Path, dimensions: int) -> None:
    """Raise the `UserError` that `load` would, as far as the beginning of a file tells."""
    try:
        with word_vectors.opened(path, dimensions) as plain:
            if _is_own(plain, dimensions):
                return
    except _BAD as error:
        raise _unreadable(path, dimensions, error) from None
    word_vectors.check(path, dimensions)


def load(path: Path, dimensions: int) -> "KeyedVectors":
    """All vectors of a file; one of fastText's own gives a vector to each word.

    Raises `UserError`, naming the file and what is wrong, for what is no undamaged file of that many dimensions.
    """
    from gensim.models.fasttext import load_facebook_vectors  # takes seconds

    check(path, dimensions)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "vectors"
        try:
            word_vectors.unpack(path, plain, dimensions)
            with plain.open("rb") as file:
                own = _is_own(file, dimensions)
            if own:
                quiet()
                vectors = load_facebook_vectors(str(plain))
                if not np.isfinite(vectors.vectors).all() or not np.isfinite(vectors.vectors_ngrams).all():
                    raise ValueError("some numbers are not finite")
                return vectors
        except _BAD as error:
            traceback.clear_frames(error.__traceback__)  # they hold that file
            raise _unreadable(path, dimensions, error) from None
    return word_vectors.load(path, dimensions)


def make(
    words: Sequence[str], *, vectors: np.ndarray, pieces: np.ndarray, min_n: int, max_n: int, bucket: int
) -> "KeyedVectors":
    """`vectors` [words, d] and those of buckets of `pieces` [bucket, d] of `min_n` to `max_n` letters, for any word."""
    from gensim.models.fasttext import FastTextKeyedVectors

    quiet()
    made = FastTextKeyedVectors(vectors.shape[1], min_n, max_n, bucket)
    made.index_to_key, made.key_to_index = list(words), {word: i for i, word in enumerate(words)}
    made.vectors, made.vectors_ngrams = vectors, pieces
    return made


def _is_own(file: BufferedIOBase, dimensions: int) -> bool:
    """Whether a file is in fastText's own format. Raises `ValueError` where it is of other dimensions."""
    first = file.read(12)
    if len(first) < 12 or struct.unpack("<i", first[:4]) != (MAGIC,):
        return False
    found = struct.unpack("<i", first[8:])[0]
    if found != dimensions:
        raise ValueError(f"its vectors have {found} dimensions")
    return True


def _unreadable(path: Path, dimensions: int, error: Exception) -> UserError:
    told = " ".join(str(error).split())[:200] or type(error).__name__
    return UserError(f"{path}: {told}; expected fastText's vectors of {dimensions} dimensions, as the key says")
