"""XGBoost on tabular features: the benchmark of `xgb-clip`.

Castagnino Rossi and Shlamovitz, Social Media Popularity Prediction, section IV-A: a grid search on the
validation part found 2,000 trees of depth 18 with learning rate 0.01 best; feature importance by the library.
Ours: squared error as the objective, everything the paper does not name as the library has it.

Shapes: n posts, d inputs.
"""

from pathlib import Path
from typing import Any

import numpy as np

from models.parts import boosting
from models.parts.booster import Booster
from models.parts.boosting import Trees
from pipeline.storage.examples import Examples

OBJECTIVES = {"squared": "reg:squarederror", "absolute": "reg:absoluteerror", "quantile": "reg:quantileerror"}


class XGBoost(Booster):
    """Gradient-boosted trees of the XGBoost library; NaN inputs go the way that lowers the loss."""

    def __init__(
        self,
        *,
        features: list[str],
        trees: Trees = Trees(),
        refit: bool = False,
        seed: int = 0,
    ):
        """Trees on `features`.

        Args:
            features: names of features, side by side.
            trees: how they are grown.
            refit: fit what was found again, on validation posts as well.
            seed: of the library.
        """
        super().__init__(features, trees, refit=refit, seed=seed)

    def _data(self, posts: Examples, like: Any = None) -> Any:
        import xgboost

        return xgboost.DMatrix(posts.matrix(self.features), posts.y, nthread=self._threads(len(posts)))

    def _grow(self, settings: dict[str, Any], data: Any, watched: Any, stopping: int | None) -> Any:
        import xgboost

        quantile = {"quantile_alpha": self._trees.quantile} if self._trees.loss == "quantile" else {}
        model = xgboost.train(
            {
                "objective": OBJECTIVES[self._trees.loss],
                **quantile,
                "tree_method": "hist",
                "max_depth": settings["max_depth"],
                "learning_rate": settings["learning_rate"],
                "nthread": self._threads(data.num_row()),
                "seed": self._seed,
            },
            data,
            settings["n_estimators"],
            evals=[(watched, "validation")] if stopping else [],
            early_stopping_rounds=stopping,
            verbose_eval=False,
        )
        return model[: model.best_iteration + 1] if stopping else model

    def _ask(self, model: Any, posts: Examples) -> np.ndarray:
        return model.predict(self._data(posts))

    def _added(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self._data(posts), pred_contribs=True).astype(np.float64)

    def _count(self, model: Any) -> int:
        return model.num_boosted_rounds()

    def save(self, folder: Path) -> None:
        self._model.save_model(folder / "model.ubj")
        boosting.save_inputs(folder, self._names, self._chosen)

    def load(self, folder: Path) -> None:
        import xgboost

        self._model = xgboost.Booster(model_file=folder / "model.ubj")
        self._names, self._chosen = boosting.load_inputs(folder)

    def importance(self) -> dict[str, float]:
        gain = self._model.get_score(importance_type="total_gain")
        return boosting.shares(self._names, [gain.get(f"f{i}", 0.0) for i in range(len(self._names))])
