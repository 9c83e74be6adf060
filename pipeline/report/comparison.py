"""Predictions of several systems put beside each other, post by post, and tested against one of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.trained import predictions
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.metrics import uncertainty

PARTS = ("validation", "test")


@dataclass(frozen=True)
class Comparison:
    """Several systems on the same n posts: `y` [n], `predictions` [seeds, n] by system."""

    target: str
    part: str
    post_id: np.ndarray
    y: np.ndarray
    predictions: Mapping[str, np.ndarray]


def compare(paths: Paths, names: Sequence[str], targets: Collection[str]) -> list[Comparison]:
    """Predictions of the named systems by target and part; those without a post are left out.

    Raises `UserError` where two systems did not predict the same posts, or one gave something not finite.
    """
    if not names:
        raise UserError("systems: none of them can run on this dataset; data/plan/systems/ says why")
    frames = {name: predictions(paths, name) for name in names}
    for name, frame in frames.items():
        _check(paths, name, frame)
    found = [_side_by_side(paths, frames, target, part) for target in targets for part in PARTS]
    return [c for c in found if len(c.y)]


def against(comparison: Comparison, reference: str, others: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Of each of `others`, the p-value of a paired t-test against `reference`, as it is and after Holm's correction.

    Tested are each post's absolute errors, averaged over seeds.
    """
    errors = {k: np.abs(v - comparison.y).mean(axis=0) for k, v in comparison.predictions.items()}
    raw = [uncertainty.paired_t_test(errors[name], errors[reference]) for name in others]
    return dict(zip(others, zip(raw, uncertainty.holm(raw), strict=True), strict=True))


def _check(paths: Paths, name: str, frame: pd.DataFrame) -> None:
    bad = frame[~np.isfinite(frame["prediction"]) | ~np.isfinite(frame["y"])]
    if len(bad):
        raise UserError(f"{paths.predictions(name)}: post {bad['post_id'].iloc[0]!r} has no finite prediction or y")
    twice = frame[frame.duplicated(["post_id", "target", "part", "seed"])]
    if len(twice):
        raise UserError(f"{paths.predictions(name)}: post {twice['post_id'].iloc[0]!r} stands there twice")


def _side_by_side(paths: Paths, frames: Mapping[str, pd.DataFrame], target: str, part: str) -> Comparison:
    tables = {name: _by_seed(frame, target, part) for name, frame in frames.items()}
    first, reference = next(iter(tables.items()))
    for name, table in tables.items():
        if not table.index.equals(reference.index) or table.isna().any(axis=None):
            raise UserError(
                f"{paths.predictions(name)}: {target} ({part}): other posts or values than in "
                f"{paths.predictions(first)}; systems compare on the same posts alone; run dvc repro"
            )
    post_id, y = (reference.index.get_level_values(level).to_numpy() for level in ("post_id", "y"))
    return Comparison(target, part, post_id, y, {name: table.to_numpy().T for name, table in tables.items()})


def _by_seed(frame: pd.DataFrame, target: str, part: str) -> pd.DataFrame:
    """A row a post and value, a column a seed; NaN where seeds disagree about what there is to predict."""
    rows = frame[(frame["target"] == target) & (frame["part"] == part)]
    return rows.pivot(index=["post_id", "y"], columns="seed", values="prediction")  # noqa: PD010 (pivot_table would average)
