"""What features share that are the mean vector of a post's words, whether from a file or learned in training."""

import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.parts.text import TextFeature, count
from pipeline.base.tokens import Words
from pipeline.storage import word_vectors

log = logging.getLogger(__name__)


class MeanVectors(TextFeature):
    """Mean of the vectors of a post's known words, each as often as it occurs: float16 [dimensions].

    A post without a known word, or without text, has zeros and is valid: the zero vector is its flag. How many of
    these there are in training, and what share of its words is known, stands in the state, in the log and below the
    leaderboard. A file is read once, whole, and words of any post are looked up in it; that learns nothing.
    """

    def __init__(self, *, vectors: str | None, dimensions: int, **texts: Any):
        """`vectors`: a file, None for none; `dimensions` of a vector; the rest as `TextFeature` takes it."""
        super().__init__(**texts)
        self._path = None if vectors is None else Path(vectors)
        self._dimensions = dimensions
        self._state: dict[str, Any] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._dimensions,)

    @property
    def _learns(self) -> bool:
        """Whether the vectors are those of the training part's words alone."""
        return self._path is None

    @abstractmethod
    def learn(self, documents: Sequence[Words], counts: Counter[str]) -> dict[str, Any]:
        """The state from which `recall` makes vectors; `counts` of the words of the training `documents`."""

    @abstractmethod
    def recall(self, state: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """The vectors that `learn` gave a state of."""

    def check(self) -> None:
        if self._path is not None:
            word_vectors.check(self._path, self._dimensions)

    def load(self, path: Path) -> Any:
        """Vectors by word, of a file."""
        return word_vectors.load(path, self._dimensions)

    def files(self) -> list[Path]:
        if self._path is not None and not self._path.is_file():
            raise self.error("vectors", f"{self._path}: no such file; name one of word vectors, or null")
        return [] if self._path is None else [self._path]

    def fingerprint(self) -> dict[str, Any]:
        return {**super().fingerprint(), "pretrained": self._pretrained}

    @cached_property
    def _pretrained(self) -> dict[str, Any] | None:
        return None if self._path is None else {"file": self._path.name, "sha256": word_vectors.sha256(self._path)}

    def fit(self, posts: pd.DataFrame) -> None:
        documents = self.words(posts)
        counts = count(documents, "occurrences")
        if self._learns:
            self.restore(self.learn(documents, counts))
        known = [word for word in counts if word in self._vectors]
        self._state |= {
            "known_share": sum(counts[word] for word in known) / max(1, counts.total()),
            "known_share_of_vocabulary": len(known) / max(1, len(counts)),
            "posts_without_known_word": sum(not any(w in self._vectors for w in words) for words in documents),
        }
        share, without = self._state["known_share"], self._state["posts_without_known_word"]
        log.info(
            "%s: %.1f%% of training words known; %d of %d posts have none", self._key, 100 * share, without, len(posts)
        )

    def state(self) -> dict[str, Any]:
        return self._state

    def restore(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)
        if self._learns:
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
    def _vectors(self) -> Any:
        """Vectors by word."""
        return self.recall(self._state) if self._path is None else self.load(self._path)
