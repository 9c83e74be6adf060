"""Intervals around a blend: those of its parts, weighed as they are, or one width; calibrated anew on validation posts.

Shapes: k parts that have intervals, n posts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from models.parts.intervals import UNBOUNDED, Conformal
from models.trained import ENDS, Trained, predictions
from pipeline.base.paths import Paths
from pipeline.base.sections import Intervals
from pipeline.storage import store
from pipeline.storage.examples import Examples


@dataclass(frozen=True)
class _Parts:
    """The parts that have intervals, loaded when they are first asked."""

    trained: Sequence[Trained]
    weights: np.ndarray
    """[k], which sum to one."""
    target: str

    @cached_property
    def pairs(self) -> list[list[tuple[Any, Any]]]:
        """The systems of each part, one a seed, with their intervals."""
        return [
            [(part.system(self.target, seed), part.conformal(self.target, seed)) for seed in part.seeds]
            for part in self.trained
        ]

    def ends(self, posts: Examples) -> np.ndarray:
        """Both ends [2, n], the mean over seeds of each part weighed."""
        said = [
            np.mean([around.interval(posts, system.predict(posts)) for system, around in pairs], axis=0)
            for pairs in self.pairs
        ]
        return np.tensordot(self.weights, said, 1)


@dataclass(frozen=True)
class _End:
    """The lower or the upper end, asked like a quantile model."""

    parts: _Parts
    which: int

    def predict(self, posts: Examples) -> np.ndarray:
        return self.parts.ends(posts)[self.which]


def of(
    paths: Paths,
    asked: Intervals,
    parts: Mapping[str, Trained],
    weights: Mapping[str, np.ndarray],
    table: pd.DataFrame,
) -> tuple[dict[str, Conformal], pd.DataFrame]:
    """By target the intervals that a blend's entry has asked for, and its predictions with both ends.

    `weights` are those of `parts` by target, `table` has its predictions. Nothing is learned here but margins.
    """
    names = [name for name, part in parts.items() if part.entry.intervals and asked.method == "cqr"]
    told = {name: predictions(paths, name).groupby(KEYS)[list(ENDS)].mean() for name in names}
    posts, found, tables = _posts(paths, asked.by), {}, []
    for target, of_all in weights.items():
        own = table[table["target"] == target].reset_index(drop=True)
        kept = np.array([weight for name, weight in zip(parts, of_all, strict=True) if name in names])
        shares = kept / kept.sum() if kept.sum() > 0 else np.full(len(kept), 1 / max(1, len(kept)))
        own_parts = _Parts([parts[name] for name in names], shares, target)
        around = Conformal(
            level=asked.level, by=asked.by, quantiles=[_End(own_parts, which) for which in range(2)] if names else []
        )
        rows = pd.MultiIndex.from_frame(own[KEYS])
        said = [frame.reindex(rows).to_numpy().T for frame in told.values()]  # [k, 2, n]
        raw = np.tensordot(shares, said, 1) if names else own[["prediction"] * 2].to_numpy().T
        frame, calibrating = posts.reindex(own["post_id"]).reset_index(), (own["part"] == "validation").to_numpy()
        y = own["y"].to_numpy()[calibrating]
        transform = next(iter(parts.values())).targets[target].transform["name"]
        around.calibrate(
            Examples(frame[calibrating].reset_index(drop=True), y=y),
            *raw[:, calibrating],
            known=_known(paths, posts, asked.by),
            bounded=transform != UNBOUNDED and bool(np.all(y >= 0)),
        )
        found[target] = around
        ends = around.around(frame, own["prediction"].to_numpy(), *raw)
        tables.append(own.assign(**dict(zip(ENDS, ends, strict=True))))
    return found, pd.concat(tables, ignore_index=True)


KEYS = ["target", "part", "post_id"]


def _posts(paths: Paths, by: str | None) -> pd.DataFrame:
    """The column of groups of all posts, by their ids; none where the dataset has no such column."""
    there = [by] if by in store.columns_of(paths.posts) else []
    return store.read_frame(paths.posts, ["post_id", *there]).set_index("post_id")


def _known(paths: Paths, posts: pd.DataFrame, by: str | None) -> list[str]:
    """Values of that column which training posts have."""
    if by not in posts:
        return []
    parts = store.read_frame(paths.splits, ["post_id", "part"]).set_index("post_id")["part"].reindex(posts.index)
    return posts.loc[parts == "train", by].dropna().astype("str").unique().tolist()
