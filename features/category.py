"""The category tree as one-hot columns, with the vocabulary of the training part."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.base import PostsFeature

LEVELS = ("category", "subcategory", "concept")


class Category(PostsFeature):
    """One-hot category, subcategory and concept. Source: the tabular inputs of the paper `xgb-clip`.

    A value that no training post has gives zeros, as a missing one does: a post is never without this
    feature. Columns: `<level>=<value>`, sorted by value within a level.
    """

    dtype = "float16"  # zeros and ones, half a table in memory
    group = "category"

    def __init__(self, *, levels: list[str] | None = None):
        """`levels` of the tree to use, null for all three; a dataset may lack some of them."""
        self.levels = list(LEVELS) if levels is None else levels
        for level in self.levels:
            if level not in LEVELS:
                raise self.error("levels", f"there is no level '{level}'; known: {', '.join(LEVELS)}")
        if len(set(self.levels)) < len(self.levels):
            raise self.error("levels", f"{self.levels} must name levels, each once")
        self.vocabulary: dict[str, list[str]] = {}

    def missing(self, available: Collection[str]) -> list[str]:
        return [] if any(level in available for level in self.levels) else list(self.levels)

    def reads(self, available: Mapping[str, str]) -> list[str]:
        return [level for level in self.levels if level in available]

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(map(len, self.vocabulary.values())),)

    @property
    def names(self) -> list[str]:
        return [f"{level}={value}" for level, values in self.vocabulary.items() for value in values]

    @property
    def needed(self) -> list[str]:
        return list(self.vocabulary)

    def fit(self, posts: pd.DataFrame) -> None:
        self.vocabulary = {c: sorted(posts[c].dropna().unique().tolist()) for c in self.levels if c in posts}

    def state(self) -> dict[str, Any]:
        # A list keeps the order of the levels, which JSON's sorted keys would not.
        return {"vocabulary": [[level, values] for level, values in self.vocabulary.items()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.vocabulary = {level: list(values) for level, values in state["vocabulary"]}

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        return np.concatenate([self._one_hot(posts, level) for level in self.vocabulary], axis=1)

    def _one_hot(self, posts: pd.DataFrame, level: str) -> np.ndarray:
        values = self.vocabulary[level]
        hot = np.zeros((len(posts), len(values)), dtype=np.float16)
        position = pd.Index(values, dtype="object").get_indexer(pd.Index(posts[level], dtype="object"))
        rows = np.flatnonzero(position >= 0)
        hot[rows, position[rows]] = 1.0
        return hot
