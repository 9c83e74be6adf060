"""A weighted average of what other entries predict, which it names and does not train again.

The weights are those of the validation part, which every part has predicted before it learned from it: out of fold,
in time order or by users as the split is. Equal weights are the default: where one validation part chooses them, greedy
ones (Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble Selection from Libraries of Models, ICML 2004, section 2: with
replacement, from none) were no better on the posts that this was tried on.

Shapes: k parts, n posts.
"""

from typing import Annotated, Literal

import numpy as np

from models.base import Combiner
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, some

Parts = Annotated[list[str], "at least one part", some]


class Blend(Combiner):
    """What it learns are k weights, none below zero, that sum to one; `models.blended` asks its parts."""

    def __init__(self, *, parts: Parts, weights: Literal["equal", "greedy"] = "equal", steps: Count = 30):
        """Average of `parts`.

        Args:
            parts: other entries of `systems` that predict a target; those that are left out are left out here, too.
            weights: one for all, or greedy: at each of `steps` the part is added that makes the absolute error on the
                validation part smallest, and counts once more.
            steps: parts added.
        """
        self.parts, self._weights, self._steps = parts, weights, steps
        if len(set(parts)) < len(parts):
            raise UserError(f"parts: {parts} must name entries, each once")

    def weigh(self, y: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        k = len(predictions)  # without any validation post, equal ones
        if self._weights == "equal" or not len(y):
            return np.full(k, 1 / k)
        counts, total = np.zeros(k), np.zeros(len(y))
        for step in range(1, self._steps + 1):
            best = int(np.argmin([np.abs((total + one) / step - y).mean() for one in predictions]))
            counts[best] += 1
            total = total + predictions[best]
        return counts / self._steps
