"""Training posts as models predict them that did not learn from them: what calibrates beside the validation part.

Shapes: n posts.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.parts import intervals
from models.parts.folds import Fold
from models.parts.intervals import Conformal, Scored
from pipeline.base.sections import Entry
from pipeline.storage.examples import Examples, joined

Fit = Callable[[Examples, Examples], Any]
"""Gives a system that has learned from a training and a validation part."""


def score(entry: Entry, folds: Sequence[Fold], fit: Fit, *, strangers: bool = False, seed: int) -> list[Scored]:
    """The posts of each fold, as a system and quantile models of the others predict them.

    `strangers` as `models.parts.intervals.make` has it.
    """
    scored = []
    for fold in folds:
        system = fit(fold.train, fold.validation)
        around = intervals.make(entry, system.report(), strangers=strangers, seed=seed)
        if around is None:
            return []
        system.refit(fold.train, fold.validation)
        scored.append(around.score(joined(fold.train, fold.validation), fold.posts, system.predict(fold.posts)))
    return scored


def ends(around: Conformal, scored: Scored) -> tuple[np.ndarray, np.ndarray]:
    """Both ends [n] of posts that helped to calibrate."""
    return around.around(scored.posts.posts, scored.prediction, scored.low, scored.high, scored.seen)
