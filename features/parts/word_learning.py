"""What gensim learns of the words of the training part, the same for the same posts in any order, and as JSON values.

One worker learns, its random numbers come from a seed alone, and no hash of Python's takes part.
"""

import base64
import logging
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.base.tokens import Words

if TYPE_CHECKING:
    from gensim.models import Word2Vec


def shuffled(documents: Sequence[Words], seed: int) -> list[list[str]]:
    """Those with words, in an order that depends on them and on the seed, not on the order they came in."""
    there = sorted(words for words in documents if words)
    order = np.random.default_rng(seed).permutation(len(there))
    return [list(there[i]) for i in order]


def train(
    model: type["Word2Vec"],
    documents: Sequence[Words],
    counts: Counter[str],
    words: Sequence[str],
    *,
    seed: int,
    **options: Any,
) -> "Word2Vec":
    """A model of gensim's, fitted to the `words` of documents in which they occur `counts` times; `options` are its."""
    quiet()
    options = {"seed": seed, "workers": 1, "min_count": 1, "sorted_vocab": 0, "hashfxn": _hash, **options}
    made = model(**options)
    made.build_vocab_from_freq({word: counts[word] for word in words}, corpus_count=len(documents))
    made.train(shuffled(documents, seed), total_examples=len(documents), epochs=made.epochs)
    return made


def quiet() -> None:
    """Keep gensim from telling every step."""
    logging.getLogger("gensim").setLevel(logging.ERROR)


def _hash(word: str) -> int:
    return zlib.crc32(word.encode())


def to_text(values: np.ndarray) -> str:
    """The bytes of an array, little-endian, as a JSON string."""
    return base64.b64encode(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()).decode()


def of_text(text: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """The array that `to_text` gave."""
    return np.frombuffer(base64.b64decode(text), np.dtype(dtype).newbyteorder("<")).reshape(shape)
