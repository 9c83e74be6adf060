"""Posts as sums of their words: sparse tables, a row a post, in which longer posts count no more than short ones.

Shapes: n posts, v words of the vocabulary, m places for visual words.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from pipeline.base import tokens
from pipeline.storage.examples import UNKNOWN_WORD

NOTHING = ""
"""The word of a post that has none."""


def words_of(posts: pd.DataFrame, columns: Sequence[str]) -> list[list[str]]:
    """The words of each post, column after column."""
    texts = (posts[column] for column in columns)
    return [[word for text in row for word in _words(text)] for row in zip(*texts, strict=True)]


def with_comments(documents: list[list[str]], comments: pd.DataFrame) -> None:
    """Add to each of n documents what was written under the posts of these rows."""
    there = comments[comments["post"].between(0, len(documents) - 1)]
    for post, text in zip(there["post"], there["text"], strict=True):
        documents[post].extend(_words(text))


def _words(text: object) -> tuple[str, ...]:
    return tokens.tokenise(text) if isinstance(text, str) else ()


def vocabulary(documents: Iterable[Sequence[str]], minimum_count: int) -> list[str]:
    """Words that occur `minimum_count` times or more, sorted, `NOTHING` before them."""
    counts = Counter(word for document in documents for word in document)
    return [NOTHING, *sorted(word for word, count in counts.items() if count >= minimum_count)]


def texts(documents: Sequence[Sequence[str]], index: pd.Index) -> sparse.csr_array:
    """n_w / sqrt(|W|) [n, v]: n_w times a word of the vocabulary occurs, of |W| such words in the post."""
    words = [word for document in documents for word in document]
    rows = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    return _table(rows, index.get_indexer(words) if words else np.empty(0, np.int64), len(documents), len(index), 0)


def pictures(numbers: np.ndarray, v: int) -> sparse.csr_array:
    """1 / sqrt(|V|) [n, v] of visual words by number [n, m]; numbers of no word, or from `v` on, are none."""
    numbers = np.nan_to_num(numbers).astype(np.int64)
    rows = np.repeat(np.arange(len(numbers)), numbers.shape[1])
    known = (numbers.ravel() > UNKNOWN_WORD) & (numbers.ravel() < v)
    return _table(rows, np.where(known, numbers.ravel(), -1), len(numbers), v, None)


def _table(rows: np.ndarray, words: np.ndarray, n: int, v: int, nothing: int | None) -> sparse.csr_array:
    """Counts of the words of rows over the root of how many a row has; rows without any have the word `nothing`."""
    rows, words = rows[words >= 0], words[words >= 0]
    length = np.bincount(rows, minlength=n)
    if nothing is not None:
        empty = np.flatnonzero(length == 0)
        rows, words = np.append(rows, empty), np.append(words, np.full(len(empty), nothing))
        length[empty] = 1
    table = sparse.csr_array((1 / np.sqrt(length[rows]), (rows, words)), shape=(n, v))
    table.sum_duplicates()
    return table
