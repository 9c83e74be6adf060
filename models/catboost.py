"""CatBoost on the same tabular features as `xgboost`, and on columns of posts as categories of its own.

Prokhorenkova et al., CatBoost: unbiased boosting with categorical features, NeurIPS 2018: a category becomes
statistics of the target over the rows before it in a random order, so that no row sees its own target.
Not in the paper of `xgb-clip`; it stands beside `xgboost`.

Shapes: n posts, d inputs, c categorical columns.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from models.parts import boosting
from models.parts.booster import Booster
from models.parts.boosting import Trees
from pipeline.base.errors import UserError
from pipeline.storage import store
from pipeline.storage.examples import Examples

log = logging.getLogger(__name__)

MISSING = b"(missing)"
CONSTANT = "constant.json"
LOSSES = {"squared": "RMSE", "absolute": "MAE", "quantile": "Quantile:alpha={}"}
DEEPEST = 16


class CatBoost(Booster):
    """Gradient-boosted symmetric trees of the CatBoost library; NaN inputs count as the smallest value."""

    def __init__(
        self,
        *,
        features: list[str],
        categorical: list[str] | None = None,
        trees: Trees = Trees(max_depth=8, learning_rate=0.03),
        refit: bool = False,
        seed: int = 0,
    ):
        """Trees on `features` and `categorical`.

        Args:
            features: names of features, side by side.
            categorical: columns of posts.parquet taken as categories; a missing value is one of its own.
            trees: how they are grown, to a depth of 16 at most.
            refit: fit what was found again, on validation posts as well.
            seed: of the library.
        """
        super().__init__(features, trees, refit=refit, seed=seed, columns=categorical or ())
        if max([trees.max_depth, *(trees.grid or {}).get("max_depth", [])]) > DEEPEST:
            raise UserError(f"trees.max_depth: CatBoost grows trees of depth {DEEPEST} at most")

    def _data(self, posts: Examples, like: Any = None) -> Any:
        import catboost

        numbers = posts.matrix(self.features)
        words = np.empty((len(posts), len(self.columns)), dtype=object)
        for i, column in enumerate(self.columns):
            values = posts.posts[column]
            words[:, i] = [_token(v) if k else MISSING for v, k in zip(values, values.notna(), strict=True)]
        data = catboost.FeaturesData(
            num_feature_data=numbers if numbers.shape[1] else None,
            cat_feature_data=words if words.shape[1] else None,
        )
        return catboost.Pool(data, posts.y)

    def _grow(self, settings: dict[str, Any], data: Any, watched: Any, stopping: int | None) -> Any:
        import catboost

        model = catboost.CatBoost(
            {
                "loss_function": LOSSES[self._trees.loss].format(self._trees.quantile),
                "iterations": settings["n_estimators"],
                "depth": settings["max_depth"],
                "learning_rate": settings["learning_rate"],
                "random_seed": self._seed,
                "thread_count": self._threads(data.num_row()),
                "allow_const_label": True,
                # Its default sampling divides by the gradients, and a constant target has none.
                **({} if np.ptp(data.get_label()) else {"bootstrap_type": "No"}),
                "allow_writing_files": False,
                "logging_level": "Silent",
            }
        )
        try:
            return model.fit(data, eval_set=watched if stopping else None, early_stopping_rounds=stopping)
        except catboost.CatBoostError as error:
            if "All features are either constant" not in str(error):
                raise
            log.warning("catboost: all training posts have the same inputs: it predicts one number for all")
            return _Constant(self._trees.constant(np.asarray(data.get_label())))

    def _ask(self, model: Any, posts: Examples) -> np.ndarray:
        return model.predict(self._data(posts))

    def _added(self, posts: Examples) -> np.ndarray:
        if isinstance(self._model, _Constant):
            return np.zeros((len(posts), len(self._names) + 1))
        return self._model.get_feature_importance(self._data(posts), type="ShapValues")

    def _count(self, model: Any) -> int:
        return model.tree_count_

    def save(self, folder: Path) -> None:
        boosting.save_inputs(folder, self._names, self._chosen)
        if isinstance(self._model, _Constant):
            return store.write_json(folder / CONSTANT, self._model.value)
        for key in ("train_finish_time", "model_guid"):  # the same training gives the same bytes
            self._model.get_metadata()[key] = ""
        return self._model.save_model(str(folder / "model.cbm"))

    def load(self, folder: Path) -> None:
        import catboost

        self._names, self._chosen = boosting.load_inputs(folder)
        if (folder / CONSTANT).exists():
            self._model = _Constant(store.read_json(folder / CONSTANT))
        else:
            self._model = catboost.CatBoost().load_model(str(folder / "model.cbm"))

    def importance(self) -> dict[str, float]:
        if isinstance(self._model, _Constant):
            return boosting.shares(self._names, np.zeros(len(self._names)))
        return boosting.shares(self._names, self._model.get_feature_importance(type="PredictionValuesChange"))


class _Constant:
    """What stands for a model where all training posts have the same inputs, of which the library makes none."""

    tree_count_ = 0

    def __init__(self, value: float):
        self.value = value

    def predict(self, data: Any) -> np.ndarray:
        return np.full(data.num_row(), self.value)


def _token(value: Any) -> bytes:
    return str(value).encode("utf-8", "backslashreplace")
