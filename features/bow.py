"""Which of the frequent words a post has: a binary bag of words."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.parts.text import TextFeature, count
from pipeline.base.ranges import Count, Vocabulary
from pipeline.base.tokens import Tokenizer


class Bow(TextFeature):
    """One where a word of the vocabulary occurs in the post, else zero, float16 [words].

    Source: Zhang et al., Picture or Words, section 4.2: words "that appear more than 100 times", binary.
    Ours: they are counted on the training part. Words in alphabetical order. A post without text is a post
    without these words: zeros, and valid.
    """

    def __init__(
        self,
        *,
        minimum_count: Count = 101,
        maximum_words: Vocabulary | None = None,
        count: Literal["occurrences", "posts"] = "occurrences",
        columns: list[str] | None = None,
        english: bool = False,
        placeholders: bool = False,
        tokenizer: Tokenizer = "tweets",
    ):
        """Which words.

        `minimum_count` in the training part, `maximum_words` of them, the most frequent, null for all;
        `count` occurrences (**ours**: the paper does not say) or posts a word occurs in; `columns` among title,
        text and tags, null for those the data has; `english`: of ASCII characters only; `placeholders`: links
        and mentions count as the words `<url>` and `<user>`; `tokenizer`: that for tweets or, as UHAN was released, any
        two letters, digits or underscores and more in a row.
        """
        super().__init__(
            columns=columns,
            english=english,
            placeholders=placeholders,
            tokenizer=tokenizer,
            minimum_count=minimum_count,
            maximum_words=maximum_words,
        )
        self._count = count
        self.vocabulary: list[str] = []

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.vocabulary),)

    def fit(self, posts: pd.DataFrame) -> None:
        counts = count(self.words(posts), self._count)
        self.vocabulary = self.choose(counts)

    def state(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.vocabulary = list(state["vocabulary"])

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        position = {word: i for i, word in enumerate(self.vocabulary)}
        values = np.zeros((len(posts), len(position)), dtype=np.float16)
        for row, words in zip(values, self.words(posts), strict=True):
            row[[position[word] for word in words if word in position]] = 1
        return values
