"""XGBoost on tabular features, and on columns of posts as categories of its own: the benchmark of `xgb-clip`.

Castagnino Rossi and Shlamovitz, Social Media Popularity Prediction, section IV-A: a grid search on the
validation part found 2,000 trees of depth 18 with learning rate 0.01 best; feature importance by the library.
Ours: squared error as the objective, everything the paper does not name as the library has it.

The library reads training posts block by block and keeps the bin of each value alone, of which there are at most 256:
its trees look at no more than these.

Shapes: n posts, d inputs.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.parts import boosting
from models.parts.boosting import Trees
from models.parts.coded import Coded
from models.parts.spread import Spread
from pipeline.storage.examples import Examples

OBJECTIVES = {"squared": "reg:squarederror", "absolute": "reg:absoluteerror", "quantile": "reg:quantileerror"}


class XGBoost(Coded):
    """Gradient-boosted trees of the XGBoost library; NaN inputs go the way that lowers the loss."""

    def __init__(
        self,
        *,
        features: list[str],
        categorical: list[str] | None = None,
        trees: Trees = Trees(),
        refit: bool = False,
        seed: int = 0,
        scheduler: str | None = None,
    ):
        """Trees on `features` and `categorical`.

        Args:
            features: names of features, side by side.
            categorical: columns of posts.parquet taken as categories; a missing value is one of its own.
            trees: how they are grown.
            refit: fit what was found again, on validation posts as well.
            seed: of the library.
            scheduler: of the Dask cluster that grows them, by address or file; None grows them here.
        """
        super().__init__(features, trees, categorical=categorical, refit=refit, seed=seed, scheduler=scheduler)

    def _data(self, posts: Examples, like: Any = None) -> Any:
        import xgboost

        blocks = _iterator(
            lambda: ({**self._typed(table), "label": posts.y[rows]} for rows, table in self._tables(posts))
        )
        threads = self._threads(len(posts))
        return xgboost.QuantileDMatrix(blocks, ref=like, nthread=threads, enable_categorical=bool(self.columns))

    def _typed(self, table: np.ndarray) -> dict[str, Any]:
        return {"data": table, "feature_types": self._types} if self.columns else {"data": table}

    @property
    def _types(self) -> list[str] | None:
        categories = len(self.columns)
        return ["q"] * (len(self._names) - categories) + ["c"] * categories if categories else None

    def _by_block(self, posts: Examples, ask: Callable[[Any], np.ndarray]) -> np.ndarray:
        """What a model says of posts, block by block."""
        import xgboost

        how = {"nthread": self._threads(len(posts)), "enable_categorical": bool(self.columns)}
        return np.concatenate([ask(xgboost.DMatrix(**self._typed(t), **how)) for _, t in self._tables(posts)])

    def _grow(self, settings: dict[str, Any], data: Any, watched: Any, stopping: int | None) -> Any:
        import xgboost

        how = {**self._how(settings), "nthread": self._threads(data.num_row())}
        model = xgboost.train(how, data, settings["n_estimators"], **_watch(watched, stopping))
        return model[: model.best_iteration + 1] if stopping else model

    def _how(self, settings: dict[str, Any]) -> dict[str, Any]:
        quantile = {"quantile_alpha": self._trees.quantile} if self._trees.loss == "quantile" else {}
        return {
            "objective": OBJECTIVES[self._trees.loss],
            **quantile,
            "tree_method": "hist",
            "max_depth": settings["max_depth"],
            "learning_rate": settings["learning_rate"],
            "seed": self._seed,
        }

    def _data_there(self, cluster: Spread, posts: Examples, like: Any = None) -> Any:
        from xgboost import dask

        how = {"feature_types": self._types, "enable_categorical": bool(self.columns)}
        return dask.DaskQuantileDMatrix(cluster.client, *cluster.arrays(self._tables(posts), posts.y), ref=like, **how)

    def _grow_there(
        self, cluster: Spread, settings: dict[str, Any], data: Any, watched: Any, stopping: int | None
    ) -> Any:
        from xgboost import dask

        threads = self._trees.threads or cluster.threads
        how = {**self._how(settings), **({"nthread": threads} if threads else {})}
        model = dask.train(cluster.client, how, data, settings["n_estimators"], **_watch(watched, stopping))["booster"]
        return model[: model.best_iteration + 1] if stopping else model

    def _ask(self, model: Any, posts: Examples) -> np.ndarray:
        return self._by_block(posts, model.predict)

    def _added(self, posts: Examples) -> np.ndarray:
        return self._by_block(posts, partial(self._model.predict, pred_contribs=True)).astype(np.float64)

    def _count(self, model: Any) -> int:
        return model.num_boosted_rounds()

    def save(self, folder: Path) -> None:
        self._model.save_model(folder / "model.ubj")
        self._save_inputs(folder)

    def load(self, folder: Path) -> None:
        import xgboost

        self._model = xgboost.Booster(model_file=folder / "model.ubj")
        self._load_inputs(folder)

    def importance(self) -> dict[str, float]:
        gain = self._model.get_score(importance_type="total_gain")
        return boosting.shares(self._names, [gain.get(f"f{i}", 0.0) for i in range(len(self._names))])


def _watch(watched: Any, stopping: int | None) -> dict[str, Any]:
    """How the library stops; `watched` are the posts it does so by."""
    evals = [(watched, "validation")] if stopping else []
    return {"evals": evals, "early_stopping_rounds": stopping, "verbose_eval": False}


def _iterator(blocks: Callable[[], Iterator[dict[str, Any]]]) -> Any:
    """What the library reads block by block, several times; `blocks` gives them anew, each as it takes one."""
    import xgboost

    class Blocks(xgboost.DataIter):
        def reset(self) -> None:
            self._left = blocks()

        def next(self, input_data: Callable[..., None]) -> bool:
            block = next(self._left, None)
            if block is not None:
                input_data(**block)
            return block is not None

    return Blocks()
