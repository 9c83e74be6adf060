"""What the features of words share: which texts they read, and how words are counted and chosen."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal

import pandas as pd

from features.base import OfTexts, PostsFeature
from pipeline.base import tokens
from pipeline.base.tokens import Tokenizer, Words

CACHED_TEXTS, CACHED_CHARACTERS = 2**19, 2_000

_tokenise = lru_cache(CACHED_TEXTS)(tokens.tokenise)


class TextFeature(OfTexts, PostsFeature):
    """A feature of the words of a post. A post without text is a post without words."""

    def __init__(
        self,
        *,
        columns: Sequence[str] | None,
        english: bool,
        placeholders: bool,
        tokenizer: Tokenizer,
        length: int | None = None,
        minimum_count: int = 1,
        maximum_words: int | None = None,
    ):
        """`columns` to read, None for title, text and tags; of each post the first `length` words, None for all.

        `minimum_count` and `maximum_words` are what `choose` goes by; the rest as `tokens.tokenise` takes it.
        """
        super().__init__(columns=columns)
        self._options = {"english": english, "placeholders": placeholders, "tokenizer": tokenizer}
        self._first = length
        self._minimum, self._maximum = minimum_count, maximum_words

    def fingerprint(self) -> dict[str, Any]:
        return {"tokenizer": tokens.versions()}

    @property
    def needed(self) -> tuple[str, ...]:
        return ()  # any of its columns will do, and `words` says so

    def words(self, posts: pd.DataFrame) -> list[Words]:
        """Words of each post, column after column; each distinct text is tokenised once."""
        texts = [[self._of_text(value) for value in posts[column]] for column in self.present(posts)]
        return [sum(words, ())[: self._first] for words in zip(*texts, strict=True)]

    def _of_text(self, text: Any) -> Words:
        if not isinstance(text, str):
            return ()
        return (_tokenise if len(text) <= CACHED_CHARACTERS else tokens.tokenise)(text, **self._options)

    def choose(self, counts: Counter[str]) -> list[str]:
        """Words counted at least `minimum_count` times, the `maximum_words` most frequent of them, sorted.

        Of equals the alphabet's first stay. Raises `UserError` where none is left.
        """
        least = self._minimum
        frequent = sorted((w for w, n in counts.items() if n >= least), key=lambda word: (-counts[word], word))
        if not frequent:
            most = max(counts.values(), default=0)
            problem = f"no word of the training posts is counted {least} times (the most frequent: {most}); lower it"
            raise self.error("minimum_count", problem)
        return sorted(frequent[: self._maximum])


def count(documents: Iterable[Words], by: Literal["occurrences", "posts"]) -> Counter[str]:
    """How often each word occurs, or in how many documents."""
    counts: Counter[str] = Counter()
    for words in documents:
        counts.update(words if by == "occurrences" else set(words))
    return counts
