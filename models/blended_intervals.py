"""Intervals around a blend: those of its parts, weighed as they are, or one width; calibrated anew on validation posts.

Shapes: k parts that have intervals, n posts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from models.parts.intervals import UNBOUNDED, Conformal, Scored
from models.trained import ENDS, SEEN, Trained, predictions
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
    outside: Mapping[str, pd.DataFrame],
) -> tuple[dict[str, Conformal], pd.DataFrame]:
    """By target the intervals that a blend's entry has asked for, and its predictions with both ends.

    `weights` are those of `parts` by target, `table` has its predictions, of training posts too where parts have some
    `outside` of what they learned from. Nothing is learned here but margins.
    """
    names = [name for name, part in parts.items() if part.entry.intervals and asked.method == "cqr"]
    tables = {name: pd.concat([*([outside[name]] if outside else []), predictions(paths, name)]) for name in names}
    told = {name: frame.groupby(KEYS)[list(ENDS)].mean() for name, frame in tables.items()}
    posts, found, weighed = _posts(paths, asked.by), {}, []
    known = {part: _known(posts, asked.by, [*of]) for part, of in _learned_from(asked).items()}
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
        frame, prediction, y = posts.reindex(own["post_id"]).reset_index(), own["prediction"].to_numpy(), own["y"]
        seen, at = _seen(own, frame.get(asked.by), known, outside), np.flatnonzero(own["part"] != "test")
        of_part = Examples(frame.iloc[at].reset_index(drop=True), y=y.to_numpy()[at])
        transform = next(iter(parts.values())).targets[target].transform["name"]
        around.calibrate(
            [Scored(of_part, prediction[at], *raw[:, at], seen[at])],
            known=known["test"],
            bounded=transform != UNBOUNDED and bool(np.all(of_part.y >= 0)),
        )
        found[target] = around
        ends = around.around(frame, prediction, *raw, seen)
        weighed.append(own.assign(**dict(zip(ENDS, ends, strict=True)))[own["part"] != "train"])
    return found, pd.concat(weighed, ignore_index=True)


KEYS = ["target", "part", "post_id"]


def _learned_from(asked: Intervals) -> dict[str, tuple[str, ...]]:
    """The parts that quantile models have learned from, by the part that they are asked about."""
    return {"validation": ("train",), "test": ("train", "validation") if asked.folds else ("train",)}


def _seen(
    own: pd.DataFrame, values: pd.Series | None, known: Mapping[str, Sequence[str]], outside: Mapping[str, pd.DataFrame]
) -> np.ndarray:
    """Whether what predicts each of the blend's posts has learned from posts of its value in the column of groups."""
    seen = pd.Series(False, index=own.index)
    for frame in list(outside.values())[:1]:  # the same of all parts
        told = frame.groupby(KEYS)[SEEN].first().reindex(pd.MultiIndex.from_frame(own[KEYS]))
        seen = pd.Series(told.eq(True).to_numpy(), index=own.index)
    for part, of in known.items() if values is not None else ():
        rows = own["part"] == part
        seen[rows] = values[rows].astype("str").isin(of)
    return seen.to_numpy()


def _posts(paths: Paths, by: str | None) -> pd.DataFrame:
    """The part and the column of groups of all posts, by their ids; without the latter where the dataset has none."""
    there = [by] if by in store.columns_of(paths.posts) else []
    parts = store.read_frame(paths.splits, ["post_id", "part"]).set_index("post_id")["part"]
    return store.read_frame(paths.posts, ["post_id", *there]).set_index("post_id").assign(part=parts)


def _known(posts: pd.DataFrame, by: str | None, parts: Sequence[str]) -> list[str]:
    """Values of that column which posts of these parts have."""
    return [] if by not in posts else posts.loc[posts["part"].isin(parts), by].dropna().astype("str").unique().tolist()
