"""How alike posts are: vectors of whole numbers, whose products are cosines.

A vector has `LENGTH`, rounded: then every sum of products is a whole number below 2^24, which float32 adds up without
rounding. Cosines are the same to the last bit in whatever order a processor multiplies, of a post alone and of many.

Shapes: n posts, d numbers a vector.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

LENGTH = 4000
BLOCK = 1024
"""Vectors that are rounded at a time."""

Units = np.ndarray | csr_matrix


def of_vectors(vectors: Iterable[np.ndarray | None], d: int) -> np.ndarray:
    """Vectors [n], None or NaN where a post has none, as units [n, d]; zeros where there is none."""
    rows = list(vectors)
    units = np.zeros((len(rows), d), dtype=np.int16)
    for start in range(0, len(rows), BLOCK):
        nothing = np.zeros(d)
        block = np.stack([nothing if row is None else row for row in rows[start : start + BLOCK]]).astype(np.float64)
        block = np.nan_to_num(block, nan=0.0)
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        units[start : start + BLOCK] = np.rint(block * (LENGTH / np.maximum(lengths, 1e-12)))
    return units


class Shared:
    """Posts by what they share, such as tags: the rarer in training, the more alike they are.

    scikit-learn's TF-IDF, each word counted once: ln((1 + n) / (1 + df)) + 1 for one that df of n posts have.
    """

    def __init__(self, train: pd.Series, words: Callable[[str], list[str]]):
        """Learned from a column of training posts, in which a value is these `words`."""
        self._tfidf = TfidfVectorizer(analyzer=words, binary=True)
        texts = train.dropna()
        self._empty = not any(words(text) for text in texts)
        if not self._empty:
            self._tfidf.fit(texts)

    def units(self, column: pd.Series) -> csr_matrix:
        """Values [n], null for none, as units [n, words]; zeros where there is none."""
        if self._empty:
            return csr_matrix((len(column), 1), dtype=np.float32)
        found = self._tfidf.transform(column.astype(object).where(column.notna(), "")) * LENGTH
        return csr_matrix(found.rint(), dtype=np.float32)


def products(units: Units, others: Units) -> np.ndarray:
    """Cosines times `LENGTH` squared of all pairs: whole numbers, float32 [n, k]."""
    if isinstance(units, np.ndarray):
        return units.astype(np.float32) @ others.astype(np.float32).T
    return (units @ others.T).toarray()
