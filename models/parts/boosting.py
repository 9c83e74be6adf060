"""How trees are grown, whatever the library: settings, losses, the grid search on the validation part, and importance.

Shapes: n posts.
"""

import itertools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, TypeVar

import numpy as np

from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Depth, Inside, Rate, Threads, some
from pipeline.storage import store
from pipeline.storage.examples import Examples

log = logging.getLogger(__name__)

Model = TypeVar("Model")
ROWS = 20_000
"""That are worth a thread, or a worker of a cluster."""


class Grid(TypedDict, total=False):
    """Values to try of the settings of trees."""

    n_estimators: Annotated[list[Count], "at least one value", some]
    max_depth: Annotated[list[Depth], "at least one value", some]
    learning_rate: Annotated[list[Rate], "at least one value", some]


@dataclass(frozen=True)
class Error:
    """An error of predictions: its name in reports, how the leaderboard calls it, and itself."""

    name: str
    words: str
    of: Callable[[np.ndarray, np.ndarray], float]
    """From truth [n] and predictions [n]; smaller is better."""


RMSE = Error("rmse", "squared error", lambda y, prediction: float(np.sqrt(np.mean((prediction - y) ** 2))))
MAE = Error("mae", "absolute error", lambda y, prediction: float(np.mean(np.abs(prediction - y))))


def pinball(level: float) -> Error:
    """The error that a quantile makes least: `level` of each unit above a prediction, the rest of each below."""

    def of(y: np.ndarray, prediction: np.ndarray) -> float:
        above = y - prediction
        return float(np.mean(np.maximum(level * above, (level - 1) * above)))

    return Error("pinball", f"quantile {level:g}", of)


@dataclass(frozen=True, kw_only=True)
class Trees:
    """How trees are grown, whatever the library: the keys of `trees` in an entry of params.yaml."""

    n_estimators: Count = 2000
    """Trees."""
    max_depth: Depth = 18
    """Depth of a tree, at most."""
    learning_rate: Rate = 0.01
    """Share of each tree's correction that is taken."""
    grid: Grid | None = None
    """Lists of values of the three above; the best combination on the validation part is kept."""
    early_stopping: Count | None = None
    """Stop after so many trees without improvement on the validation part; None does not."""
    threads: Threads | None = None
    """Of the library; None is as many as cores and rows allow."""
    loss: Literal["squared", "absolute", "quantile"] = "squared"
    """What trees make small: a prediction is then a mean, a median or a quantile of what may come."""
    quantile: Inside = 0.5
    """Which quantile; read with that loss alone."""

    @property
    def settings(self) -> dict[str, Any]:
        """The three that a grid may search."""
        return {name: getattr(self, name) for name in ("n_estimators", "max_depth", "learning_rate")}

    @property
    def error(self) -> Error:
        """The error on the validation part by which a search chooses."""
        return {"squared": RMSE, "absolute": MAE, "quantile": pinball(self.quantile)}[self.loss]

    def constant(self, y: np.ndarray) -> float:
        """The one number for all of `y` [n] that has the smallest loss."""
        if self.loss == "squared":
            return float(np.mean(y))
        return float(np.quantile(y, self.quantile if self.loss == "quantile" else 0.5))


def check(inputs: Sequence[str]) -> None:
    """Raise `UserError` for no inputs at all."""
    if not inputs:
        raise UserError("features: a booster needs at least one feature")


def search(
    train: Callable[[dict[str, Any]], Model],
    predict: Callable[[Model], np.ndarray],
    settings: Mapping[str, Any],
    grid: Mapping[str, Any] | None,
    validation: Examples,
    error: Error = RMSE,
) -> tuple[Model, dict[str, float]]:
    """Train with each combination of the grid; the one with the lowest error on the validation part stays.

    `train` makes a model from `settings` with the combination's values, `predict` gives its predictions [n] of
    the validation part. Returns the model and what was chosen. The first of equals wins. Raises `UserError`
    for a grid without validation posts.
    """
    if grid and not len(validation):
        raise UserError("grid: a search needs a validation part; give split.ratios one or remove the key")
    best: tuple[float, Model, dict[str, float]] | None = None
    for values in itertools.product(*(grid or {}).values()):
        chosen = {**settings, **dict(zip(grid or {}, values, strict=True))}
        model = train(chosen)
        if not grid:
            return model, chosen
        lost = error.of(validation.y, predict(model))
        log.info("grid: %s: %s %.4f on validation", dict(zip(grid, values, strict=True)), error.name, lost)
        if best is None or lost < best[0]:
            best = lost, model, {**chosen, f"validation_{error.name}": lost}
    return best[1], best[2]


def threads(asked: int | None, rows: int) -> int:
    """Threads for a training on so many rows: those asked for, or one a `ROWS` rows up to one a core.

    Trees on few rows are done before threads have found each other, and on busy cores they take far longer.
    """
    return asked or max(1, min(os.cpu_count() or 1, rows // ROWS))


def shares(names: Sequence[str], gain: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Share of the gain by input name; without any gain (no tree splits) all are zero."""
    gains = np.nan_to_num(np.asarray(gain, dtype=np.float64))
    total = gains.sum()
    return dict(zip(names, (gains / total if total > 0 else gains).tolist(), strict=True))


def save_inputs(folder: Path, names: Sequence[str], chosen: Mapping[str, float]) -> None:
    """Write what belongs to a booster's file: names of its inputs, and the settings it was trained with."""
    store.write_json(folder / "inputs.json", {"names": list(names), "chosen": dict(chosen)})


def load_inputs(folder: Path) -> tuple[list[str], dict[str, float]]:
    """Names and settings as `save_inputs` wrote them."""
    content = store.read_json(folder / "inputs.json")
    return content["names"], content["chosen"]
