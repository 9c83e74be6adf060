"""A trained system with attention, and what it looked at in posts.

Shapes: n posts, r regions, s regions a side, w words.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from models import trained
from models.parts.attention import PADDING
from models.parts.attention import UNKNOWN_WORD as UNKNOWN
from pipeline.base.paths import Paths
from pipeline.report.attention.charts import Sight
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues, unpublished
from pipeline.storage.stream import RowGroups, StreamedArray

RARE = "[rare]"
POSTS = 256
"""Looked at together: what their regions take in memory."""


class Viewer:
    """A trained system, its first seed, that can say where it looked."""

    def __init__(self, paths: Paths, name: str, target: str):
        self.name, self.target, self._paths = name, target, paths
        self.seed = store.read_json(paths.model(name) / "system.json")["seeds"][0]
        self.system, description = trained.load(paths, name, target, self.seed)
        self.roles = {role: features[0] for role, features in self.system.features.items()}
        self.users = "user_id" in self.system.columns
        vocabulary = description["features"].get(self.roles.get("words"), {}).get("state", {}).get("vocabulary", [])
        self._words = dict(enumerate(vocabulary, start=UNKNOWN + 1))

    @cached_property
    def kinds(self) -> set[str]:
        """Which of visual, textual and inter it has; asked of one test post, of which there must be one."""
        ids = self.predictions()["post_id"].head(1).tolist()
        sights = self.look(ids).values() if ids else []
        return {kind for s in sights for kind in ("visual", "textual", "inter") if getattr(s, kind) is not None}

    def look(self, post_ids: Sequence[str], user: str | None = None) -> dict[str, Sight]:
        """What it looked at in each of the posts; as if `user` had posted them, where one is named.

        Reads their rows of the features alone, `POSTS` at a time.
        """
        parts = (post_ids[start : start + POSTS] for start in range(0, len(post_ids), POSTS))
        return {post_id: sight for part in parts for post_id, sight in self._look(part, user).items()}

    def _look(self, post_ids: Sequence[str], user: str | None) -> dict[str, Sight]:
        posts = rows_of(self._paths, post_ids, self.system.columns)
        if user is not None and self.users:
            posts = posts.assign(user_id=user)
        features = {name: FeatureValues(self.values(name, post_ids)) for name in self.roles.values()}
        weights = self.system.attention(unpublished(posts, features, self.target, "identity"))
        numbers = features[self.roles["words"]].values if "words" in self.roles else np.zeros((len(posts), 0), int)
        sights = {}
        for i, post_id in enumerate(post_ids):
            sights[post_id] = self._sight({kind: of_posts[i] for kind, of_posts in weights.items()}, numbers[i])
        return sights

    def _sight(self, weights: dict[str, np.ndarray], numbers: np.ndarray) -> Sight:
        there = numbers > PADDING  # [w]
        words = [self._words.get(number, RARE) for number in numbers[there].tolist()]
        textual = weights["textual"][there] if "textual" in weights else None
        return Sight(words, grid(weights.get("visual")), textual, weights.get("inter"))

    def values(self, feature: str, post_ids: Sequence[str]) -> np.ndarray:
        """Rows [n, *shape] of a feature, from the row groups they lie in."""
        path = self._paths.feature(feature)
        ids = store.read_frame(path, ["post_id"])["post_id"].to_numpy()
        return StreamedArray(RowGroups(path))[store.join_positions(ids, np.asarray(post_ids), str(path))]

    def predictions(self) -> pd.DataFrame:
        """`post_id`, `y` and `prediction` of the test part."""
        frame = store.read_frame(self._paths.predictions(self.name))
        own = (frame["target"] == self.target) & (frame["part"] == "test") & (frame["seed"] == self.seed)
        return frame.loc[own, ["post_id", "y", "prediction"]].reset_index(drop=True)


def grid(weights: np.ndarray | None) -> np.ndarray | None:
    """Regions [r] as they lie in the picture, [s, s], row after row; None where they are no square."""
    side = 0 if weights is None else math.isqrt(len(weights))
    return weights.reshape(side, side) if side and side**2 == len(weights) else None


def rows_of(paths: Paths, post_ids: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Columns of posts.parquet, those that are there, for these posts in their order."""
    there = set(store.columns_of(paths.posts))
    frame = store.read_frame(paths.posts, ["post_id", *(c for c in columns if c in there)])
    rows = store.join_positions(frame["post_id"].to_numpy(), np.asarray(post_ids), str(paths.posts))
    return frame.iloc[rows].reset_index(drop=True)
