"""What in a draft's picture and words moves a prediction: the prediction less that without a part of it.

A region of the picture is covered by the picture's mean colour (occlusion: Zeiler and Fergus, Visualizing and
Understanding Convolutional Networks, ECCV 2014, section 4.2, who cover with grey); a word is left out wherever it
stands (erasure: Li, Monroe and Jurafsky, Understanding Neural Networks through Representation Erasure, 2016). The
features that read it are made again, and the system is asked again. **Ours**: the grid, and that a word is what blanks
part, whatever its case and the punctuation around it.

Unlike attention this asks any system, a blend and all seeds of one, for the very number it predicts. Parts that stand
in for each other each seem to matter little.

Shapes: n drafts, s regions a side, w words.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import regex

from features.base import TEXTS
from pipeline.asking.forecaster import Asked, Forecaster

SIDE = 5
"""Regions a side of the picture."""
WORDS = 30
"""Words of a draft that are left out in turn, the first."""
_WORD = regex.compile(r"\S+\s*")
_AROUND = regex.compile(r"^\p{P}+|\p{P}+$")


@dataclass(frozen=True)
class Mattered:
    """One draft: how much each part of it raises a prediction, on the scale of training; below zero, it lowers it."""

    picture: np.ndarray | None
    """[s, s]; None where the system sees none."""
    words: list[tuple[str, float]]
    """[w], each as it is first written."""
    others: int
    """Further words, which were not left out in turn."""


def ask(forecaster: Forecaster, asked: Asked, *, picture: bool = True, words: bool = True) -> list[Mattered]:
    """Of each draft [n], for the first target; mean over seeds, as predictions are.

    `picture` and `words` say whether to ask of these; of those the system does not read, nothing is.
    """
    target = next(iter(asked.examples))
    predicted = forecaster.predict(asked.examples[target])
    seen = picture and forecaster.reads(["image"])
    pictures = forecaster.pictures(asked) if seen else [None] * len(asked.drafts)
    read = words and forecaster.reads(TEXTS)
    found = []
    for row, pixels in enumerate(pictures):
        grid = None if pixels is None else predicted[row] - _without_regions(forecaster, asked, target, row, pixels)
        every = words_of(asked.drafts.frame.iloc[row]) if read else {}
        some = dict(list(every.items())[:WORDS])
        lost = predicted[row] - _without_words(forecaster, asked, target, row, list(some)) if some else []
        found.append(Mattered(grid, list(zip(some.values(), map(float, lost), strict=True)), len(every) - len(some)))
    return found


def _without_regions(forecaster: Forecaster, asked: Asked, target: str, row: int, pixels: np.ndarray) -> np.ndarray:
    """Predictions [s, s] of one draft without each region of its picture."""
    rows = np.full(SIDE**2, row)
    told = forecaster.repainted(asked, rows, list(covered(pixels)))
    return forecaster.predict(told.examples[target]).reshape(SIDE, SIDE)


def covered(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """A picture, uint8 RGB [h, w, 3], with each region in turn in its mean colour, row by row."""
    mean = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
    down, right = (np.linspace(0, side, SIDE + 1).round().astype(int) for side in pixels.shape[:2])
    for i in range(SIDE):
        for j in range(SIDE):
            copy = pixels.copy()
            copy[down[i] : down[i + 1], right[j] : right[j + 1]] = mean
            yield copy


def _without_words(forecaster: Forecaster, asked: Asked, target: str, row: int, words: list[str]) -> np.ndarray:
    """Predictions [w] of one draft without each of these words."""
    rows = np.full(len(words), row)
    frame = asked.drafts.frame.iloc[rows].reset_index(drop=True)
    texts = [column for column in TEXTS if column in frame]
    changed = {c: [_less(text, word) for text, word in zip(frame[c], words, strict=True)] for c in texts}
    frame = frame.assign(
        post_id=[str(i) for i in range(len(words))],
        **{c: pd.Series(of, dtype=frame[c].dtype) for c, of in changed.items()},
    )
    told = forecaster.again(asked, replace(asked.drafts, frame=frame), rows, changed=texts)
    return forecaster.predict(told.examples[target])


def words_of(draft: pd.Series) -> dict[str, str]:
    """The words of a draft in their order: what each is known by, and how it is first written."""
    texts = [draft[column] for column in TEXTS if column in draft and isinstance(draft[column], str)]
    found: dict[str, str] = {}
    for written in (word for text in texts for word in text.split()):
        found.setdefault(known_by(written), written)
    return found


def known_by(written: str) -> str:
    """A word without case and the punctuation around it; of punctuation alone, itself."""
    return _AROUND.sub("", written.casefold()) or written


def _less(text: object, word: str) -> str | None:
    """A text without a word; none where nothing is left."""
    if not isinstance(text, str):
        return None
    return "".join(piece for piece in _WORD.findall(text) if known_by(piece.strip()) != word).strip() or None
