"""LightGBM on the same tabular features and categories as `xgboost`; not in the paper, it stands beside it.

Shapes: n posts, d inputs.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np

from models.parts import boosting
from models.parts.boosting import Trees
from models.parts.coded import Coded
from pipeline.base.ranges import at_least, at_most
from pipeline.storage.examples import Examples

MOST_LEAVES = 1024
Leaves = Annotated[int, "2 or more", at_least(2), "131072 or less", at_most(2**17)]
"""Of a tree; the library takes no others."""
OBJECTIVES = {"squared": "regression", "absolute": "regression_l1", "quantile": "quantile"}


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
    ):
        """Trees on `features` and `categorical`.

        Args:
            features: names of features, side by side.
            categorical: columns of posts.parquet taken as categories; a missing value is one of its own.
            trees: how they are grown.
            num_leaves: leaves of a tree, at most; None is what a tree of that depth can have, up to 1,024.
            refit: fit what was found again, on validation posts as well.
            seed: of the library.
        """
        super().__init__(features, trees, categorical=categorical, refit=refit, seed=seed)
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
            {
                **self._fixed(len(data.get_label())),
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
