"""What the stacked systems share: a booster on tabular features whose prediction goes into a network.

Shapes: n posts, d numbers a picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from models.base import Roles
from models.parts.boosting import Trees
from models.parts.folds import fold_rows
from models.parts.projection import Projection
from models.parts.regressor import Regressor
from models.xgboost import XGBoost
from pipeline.base.errors import UserError
from pipeline.storage.examples import Examples

How = Literal["out_of_fold", "in_sample"]


class Base:
    """XGBoost as the first stage.

    Out of fold (ours), a training row's prediction comes from a booster that did not see it, as every other
    row's does; in sample (the naive way), from one that learned that very row.

    Args:
        trees: how it grows them.
        features: tabular features.
        stack: where predictions on training rows come from.
        folds: parts the training rows are cut into, at random.
        seed: of the boosters and the folds.
        scheduler: as XGBoost takes it.
    """

    def __init__(
        self,
        trees: Trees,
        *,
        features: Sequence[str],
        stack: How,
        folds: int,
        seed: int,
        scheduler: str | None = None,
    ):
        self._trees, self._features, self._scheduler = trees, list(features), scheduler
        self._stack, self._folds, self._seed = stack, folds, seed
        self._booster = self._make(trees)

    def _make(self, trees: Trees) -> XGBoost:
        return XGBoost(features=self._features, trees=trees, seed=self._seed, scheduler=self._scheduler)

    def fit(self, train: Examples, validation: Examples) -> np.ndarray:
        """Learn from all training rows; returns the predictions [n] on them that the next stage learns from."""
        self._booster.fit(train, validation)
        if self._stack == "in_sample" or len(train) < 2:
            return self.predict(train)
        # Searched once, on all training rows: the search looks at the validation part, not at these rows.
        tuned = {k: v for k, v in self._booster.report().items() if k in (self._trees.grid or {})}
        trees = replace(self._trees, **tuned, grid=None)
        predictions = np.empty(len(train))
        for rows in fold_rows(len(train), self._folds, self._seed):
            booster = self._make(trees)
            booster.fit(train.take(np.setdiff1d(np.arange(len(train)), rows)), validation)
            predictions[rows] = booster.predict(train.take(rows))
        return predictions

    def predict(self, posts: Examples) -> np.ndarray:
        """Predictions [n] of the booster that learned from all training rows."""
        return self._booster.predict(posts)

    def save(self, folder: Path) -> None:
        """Write the booster into a new `folder`."""
        folder.mkdir()
        self._booster.save(folder)

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote."""
        self._booster.load(folder)

    def report(self) -> dict[str, float]:
        """The booster's report, each name with `base_` before it."""
        return {f"base_{name}": value for name, value in self._booster.report().items()}


class Stacked:
    """Base prediction and picture, each standardised with training statistics (ours), into one network.

    Args:
        make: the network from the widths `base` and `picture`; called with `base` [n, 1], `picture` [n, d].
        features: `base`: what XGBoost reads; `picture` numbers are those of `head`, side by side.
        trees: of XGBoost.
        stack: as `Base` takes it.
        folds: as `Base` takes it.
        components: dimensions PCA keeps of the picture; None is no PCA.
        seed: of all that is random.
        scheduler: as XGBoost takes it.
        options: further arguments of `models.parts.regressor.Regressor`.
    """

    def __init__(
        self,
        make: Callable[..., nn.Module],
        *,
        features: Roles,
        trees: Trees,
        stack: How,
        folds: int,
        components: int | None = None,
        seed: int,
        scheduler: str | None = None,
        **options: Any,
    ):
        if set(features) != {"base", "head"} or not all(features.values()):
            raise UserError("features: expected two lists, 'base' (for XGBoost) and 'head' (for the network)")
        self._head = features["head"]
        base = {"stack": stack, "folds": folds, "seed": seed, "scheduler": scheduler}
        self._base = Base(trees, features=features["base"], **base)
        self._scale = {"base": Projection(), "picture": Projection(components=components)}
        self._network = Regressor(make, seed=seed, **options)

    def fit(self, train: Examples, validation: Examples) -> None:
        """Learn the base, what its prediction and the picture are scaled by, then the network."""
        self._network.check(validation)
        inputs = {"base": self._base.fit(train, validation)[:, None], "picture": train.matrix(self._head)}
        x = {name: self._scale[name].fit(values) for name, values in inputs.items()}
        self._network.fit(x, train.y, self._inputs(validation), validation.y)

    def _inputs(self, posts: Examples) -> dict[str, np.ndarray]:
        base = self._base.predict(posts)[:, None]  # [n, 1]
        picture = posts.matrix(self._head)  # [n, d]
        return {"base": self._scale["base"].apply(base), "picture": self._scale["picture"].apply(picture)}

    def predict(self, posts: Examples) -> np.ndarray:
        """Predictions [n]."""
        return self._network.predict(self._inputs(posts))

    def save(self, folder: Path) -> None:
        """Write the booster to base/, the scales and the network beside it."""
        self._base.save(folder / "base")
        self._network.save(folder)
        for name, scale in self._scale.items():
            scale.save(folder / f"{name}.safetensors")

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote."""
        self._base.load(folder / "base")
        self._network.load(folder)
        for name, scale in self._scale.items():
            scale.load(folder / f"{name}.safetensors")

    def report(self) -> dict[str, float]:
        """Size and training of the network, and the booster's report."""
        return {**self._network.report(), **self._base.report()}

    def curve(self) -> dict[str, list[float]]:
        """Losses of the network; the booster has none."""
        return self._network.curve()
