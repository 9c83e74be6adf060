"""Passes over what was shared, and which of them a factor model is taken from.

Shapes: l lists, c posts a list.
"""

import math
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from models.parts import live
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Positive


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How a factor model learns: the keys of `descent` in its entry of params.yaml."""

    learning_rate: Positive = 0.05
    """Step size."""
    epochs: Count = 200
    """Passes over the shares, at most."""
    patience: Count | None = 20
    """Stop after so many passes without a better AUC on the validation lists and take the best back; None is neither.
    """


@dataclass
class Course:
    """How a training went: of each pass the mean loss and, where there are validation lists, their AUC."""

    loss: list[float] = field(default_factory=list)
    auc: list[float] = field(default_factory=list)
    chosen: int = 0
    """Passes done by the model that was taken."""
    settings: dict[str, float] = field(default_factory=dict)
    """Of several that were tried, those it was made with."""

    @property
    def best(self) -> float:
        """The AUC on the validation lists of the model that was taken; zero without any."""
        return self.auc[self.chosen - 1] if self.auc else 0.0

    def curve(self) -> dict[str, list[float]]:
        """As `Learner.curve`; the validation loss is 1 - AUC."""
        curve: dict[str, list[float]] = {"step": list(range(1, len(self.loss) + 1)), "train": list(self.loss)}
        return curve | ({"validation": [1 - auc for auc in self.auc]} if self.auc else {})

    def report(self) -> dict[str, float]:
        """Passes done, the AUC on the validation lists after them, and settings chosen by it."""
        return {"epochs": self.chosen, **({"validation_auc": self.best} if self.auc else {}), **self.settings}


def auc(scores: np.ndarray) -> float:
    """Share of posts in lists that score less than the first one, which was shared; of [l, c]; ties count half."""
    return float(np.mean((np.sign(scores[:, :1] - scores[:, 1:]) + 1) / 2))


def check_stopping(descent: Descent, validation: Sized) -> None:
    """Raise `UserError` where a training is to stop early and has no validation lists to stop on."""
    if descent.patience is not None and not len(validation):
        raise UserError("descent.patience: there are no validation lists; give ranking.ratios some or set it to null")


def descend(
    parameters: Mapping[str, np.ndarray],
    epoch: Callable[[], float],
    validate: Callable[[], float] | None,
    descent: Descent,
    *,
    settled: Callable[[Sequence[float]], bool] = lambda losses: False,
    label: str = "training",
) -> Course:
    """Let `epoch` change `parameters` in place, pass by pass, as `descent` says or until `settled` by the losses.

    `epoch` gives the mean loss of its pass, `validate` the AUC after it, None where there are no lists. With patience
    the parameters are those of the best AUC in the end. Raises `UserError` where the loss is no longer a number.
    """
    course, best = Course(), {}
    live.begin()
    with tqdm(desc=label, total=descent.epochs, unit="epoch", leave=False, disable=None) as bar:
        for number in range(1, descent.epochs + 1):
            with np.errstate(over="ignore", invalid="ignore"):
                course.loss.append(epoch())
                _check(course.loss[-1], parameters, number)
                if validate is not None:
                    course.auc.append(validate())
                    _check(course.auc[-1], parameters, number)
            live.tell(number, course.loss[-1], 1 - course.auc[-1] if course.auc else None)
            bar.update()
            if descent.patience is None or validate is None:
                course.chosen = number
            elif course.auc[-1] > max(course.auc[:-1], default=-1.0):
                course.chosen, best = number, {name: values.copy() for name, values in parameters.items()}
            elif number - course.chosen >= descent.patience:
                break
            if settled(course.loss):
                break
    for name, values in best.items():
        parameters[name][...] = values
    return course


def _check(number: float, parameters: Mapping[str, np.ndarray], epoch: int) -> None:
    if not (math.isfinite(number) and all(np.isfinite(values).all() for values in parameters.values())):
        raise UserError(f"training left all numbers behind after {epoch} epochs; lower descent.learning_rate")
