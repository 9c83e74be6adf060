"""CatBoost over moving averages of a user's posts, with and without knowing who posts: a rival of DSN.

Kang, Lin, Teng, Zhang, Guo and Zhang, Catboost-based Framework with Additional User Information for Social Media
Popularity Prediction (ACM Multimedia 2019); Wang, Wang, Chen, Huang, Mao and Zhang, A Feature Generalization Framework
for Social Media Popularity Prediction (ACM Multimedia 2020). The vectors of picture and text are averaged with those of
the user's posts just before. Of two models, one knows the user and what is known of the user, and the other is for
users that training has not seen; what they say is averaged.

Ours: the weight of that average is the one with the smallest squared error on the validation part; what counts as
before, and as a full window (`models.parts.averages`). Released: depth 6, a rate of .03 and 200,000 trees.

Shapes: n posts.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.base import System
from models.catboost import CatBoost
from models.dsn import LEVELS
from models.parts.averages import BY, Fill, averaged, named
from models.parts.boosting import Trees
from models.parts.projection import Projection
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Length, Share
from pipeline.storage import store
from pipeline.storage.examples import Examples, FeatureValues

ROLES = ("image", "text", "post", "user")
REDUCED = "text, reduced"
WEIGHT, TEXT = "weight.json", "text.safetensors"


class CatBoostWindow(System):
    """Weighted average of two CatBoost models, of which one knows who posts."""

    looks_back = True

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        levels: Sequence[str] = LEVELS,
        image_window: Length = 5,
        text_window: Length = 3,
        fill: Fill = "present",
        partial: bool = True,
        components: Count | None = None,
        weight: Share | None = None,
        trees: Trees = Trees(max_depth=6, learning_rate=0.03),
        seed: int = 0,
    ):
        """Trees on `features` and categories.

        Args:
            features: names by role: those under `image` and `text` are averaged, those under `post` are of the post
                alone, and those under `user` are for the model that knows who posts.
            levels: columns of categories, of both models; that of the user is one of its own.
            image_window: posts that a vector of a picture is averaged over, itself among them; 1 does not average.
            text_window: the same of a text.
            fill: divide by the posts there are, or, as released (`zero`), take those that are missing for zeros.
            partial: average the first posts of a user, too; as released, not before the window is full.
            components: dimensions that PCA keeps of the averages of texts; None is no PCA.
            weight: of the model that knows who posts; None is what is best on the validation part, half without one.
            trees: how they are grown.
            seed: of the library.
        """
        for role in features:
            if role not in ROLES:
                raise UserError(f"features.{role}: nothing reads this role; known: {', '.join(ROLES)}")
        self.features, self.columns = features, tuple(dict.fromkeys((BY, *levels)))
        self._lengths = {"image": image_window, "text": text_window}
        self._options = {"fill": fill, "partial": partial}
        self._weight = self._given = weight
        self._reduced = Projection(components=components, standardize=False) if components else None
        own = [*self._averages("image"), *([REDUCED] if self._reduced else self._averages("text"))]
        own += features.get("post", [])
        without_user = {"features": own, "categorical": [level for level in self.columns if level != BY]}
        with_user = {"features": own + features.get("user", []), "categorical": list(self.columns)}
        self._models = {
            name: CatBoost(**inputs, trees=trees, seed=seed)
            for name, inputs, useless in (("with_user", with_user, 0), ("without_user", without_user, 1))
            if weight != useless
        }

    def _averages(self, role: str) -> list[str]:
        return [named(name, self._lengths[role]) for name in self.features.get(role, ())]

    def fit(self, train: Examples, validation: Examples) -> None:
        if self._reduced:
            self._reduced.fit(self._averaged(train).matrix(self._averages("text")))
        ready = [self._ready(part) for part in (train, validation)]
        for model in self._models.values():
            model.fit(*ready)
        if self._given is None:
            said = [model.predict(ready[1]) for model in self._models.values()]
            self._weight = best_weight(*said, validation.y)

    def _averaged(self, posts: Examples) -> Examples:
        found = dict(posts.features)
        for role, length in self._lengths.items():
            found |= averaged(posts, self.features.get(role, ()), length, **self._options)
        return replace(posts, features=found)

    def _ready(self, posts: Examples) -> Examples:
        posts = self._averaged(posts)
        if not self._reduced:
            return posts
        texts = self._reduced.apply(posts.matrix(self._averages("text")))  # [n, components]
        return replace(posts, features={**posts.features, REDUCED: FeatureValues(texts)})

    def predict(self, posts: Examples) -> np.ndarray:
        ready = self._ready(posts)
        said = {name: model.predict(ready) for name, model in self._models.items()}
        return np.sum([self._share(name) * of_model for name, of_model in said.items()], axis=0)

    def _share(self, name: str) -> float:
        return self._weight if name == "with_user" else 1 - self._weight

    def save(self, folder: Path) -> None:
        store.write_json(folder / WEIGHT, self._weight)
        if self._reduced:
            self._reduced.save(folder / TEXT)
        for name, model in self._models.items():
            (folder / name).mkdir()
            model.save(folder / name)

    def load(self, folder: Path) -> None:
        self._weight = store.read_json(folder / WEIGHT)
        if self._reduced:
            self._reduced.load(folder / TEXT)
        for name, model in self._models.items():
            model.load(folder / name)

    def report(self) -> dict[str, float]:
        """The weight of the model that knows who posts, and what both report of themselves."""
        told = {f"{name}_{key}": value for name, model in self._models.items() for key, value in model.report().items()}
        return {"with_user_weight": self._weight, **told}

    def importance(self) -> dict[str, float]:
        """That of both models, in the shares in which they are averaged."""
        shares: dict[str, float] = {}
        for name, model in self._models.items():
            for column, share in model.importance().items():
                shares[column] = shares.get(column, 0.0) + self._share(name) * share
        return shares


def best_weight(one: np.ndarray, other: np.ndarray, y: np.ndarray) -> float:
    """The weight of `one` [n] beside `other` [n] of the smallest squared error; half where they do not differ."""
    apart = one - other  # [n]
    total = float(apart @ apart)
    return float(np.clip(apart @ (y - other) / total, 0, 1)) if total > 0 else 0.5
