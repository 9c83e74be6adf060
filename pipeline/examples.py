"""Posts, features and splits joined into what systems are fed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.base import Examples, FeatureValues
from pipeline import store, targets
from pipeline.errors import UserError
from pipeline.paths import Paths
from pipeline.stream import open_feature
from pipeline.targets import Transform

PARTS = ("train", "validation", "test")


class Dataset:
    """All posts with the features and columns of one system; gives out one part and target at a time."""

    def __init__(self, paths: Paths, *, features: Sequence[str], columns: Sequence[str]):
        self._posts = store.read_frame(paths.posts, ["post_id", *columns])
        splits = store.read_frame(paths.splits)
        rows = store.join_positions(splits["post_id"].to_numpy(), self._posts["post_id"].to_numpy(), str(paths.splits))
        self._parts = splits["part"].to_numpy()[rows]
        self._features = {name: self._read(paths, name) for name in features}

    def _read(self, paths: Paths, name: str) -> FeatureValues:
        table = open_feature(paths.feature(name))
        ids = self._posts["post_id"].to_numpy()
        rows = store.join_positions(table.post_id, ids, str(paths.feature(name)))
        values = FeatureValues(table.values, table.names)
        return values if np.array_equal(rows, np.arange(len(table.post_id))) else values.take(rows)

    def parts(self, target: str, transform: str, columns: Sequence[str]) -> tuple[dict[str, Examples], Transform]:
        """Examples of each part that have a usable target, and the transform fitted on the training part."""
        usable = targets.usable(self._posts, target, transform)
        rows = {part: np.flatnonzero(usable & (self._parts == part)) for part in PARTS}
        if not len(rows["train"]):
            raise UserError(f"dataset.targets.{target}: no training post has a value that {transform} is defined for")
        raw, days = self._posts[target].to_numpy(np.float64, na_value=np.nan), targets.days_online(self._posts)
        fitted = Transform(transform)
        fitted.fit(raw[rows["train"]])
        return {part: self._take(r, target, fitted, raw, days, columns) for part, r in rows.items()}, fitted

    def _take(
        self,
        rows: np.ndarray,
        target: str,
        transform: Transform,
        raw: np.ndarray,
        days: np.ndarray | None,
        columns: Sequence[str],
    ) -> Examples:
        posts = self._posts[["post_id", *columns]].iloc[rows].reset_index(drop=True)
        y = transform.apply(raw[rows], None if days is None else days[rows])
        features = {k: v.take(rows) for k, v in self._features.items()}
        return Examples(posts=posts, features=features, y=y, target=target, transform=transform.name)


def unpublished(posts: pd.DataFrame, features: dict[str, FeatureValues], target: str, transform: str) -> Examples:
    """Examples of posts that have no target yet, in their order."""
    return Examples(posts=posts.reset_index(drop=True), features=features, target=target, transform=transform)
