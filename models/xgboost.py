"""XGBoost on tabular features: the benchmark of `xgb-clip`.

Castagnino Rossi and Shlamovitz, Social Media Popularity Prediction, section IV-A: a grid search on the
validation part found 2,000 trees of depth 18 with learning rate 0.01 best; feature importance by the library.
Ours: squared error as the objective, everything the paper does not name as the library has it.

Shapes: n posts, d inputs.
"""

from pathlib import Path
from typing import Any

import numpy as np

from models.base import System
from models.parts import boosting
from pipeline.storage.examples import Examples


class XGBoost(System):
    """Gradient-boosted trees of the XGBoost library; NaN inputs go the way that lowers the loss."""

    def __init__(
        self,
        *,
        features: list[str],
        n_estimators: int = 2000,
        max_depth: int = 18,
        learning_rate: float = 0.01,
        grid: boosting.Grid | None = None,
        early_stopping: int | None = None,
        threads: int | None = None,
        seed: int = 0,
    ):
        """Trees on `features`.

        Args:
            features: names of features, side by side.
            n_estimators: trees.
            max_depth: depth of a tree, at most.
            learning_rate: share of each tree's correction that is taken.
            grid: lists of values of the three above; the best combination on the validation part is kept.
            early_stopping: stop after so many trees without improvement on the validation part; None does not.
            threads: of the library; None is as many as cores and rows allow.
            seed: of the library.
        """
        self.features = features
        self._settings = {"n_estimators": n_estimators, "max_depth": max_depth, "learning_rate": learning_rate}
        self._grid, self._early_stopping = grid, early_stopping
        self._threads, self._seed = threads, seed
        boosting.check(features, grid, self._settings)

    def fit(self, train: Examples, validation: Examples) -> None:
        self._names = train.names(self.features)
        data, watched = self._data(train), self._data(validation) if len(validation) else None
        self._model, self._chosen = boosting.search(
            lambda settings: self._train(settings, data, watched),
            lambda model: model.predict(watched),
            self._settings,
            self._grid,
            validation,
        )

    def _data(self, posts: Examples) -> Any:
        import xgboost

        return xgboost.DMatrix(
            posts.matrix(self.features), posts.y, nthread=boosting.threads(self._threads, len(posts))
        )

    def _train(self, settings: dict[str, Any], data: Any, watched: Any) -> Any:
        import xgboost

        stopping = self._early_stopping if watched is not None else None
        model = xgboost.train(
            {
                "objective": "reg:squarederror",
                "tree_method": "hist",
                "max_depth": settings["max_depth"],
                "learning_rate": settings["learning_rate"],
                "nthread": boosting.threads(self._threads, data.num_row()),
                "seed": self._seed,
            },
            data,
            settings["n_estimators"],
            evals=[(watched, "validation")] if stopping else [],
            early_stopping_rounds=stopping,
            verbose_eval=False,
        )
        return model[: model.best_iteration + 1] if stopping else model

    def predict(self, posts: Examples) -> np.ndarray:
        if not len(posts):
            return np.empty(0)  # the library warns of empty data
        return self._model.predict(self._data(posts)).astype(np.float64)

    def save(self, folder: Path) -> None:
        self._model.save_model(folder / "model.ubj")
        boosting.save_inputs(folder, self._names, self._chosen)

    def load(self, folder: Path) -> None:
        import xgboost

        self._model = xgboost.Booster(model_file=folder / "model.ubj")
        self._names, self._chosen = boosting.load_inputs(folder)

    def report(self) -> dict[str, float]:
        return {**self._chosen, "trees": self._model.num_boosted_rounds()}

    def importance(self) -> dict[str, float]:
        gain = self._model.get_score(importance_type="total_gain")
        return boosting.shares(self._names, [gain.get(f"f{i}", 0.0) for i in range(len(self._names))])
