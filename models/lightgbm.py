"""LightGBM on the same tabular features as `xgboost`; not in the paper, it stands beside it.

Shapes: n posts, d inputs.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np

from models.base import System
from models.parts import boosting
from models.parts.boosting import Trees
from pipeline.base.ranges import at_least, at_most
from pipeline.storage.examples import Examples

MOST_LEAVES = 1024
Leaves = Annotated[int, "2 or more", at_least(2), "131072 or less", at_most(2**17)]
"""Of a tree; the library takes no others."""


class LightGBM(System):
    """Gradient-boosted trees of the LightGBM library, grown leaf by leaf; NaN inputs go their own way."""

    def __init__(
        self,
        *,
        features: list[str],
        trees: Trees = Trees(max_depth=8),
        num_leaves: Leaves | None = None,
        seed: int = 0,
    ):
        """Trees on `features`.

        Args:
            features: names of features, side by side.
            trees: how they are grown.
            num_leaves: leaves of a tree, at most; None is what a tree of that depth can have, up to 1,024.
            seed: of the library.
        """
        self.features = features
        self._trees, self._num_leaves, self._seed = trees, num_leaves, seed
        boosting.check(features)

    def fit(self, train: Examples, validation: Examples) -> None:
        import lightgbm

        self._names = train.names(self.features)
        fixed = self._fixed(len(train))
        data = lightgbm.Dataset(train.matrix(self.features), train.y, params=fixed, free_raw_data=False)
        watched = data.create_valid(validation.matrix(self.features), validation.y) if len(validation) else None
        self._model, self._chosen = boosting.search(
            lambda settings: self._train(settings, fixed, data, watched),
            lambda model: self._ask(model, validation),
            self._trees.settings,
            self._trees.grid,
            validation,
        )

    def _fixed(self, rows: int) -> dict[str, Any]:
        # One way to build histograms, so that the same seed gives the same trees.
        return {
            "objective": "regression",
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": boosting.threads(self._trees.threads, rows),
            "seed": self._seed,
            "verbosity": -1,
        }

    def _train(self, settings: dict[str, Any], fixed: dict[str, Any], data: Any, watched: Any) -> Any:
        import lightgbm

        stopping = self._trees.early_stopping if watched is not None else None
        return lightgbm.train(
            {
                **fixed,
                "max_depth": settings["max_depth"],
                "num_leaves": self._num_leaves or min(2 ** settings["max_depth"], MOST_LEAVES),
                "learning_rate": settings["learning_rate"],
            },
            data,
            settings["n_estimators"],
            valid_sets=[watched] if stopping else None,
            callbacks=[lightgbm.early_stopping(stopping, verbose=False)] if stopping else None,
        )

    def _ask(self, model: Any, posts: Examples) -> np.ndarray:
        if not len(posts):
            return np.empty(0)  # the library takes empty data for an error
        return model.predict(posts.matrix(self.features), num_threads=boosting.threads(self._trees.threads, len(posts)))

    def predict(self, posts: Examples) -> np.ndarray:
        return self._ask(self._model, posts)

    def save(self, folder: Path) -> None:
        self._model.save_model(folder / "model.txt")
        boosting.save_inputs(folder, self._names, self._chosen)

    def load(self, folder: Path) -> None:
        import lightgbm

        self._model = lightgbm.Booster(model_file=folder / "model.txt")
        self._names, self._chosen = boosting.load_inputs(folder)

    def report(self) -> dict[str, float]:
        best = self._model.best_iteration
        return {**self._chosen, "trees": best if best > 0 else self._model.num_trees()}

    def importance(self) -> dict[str, float]:
        return boosting.shares(self._names, self._model.feature_importance("gain"))
