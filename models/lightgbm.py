"""LightGBM on the same tabular features and categories as `xgboost`; not in the paper, it stands beside it.

Shapes: n posts, d inputs.
"""

import logging
import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from models.parts import boosting
from models.parts.boosting import Trees
from models.parts.coded import Coded
from models.parts.spread import Spread
from pipeline.base.ranges import at_least, at_most
from pipeline.storage.examples import Examples

MOST_LEAVES = 1024
Leaves = Annotated[int, "2 or more", at_least(2), "131072 or less", at_most(2**17)]
"""Of a tree; the library takes no others."""
OBJECTIVES = {"squared": "regression", "absolute": "regression_l1", "quantile": "quantile"}

ADDRESSES = {"machines": "", "local_listen_port": "12400"}
"""What a file of a model tells of the workers it grew on, and says where there were none."""


class LightGBM(Coded):
    """Gradient-boosted trees of the LightGBM library, grown leaf by leaf; NaN inputs go their own way."""

    def __init__(
        self,
        *,
        features: list[str],
        categorical: list[str] | None = None,
        trees: Trees = Trees(max_depth=8),
        num_leaves: Leaves | None = None,
        refit: bool = False,
        seed: int = 0,
        scheduler: str | None = None,
    ):
        """Trees on `features` and `categorical`.

        Args:
            features: names of features, side by side.
            categorical: columns of posts.parquet taken as categories; a missing value is one of its own.
            trees: how they are grown.
            num_leaves: leaves of a tree, at most; None is what a tree of that depth can have, up to 1,024.
            refit: fit what was found again, on validation posts as well.
            seed: of the library.
            scheduler: of the Dask cluster that grows them, by address or file; None grows them here.
        """
        super().__init__(features, trees, categorical=categorical, refit=refit, seed=seed, scheduler=scheduler)
        self._num_leaves = num_leaves

    def _data(self, posts: Examples, like: Any = None) -> Any:
        import lightgbm

        values = self._table(posts), posts.y
        if like is not None:
            return like.create_valid(*values)
        fixed = {"params": self._fixed(len(posts)), "categorical_feature": self._places or "auto"}
        return lightgbm.Dataset(*values, **fixed, free_raw_data=False)

    def _fixed(self, rows: int) -> dict[str, Any]:
        # One way to build histograms, so that the same seed gives the same trees.
        return {
            "objective": OBJECTIVES[self._trees.loss],
            "alpha": self._trees.quantile,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self._threads(rows),
            "seed": self._seed,
            "verbosity": -1,
        }

    def _grow(self, settings: dict[str, Any], data: Any, watched: Any, stopping: int | None) -> Any:
        import lightgbm

        return lightgbm.train(
            {**self._fixed(len(data.get_label())), **self._sizes(settings)},
            data,
            settings["n_estimators"],
            valid_sets=[watched] if stopping else None,
            callbacks=[lightgbm.early_stopping(stopping, verbose=False)] if stopping else None,
        )

    def _sizes(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {
            "max_depth": settings["max_depth"],
            "num_leaves": self._num_leaves or min(2 ** settings["max_depth"], MOST_LEAVES),
            "learning_rate": settings["learning_rate"],
        }

    def _stays(self, stopping: int | None) -> str:
        if stopping:
            return "the library does not stop early there"
        return "a worker would know its own categories alone" if self.columns else super()._stays(stopping)

    def _data_there(self, cluster: Spread, posts: Examples, like: Any = None) -> Any:
        return cluster.arrays(self._tables(posts), posts.y)

    def _grow_there(
        self, cluster: Spread, settings: dict[str, Any], data: Any, watched: Any, stopping: int | None
    ) -> Any:
        import lightgbm

        quiet = logging.getLogger("lightgbm")
        quiet.setLevel(logging.ERROR)  # that it looks for ports, and that workers have their own number of threads
        lightgbm.register_logger(quiet)
        fixed = {k: v for k, v in self._fixed(0).items() if k not in ("num_threads", "seed")}
        how = {**fixed, **self._sizes(settings), "n_estimators": settings["n_estimators"], "random_state": self._seed}
        model = lightgbm.DaskLGBMRegressor(client=cluster.client, **how).fit(*data)
        text = model.booster_.model_to_string()
        for told, told_here in ADDRESSES.items():
            text = re.sub(rf"^\[{told}: .*\]$", f"[{told}: {told_here}]", text, flags=re.M)
        return lightgbm.Booster(model_str=text)

    def _ask(self, model: Any, posts: Examples) -> np.ndarray:
        threads = self._threads(len(posts))
        return np.concatenate([model.predict(table, num_threads=threads) for _, table in self._tables(posts)])

    def _added(self, posts: Examples) -> np.ndarray:
        how = {"pred_contrib": True, "num_threads": self._threads(len(posts))}
        return np.concatenate([self._model.predict(table, **how) for _, table in self._tables(posts)])

    def _count(self, model: Any) -> int:
        return model.best_iteration if model.best_iteration > 0 else model.num_trees()

    def save(self, folder: Path) -> None:
        self._model.save_model(folder / "model.txt")
        self._save_inputs(folder)

    def load(self, folder: Path) -> None:
        import lightgbm

        self._model = lightgbm.Booster(model_file=folder / "model.txt")
        self._load_inputs(folder)

    def importance(self) -> dict[str, float]:
        return boosting.shares(self._names, self._model.feature_importance("gain"))
