"""The words of a post in their order, as numbers, for networks that read them one after the other."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from features.base import PostsFeature
from features.tokens import Tokens, choose, count

PADDING, UNKNOWN = 0, 1
"""Numbers that are no word of the vocabulary; its first has the next one."""
MARK = " #desc: "
"""What the released code puts between title and description."""


class Words(PostsFeature):
    """Numbers of the words of title and description, zeros behind them, int32 [max_words].

    Source: Zhang et al., UHAN, 4.1.1: characters that are not English are removed, words are lower-cased,
    those that occur fewer than 5 times are dropped, then the first 50 are kept. Ours: they are counted on the
    training part, and "English" is ASCII. A post without text has zeros and is valid.
    """

    dtype: ClassVar[str] = "int32"

    def __init__(
        self,
        *,
        minimum_count: int = 5,
        max_words: int = 50,
        maximum_vocabulary: int | None = None,
        unknown: bool = False,
        columns: list[str] | None = None,
        english: bool = True,
        text_form: Literal["separate", "released"] = "separate",
    ):
        """Which words.

        `minimum_count` of occurrences in the training part; `max_words` of a post; `maximum_vocabulary`: so
        many words, the most frequent, null for all; `unknown`: words that are not in the vocabulary keep their
        place, all as one word; false, as in the paper, drops them; `columns` among title, text and tags, null for
        title and text; `english`: of ASCII characters only; `text_form`: the columns one after the other, or,
        as released, "title #desc: text", and no words where any character is not ASCII.
        """
        self._columns = ["title", "text"] if columns is None else columns
        self._tokens = Tokens(columns=self._columns, english=english, placeholders=False, feature="words")
        self._minimum, self._maximum, self._length = minimum_count, maximum_vocabulary, max_words
        self._unknown, self._form = unknown, text_form
        self.vocabulary: list[str] = []

    def missing(self, available: Collection[str]) -> list[str]:
        return self._tokens.missing(available)

    def reads(self, available: Mapping[str, str]) -> list[str]:
        return self._tokens.reads(available)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._length,)

    def fingerprint(self) -> dict[str, Any]:
        return self._tokens.fingerprint()

    def fit(self, posts: pd.DataFrame) -> None:
        counts = count(self._words(posts), "occurrences")
        self.vocabulary = choose(counts, minimum=self._minimum, maximum=self._maximum, feature="words")

    def state(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.vocabulary = list(state["vocabulary"])

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        number = {word: i for i, word in enumerate(self.vocabulary, start=UNKNOWN + 1)}
        values = np.full((len(posts), self._length), PADDING, dtype=np.int32)
        for row, words in zip(values, self._words(posts), strict=True):
            numbers = [number.get(word, UNKNOWN) for word in words if self._unknown or word in number]
            row[: len(numbers)] = numbers[: self._length]
        return values

    def _words(self, posts: pd.DataFrame) -> list[tuple[str, ...]]:
        if self._form == "separate":
            return self._tokens.of(posts)
        rows = posts[[column for column in self._columns if column in posts]].to_numpy(dtype=object)
        return self._tokens.of(pd.DataFrame({self._columns[0]: [_released(row) for row in rows]}, dtype=object))


def _released(row: np.ndarray) -> str | None:
    text = MARK.join(value for value in row if isinstance(value, str))
    return text if text.isascii() else None
