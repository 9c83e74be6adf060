"""Words of a post weighted by how rare they are: TF-IDF."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.parts.text import TextFeature, count
from pipeline.base.ranges import Count, Length, Vocabulary
from pipeline.base.tokens import Tokenizer


class Tfidf(TextFeature):
    """tf * (ln((1 + n) / (1 + df)) + 1), scaled to length one: float16 [words].

    n training posts, df of them with the word, tf times it occurs in the post, as scikit-learn's
    `TfidfVectorizer` defines it. Source: the text input of `uhan_svr`. Words in alphabetical order. A post
    without text, or without a known word, has zeros and is valid.
    """

    def __init__(
        self,
        *,
        minimum_count: Count = 5,
        maximum_words: Vocabulary | None = 5000,
        sublinear: bool = False,
        columns: list[str] | None = None,
        english: bool = False,
        placeholders: bool = False,
        tokenizer: Tokenizer = "tweets",
        length: Length | None = None,
    ):
        """Which words, and how they are weighted.

        `minimum_count`: training posts a word occurs in; `maximum_words` that are kept, those with the most
        posts, null for all; `sublinear`: 1 + ln(tf) for tf; `columns` among title, text and tags, null for
        those the data has; `english`: of ASCII characters only; `placeholders`: links and mentions count as
        the words `<url>` and `<user>`; `tokenizer`: that for tweets or, as UHAN was released, any two letters, digits
        or underscores and more in a row; `length`: words of a post that are read, the first, null for all.
        """
        super().__init__(
            columns=columns,
            english=english,
            placeholders=placeholders,
            tokenizer=tokenizer,
            length=length,
            minimum_count=minimum_count,
            maximum_words=maximum_words,
        )
        self._sublinear = sublinear
        self.vocabulary: list[str] = []
        self.idf = np.empty(0)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.vocabulary),)

    def fit(self, posts: pd.DataFrame) -> None:
        frequency = count(self.words(posts), "posts")
        self.vocabulary = self.choose(frequency)
        self.idf = np.log((1 + len(posts)) / (1 + np.array([frequency[word] for word in self.vocabulary]))) + 1

    def state(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "idf": self.idf.tolist()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.vocabulary, self.idf = list(state["vocabulary"]), np.array(state["idf"])

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        position = {word: i for i, word in enumerate(self.vocabulary)}
        values = np.zeros((len(posts), len(position)), dtype=np.float32)
        for row, words in zip(values, self.words(posts), strict=True):
            known = [position[word] for word in words if word in position]
            if known:
                row[:] = self._weigh(known)
        return values

    def _weigh(self, known: list[int]) -> np.ndarray:
        """Weights [words] of one post, whose known words stand at these positions."""
        frequency = np.bincount(known, minlength=len(self.idf)).astype(np.float64)
        if self._sublinear:
            frequency[frequency > 0] = 1 + np.log(frequency[frequency > 0])
        weights = frequency * self.idf
        return weights / np.linalg.norm(weights)
