"""What a trained system looked at in posts, from data/attention/, with the words it looked at.

Shapes: n posts, r regions, s regions a side, w words.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from models.trained import Trained, predictions
from pipeline.base.paths import Paths
from pipeline.report.attention.charts import Sight
from pipeline.storage import store
from pipeline.storage.examples import PADDING, UNKNOWN_WORD, feature_rows

RARE = "[rare]"
KINDS = ("visual", "textual", "inter")


class Viewer:
    """A trained system, its first seed, and where it looked in the test posts of one target."""

    def __init__(self, paths: Paths, trained: Trained, target: str):
        self.name, self.target, self.seed = trained.name, target, trained.seeds[0]
        self._paths, self.trained = paths, trained
        self.roles = {role: features[0] for role, features in trained.entry.arguments["features"].items()}
        self.users = "user_id" in trained.needs(target)
        self._words = words_of(trained, self.roles.get("words"))

    @property
    def kinds(self) -> set[str]:
        """Which of visual, textual and inter it has; none without a test post."""
        return set(self._weights) if len(self._post_id) else set()

    @cached_property
    def _table(self) -> dict[str, np.ndarray]:
        return attention_of(self._paths, self.name)

    @property
    def _post_id(self) -> np.ndarray:
        return self._table["post_id"]

    @property
    def _weights(self) -> dict[str, np.ndarray]:
        return {kind: self._table[kind] for kind in KINDS if kind in self._table}

    def look(self, post_ids: Sequence[str]) -> dict[str, Sight]:
        """What it looked at in each of the posts, which are some of the test part."""
        rows = store.join_positions(self._post_id, np.asarray(post_ids), str(self._paths.attention(self.name)))
        return self.sights(post_ids, {kind: values[rows] for kind, values in self._weights.items()})

    def sights(self, post_ids: Sequence[str], weights: Mapping[str, np.ndarray]) -> dict[str, Sight]:
        """Attention [n, ...] of posts [n], as `System.attention` gives it, beside the words it is on."""
        words = self.values(self.roles["words"], post_ids) if "words" in self.roles else None
        numbers = np.zeros((len(post_ids), 0), int) if words is None else words
        return {
            post_id: self._sight({kind: of_posts[i] for kind, of_posts in weights.items()}, numbers[i])
            for i, post_id in enumerate(post_ids)
        }

    def _sight(self, weights: Mapping[str, np.ndarray], numbers: np.ndarray) -> Sight:
        there = numbers > PADDING  # [w]
        words = [self._words.get(number, RARE) for number in numbers[there].tolist()]
        textual = weights["textual"][there] if "textual" in weights else None
        return Sight(words, grid(weights.get("visual")), textual, weights.get("inter"))

    def values(self, feature: str, post_ids: Sequence[str]) -> np.ndarray:
        """Rows [n, *shape] of a feature."""
        return feature_rows(self._paths, feature, post_ids)

    def predictions(self) -> pd.DataFrame:
        """`post_id`, `y` and `prediction` of the test part."""
        frame = predictions(self._paths, self.name)
        own = (frame["target"] == self.target) & (frame["part"] == "test") & (frame["seed"] == self.seed)
        return frame.loc[own, ["post_id", "y", "prediction"]].reset_index(drop=True)


def words_of(trained: Trained, feature: str | None) -> dict[int, str]:
    """The words that the numbers of a feature stand for, those of the vocabulary it learned."""
    vocabulary = trained.features.get(feature, {}).get("state", {}).get("vocabulary", [])
    return dict(enumerate(vocabulary, start=UNKNOWN_WORD + 1))


def attention_of(paths: Paths, name: str) -> dict[str, np.ndarray]:
    """What data/attention/ has of a system: `post_id` [n], and the weights [n, m] of each kind."""
    path = paths.attention(name)
    with store.intact(store.existing(path), "run dvc repro -f look"):
        table = pq.read_table(path).combine_chunks()
        values = {"post_id": table["post_id"].to_numpy()}
        for kind in table.column_names[1:]:
            column = table[kind].combine_chunks()
            # Texts, such as the posts that `past` is on, are objects.
            flat = column.flatten().to_numpy(zero_copy_only=False)
            values[kind] = flat.reshape(len(table), column.type.list_size)
        return values


def grid(weights: np.ndarray | None) -> np.ndarray | None:
    """Regions [r] as they lie in the picture, [s, s], row after row; None where they are no square."""
    side = 0 if weights is None else math.isqrt(len(weights))
    return weights.reshape(side, side) if side and side**2 == len(weights) else None
