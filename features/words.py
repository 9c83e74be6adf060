"""The words of a post in their order, as numbers, for networks that read them one after the other."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from features.parts.text import TextFeature, count
from pipeline.base.ranges import Count, Length, Vocabulary
from pipeline.base.tokens import Tokenizer
from pipeline.base.tokens import Words as Tokens
from pipeline.storage.examples import PADDING, UNKNOWN_WORD

MARK = " #desc: "
"""What the released code puts between title and description."""


class Words(TextFeature):
    """Numbers of the words of title and description, zeros behind them, int32 [max_words].

    Source: Zhang et al., UHAN, 4.1.1: characters that are not English are removed, words are lower-cased,
    those that occur fewer than 5 times are dropped, then the first 50 are kept. Ours: they are counted on the
    training part, and English is ASCII. Words in alphabetical order. A post without text has zeros and is
    valid.
    """

    dtype: ClassVar[str] = "int32"

    def __init__(
        self,
        *,
        minimum_count: Count = 5,
        maximum_words: Vocabulary | None = None,
        length: Length = 50,
        unknown: bool = False,
        text_form: Literal["separate", "released"] = "separate",
        columns: list[str] | None = None,
        english: bool = True,
        tokenizer: Tokenizer = "tweets",
    ):
        """Which words.

        `minimum_count` of occurrences in the training part; `maximum_words` of them, the most frequent, null
        for all; `length`: words of a post that are kept, the first; `unknown`: other words keep their place,
        all as one word, whose vector those learn that are rare in training; false drops them, as the paper
        does; `text_form`: the columns one after the other or, as released, "title #desc: text", and no words
        where any character is not ASCII; `columns` among title, text and tags, null for title and text;
        `english`: of ASCII characters only; `tokenizer`: that for tweets or, as released, any two letters, digits or
        underscores and more in a row.
        """
        super().__init__(
            columns=["title", "text"] if columns is None else columns,
            english=english,
            placeholders=False,
            tokenizer=tokenizer,
            minimum_count=minimum_count,
            maximum_words=maximum_words,
        )
        self._length, self._unknown, self._form = length, unknown, text_form
        self.vocabulary: list[str] = []

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._length,)

    def fit(self, posts: pd.DataFrame) -> None:
        counts = count(self.words(posts), "occurrences")
        self.vocabulary = self.choose(counts)

    def state(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.vocabulary = list(state["vocabulary"])

    def words(self, posts: pd.DataFrame) -> list[Tokens]:
        if self._form == "released":
            texts = posts[[column for column in self.columns if column in posts]].to_numpy(dtype=object)
            if texts.shape[1]:
                posts = pd.DataFrame({self.columns[0]: [_released(row) for row in texts]}, dtype=object)
        return super().words(posts)

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        number = {word: i for i, word in enumerate(self.vocabulary, start=UNKNOWN_WORD + 1)}
        values = np.full((len(posts), self._length), PADDING, dtype=np.int32)
        for row, words in zip(values, self.words(posts), strict=True):
            numbers = [number.get(word, UNKNOWN_WORD) for word in words if self._unknown or word in number]
            row[: len(numbers)] = numbers[: self._length]
        return values


def _released(texts: np.ndarray) -> str | None:
    text = MARK.join(text for text in texts if isinstance(text, str))
    return text if text.isascii() else None
