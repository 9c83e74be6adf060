"""XGBoost on the principal components of everything known of a post, its picture included.

Castagnino Rossi and Shlamovitz, Social Media Popularity Prediction, section IV-B: the picture's CLIP vector,
its high-level features and the tabular data are concatenated, reduced by PCA to 300 dimensions and go into
XGBoost: 2,000 trees, depth 12, learning rate 0.01.
Ours: each column is standardised before PCA (the paper does not say; unscaled, the user's number of photos
alone would be the first component), and a post without a picture has the training mean in its place.

Shapes: n posts, d inputs, k components.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.base import System
from models.parts import boosting
from models.parts.boosting import Trees
from models.parts.projection import Projection
from models.xgboost import XGBoost
from pipeline.base.ranges import Count
from pipeline.storage.examples import Examples, FeatureValues


class XGBClipPCA(System):
    """Concatenation, PCA fitted on training rows, XGBoost."""

    def __init__(
        self,
        *,
        features: list[str],
        components: Count = 300,
        standardize: bool = True,
        trees: Trees = Trees(max_depth=12),
        seed: int = 0,
        scheduler: str | None = None,
    ):
        """PCA of `features`, then trees.

        Args:
            features: names of features, side by side.
            components: dimensions PCA keeps; cut to what rows and columns allow.
            standardize: bring every column to one scale before PCA.
            trees: how XGBoost grows them.
            seed: of XGBoost.
            scheduler: of the Dask cluster that XGBoost grows trees on; None grows them here.
        """
        self.features = features
        self._projection = Projection(components=components, standardize=standardize)
        self._booster = XGBoost(features=["component"], trees=trees, seed=seed, scheduler=scheduler)
        boosting.check(features)

    def fit(self, train: Examples, validation: Examples) -> None:
        components = self._projection.fit(train.matrix(self.features))  # [n, k]
        self._booster.fit(_with(train, components), self._project(validation))

    def _project(self, posts: Examples) -> Examples:
        return _with(posts, self._projection.apply(posts.matrix(self.features)))

    def predict(self, posts: Examples) -> np.ndarray:
        return self._booster.predict(self._project(posts))

    def save(self, folder: Path) -> None:
        self._projection.save(folder / "projection.safetensors")
        self._booster.save(folder)

    def load(self, folder: Path) -> None:
        self._projection.load(folder / "projection.safetensors")
        self._booster.load(folder)

    def report(self) -> dict[str, float]:
        return {**self._booster.report(), "components": len(self._booster.importance())}

    def importance(self) -> dict[str, float]:
        return self._booster.importance()


def _with(posts: Examples, components: np.ndarray) -> Examples:
    return replace(posts, features={"component": FeatureValues(components)})
