"""How a text is written, whatever it says: lengths, capitals, punctuation, emoji, repeated words."""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import regex

from features.base import OfTexts, PostsFeature

FOUND = {
    "lines": regex.compile(r"(?m)^.*\S"),
    "links": regex.compile(r"https?://\S"),
    "mentions": regex.compile(r"(?<!\w)@\w"),
    "hashtags": regex.compile(r"(?<!\w)#\w"),
}
"""What is found in a text, and the pattern of one of it."""
OF_CHARACTERS = {
    "digits": regex.compile(r"\p{Nd}"),
    "emoji": regex.compile(r"\p{Extended_Pictographic}"),
    "punctuation_marks": regex.compile(r"\p{P}"),
    "exclamation_marks": regex.compile("[!\uff01]"),
    "question_marks": regex.compile("[?\uff1f]"),
    "letters": regex.compile(r"\p{L}"),
    "capitals": regex.compile(r"\p{Lu}"),
    "ascii": regex.compile(r"[\x00-\x7F]"),
}
"""Kinds of characters, and the pattern of one of them."""
COUNTED = ("digits", "emoji", "punctuation_marks", "exclamation_marks", "question_marks")
NAMES = (
    "characters",
    "words",
    "letters_per_word",
    *COUNTED,
    *FOUND,
    "capitals_per_letter",
    "ascii_share",
    "repeated_words",
)


class TextStats(OfTexts, PostsFeature):
    """Counts and shares of a post's title, text and tags, each by itself: float32 columns. Source: none, ours.

    A word is what blanks part; `repeated_words` is the share of those that came before in the same text, whatever their
    case. A text that is missing, or a post without any, has zeros and is valid: the column `<column>_characters` says
    so. Columns: `<title|text|tags>_<what>`, those whose text no training post has left out.
    """

    dtype = "float32"

    def __init__(self, *, columns: list[str] | None = None):
        """`columns` among title, text and tags, null for those the data has."""
        super().__init__(columns=columns)
        self.kept: list[str] = []

    @property
    def needed(self) -> tuple[str, ...]:
        return ()  # a draft without a text is one of zeros

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def names(self) -> list[str]:
        return [f"{column}_{name}" for column in self.kept for name in NAMES]

    def fit(self, posts: pd.DataFrame) -> None:
        self.kept = [column for column in self.present(posts) if posts[column].notna().any()]

    def state(self) -> dict[str, Any]:
        return {"columns": self.kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.kept = list(state["columns"])

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        values = np.zeros((len(posts), len(self.kept), len(NAMES)), dtype=np.float32)
        for i, column in enumerate(self.kept):
            if column in posts:
                codes, texts = pd.factorize(posts[column].where(posts[column].notna(), ""))
                values[:, i] = np.array([stats(text) for text in texts], np.float32).reshape(-1, len(NAMES))[codes]
        return values.reshape(len(posts), -1)


def stats(text: str) -> list[float]:
    """The numbers of one text, in the order of `NAMES`."""
    words, n = text.lower().split(), dict.fromkeys(OF_CHARACTERS, 0)
    for character, times in Counter(text).items():
        for kind in _kinds(character):
            n[kind] += times
    return [
        len(text),
        len(words),
        n["letters"] / max(1, len(words)),
        *(n[kind] for kind in COUNTED),
        *(len(pattern.findall(text)) for pattern in FOUND.values()),
        n["capitals"] / max(1, n["letters"]),
        n["ascii"] / max(1, len(text)),
        (len(words) - len(set(words))) / max(1, len(words)),
    ]


@cache
def _kinds(character: str) -> tuple[str, ...]:
    return tuple(kind for kind, pattern in OF_CHARACTERS.items() if pattern.match(character))
