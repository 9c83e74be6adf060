"""What in a draft's picture and words matters to a system, as the page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.asking import occlusion
from pipeline.asking.forecaster import Asked, Forecaster
from pipeline.asking.occlusion import Mattered, known_by
from pipeline.base.targets import Transform
from pipeline.web.drawings import Bar, cells
from pipeline.web.moves import added
from pipeline.web.sights import Sight

ROWS = ("top", "upper", "middle", "lower", "bottom")
COLUMNS = ("far left", "left", "centre", "right", "far right")
MOST = 3
"""Parts that are named for raising a prediction, and for lowering it."""
SHADES = 4
SIGNED = 0.4
"""Share of the largest change from which a region bears its sign."""
LEAST = 1e-6
"""On the scale of training: what may be rounding alone."""


@dataclass(frozen=True)
class Patch:
    """A region of the picture, in hundredths of its sides."""

    bar: Bar
    share: float
    """Of the largest change, below zero where the region lowers the prediction."""

    @property
    def sign(self) -> str:
        """A path: a plus or a minus in the middle; empty where little changes."""
        if abs(self.share) < SIGNED:
            return ""
        x, y = self.bar.x + self.bar.width / 2, self.bar.y + self.bar.height / 2
        across = f"M{x - 2.5:.1f} {y:.1f}h5"
        return across + f"M{x:.1f} {y - 2.5:.1f}v5" if self.share > 0 else across


@dataclass(frozen=True)
class Matters:
    """One draft."""

    patches: list[Patch]
    """Empty where the system sees no picture of it."""
    of_picture: str
    """What its regions do, in words."""
    words: list[tuple[str, int]]
    """Each with its shade, of `SHADES`, below zero where the word lowers the prediction."""
    of_words: str
    others: int
    """Further words, which were not left out in turn."""


def matters(forecaster: Forecaster, asked: Asked, looked: Sequence[Sight | None]) -> list[Matters]:
    """Of each draft [n], by the first target: what its system has no attention for, which `looked` has."""
    there = [sight for sight in looked if sight]
    picture, words = (not any(sight.picture is not None for sight in there), not any(sight.words for sight in there))
    transform = forecaster.trained.transform(next(iter(asked.examples)))
    return [_shown(one, transform) for one in occlusion.ask(forecaster, asked, picture=picture, words=words)]


def _shown(one: Mattered, transform: Transform) -> Matters:
    regions = np.zeros((0, 0)) if one.picture is None else one.picture
    values = [*regions.ravel().tolist(), *(value for _, value in one.words)]
    largest = max((abs(value) for value in values if _changes(value, transform)), default=float("inf"))
    named = [(f"{ROWS[i]} {COLUMNS[j]}", float(value)) for (i, j), value in np.ndenumerate(regions)]
    return Matters(
        [Patch(bar, share) for bar, share in cells(regions, 100, 100, largest)],
        told(named, transform),
        [(word, round(SHADES * value / largest)) for word, value in one.words],
        told([(known_by(word), value) for word, value in one.words], transform),
        one.others,
    )


def told(parts: Sequence[tuple[str, float]], transform: Transform) -> str:
    """Which of some named parts raise a prediction most, and which lower it; empty where none changes it."""
    order = sorted((part for part in parts if _changes(part[1], transform)), key=lambda part: -abs(part[1]))
    sentences = []
    for verb, sign in (("Raised", 1), ("Lowered", -1)):
        some = [f"{name}{_by(value, transform)}" for name, value in order if sign * value > 0][:MOST]
        sentences += [f"{verb} most by {', '.join(some)}."] if some else []
    return " ".join(sentences)


def _by(value: float, transform: Transform) -> str:
    """What is added, in brackets that no line ends within."""
    return f" ({added(value, transform)})".replace("× ", "×\N{NO-BREAK SPACE}")


def _changes(value: float, transform: Transform) -> bool:
    """Whether a change is more than rounding, and would be written as one."""
    return abs(value) > LEAST and added(value, transform) != added(0.0, transform)
