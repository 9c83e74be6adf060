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
from models.parts.boosting import Trees
from pipeline.storage.examples import Examples


class XGBoost(System):
    """Gradient-boosted trees of the XGBoost library; NaN inputs go the way that lowers the loss."""

    def __init__(
        self,
        *,
        features: list[str],
        trees: Trees = Trees(),
        seed: int = 0,
    ):
        """Trees on `features`.

        Args:
            features: names of features, side by side.
            trees: how they are grown.
            seed: of the library.
        """
        self.features = features
        self._trees, self._seed = trees, seed
        boosting.check(features)

    def fit(self, train: Examples, validation: Examples) -> None:
        self._names = train.names(self.features)
        data, watched = self._data(train), self._data(validation) if len(validation) else None
        self._model, self._chosen = boosting.search(
            lambda settings: self._train(settings, data, watched),
            lambda model: model.predict(watched),
            self._trees.settings,
            self._trees.grid,
            validation,
        )

    def _data(self, posts: Examples) -> Any:
        import xgboost

        return xgboost.DMatrix(
            posts.matrix(self.features), posts.y, nthread=boosting.threads(self._trees.threads, len(posts))
        )

    def _train(self, settings: dict[str, Any], data: Any, watched: Any) -> Any:
        import xgboost

        stopping = self._trees.early_stopping if watched is not None else None
        model = xgboost.train(
            {
                "objective": "reg:squarederror",
                "tree_method": "hist",
                "max_depth": settings["max_depth"],
                "learning_rate": settings["learning_rate"],
                "nthread": boosting.threads(self._trees.threads, data.num_row()),
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
