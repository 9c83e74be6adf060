"""Predictions of several systems put beside each other, unit by unit, and tested against one of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models.trained import ENDS, RANKED, predictions
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.base.targets import SHARES
from pipeline.metrics import uncertainty
from pipeline.metrics.tasks import POPULARITY, RANKING, Task, per_user
from pipeline.storage import store

PARTS = ("validation", "test")


@dataclass(frozen=True)
class Comparison:
    """Several systems on the same n posts: `y` [n], `predictions` [seeds, n] by system.

    Of rankers it is n users, whose `predictions` [seeds, n, k] are the metrics of their lists, and `y` says nothing.
    """

    target: str
    part: str
    unit: np.ndarray
    """Ids [n]."""
    y: np.ndarray
    predictions: Mapping[str, np.ndarray]
    task: Task = POPULARITY
    intervals: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Both ends [2, seeds, n] of the systems that give any."""


def compare(paths: Paths, names: Sequence[str], targets: Collection[str]) -> list[Comparison]:
    """Predictions of the named systems by target and part; parts without a post are left out.

    Raises `UserError` where two systems did not predict the same posts, or one gave something not finite.
    """
    frames = {name: predictions(paths, name) for name in names}
    for name, frame in frames.items():
        ends = [end for end in ENDS if end in frame]
        _check(paths, name, frame, ["post_id", "target", "part", "seed"], ["prediction", "y", *ends])
    found = [_side_by_side(paths, frames, target, part) for target in targets for part in PARTS if names]
    return [c for c in found if len(c.y)]


def compare_rankers(paths: Paths, names: Sequence[str]) -> list[Comparison]:
    """Scores of the named rankers by part; parts without a list are left out.

    Raises `UserError` where two of them did not score the same lists, or one gave something not finite.
    """
    frames = {name: predictions(paths, name, RANKED) for name in names}
    candidates = store.read_frame(paths.candidates).set_index(["list", "post_id"]) if names else pd.DataFrame()
    for name, frame in frames.items():
        _check(paths, name, frame, ["list", "post_id", "seed"], ["score"])
    found = [_of_users(paths, frames, candidates, part) for part in PARTS if names]
    return [c for c in found if len(c.unit)]


def _of_users(paths: Paths, frames: Mapping[str, pd.DataFrame], candidates: pd.DataFrame, part: str) -> Comparison:
    own, metrics = candidates[candidates["part"] == part], {}
    users = np.empty(0, dtype=object)
    for name, frame in frames.items():
        scores = frame[frame["part"] == part].pivot(index=["list", "post_id"], columns="seed", values="score")  # noqa: PD010
        if not scores.index.sort_values().equals(own.index.sort_values()) or scores.isna().any(axis=None):
            raise UserError(f"{paths.predictions(name)}: {part}: other lists than in {paths.candidates}; run dvc repro")
        by_seed = scores.reindex(own.index).to_numpy().T
        users, metrics[name] = per_user(own["relevant"].to_numpy(), by_seed, own["user_id"].to_numpy(dtype=object))
    return Comparison(SHARES, part, users, np.zeros(len(users)), metrics, RANKING)


def against(comparison: Comparison, reference: str, others: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Of each of `others`, the p-value of a paired t-test against `reference`, as it is and after Holm's correction.

    Tested is the task's loss of each unit, averaged over seeds.
    """
    loss = comparison.task.loss
    errors = {k: loss(comparison.y, v).mean(axis=0) for k, v in comparison.predictions.items()}
    raw = [uncertainty.paired_t_test(errors[name], errors[reference]) for name in others]
    return dict(zip(others, zip(raw, uncertainty.holm(raw), strict=True), strict=True))


def _check(paths: Paths, name: str, frame: pd.DataFrame, keys: list[str], numbers: list[str]) -> None:
    bad = frame[~np.isfinite(frame[numbers]).all(axis=1)]
    if len(bad):
        said = " or ".join(numbers)
        raise UserError(f"{paths.predictions(name)}: post {bad['post_id'].iloc[0]!r} has no finite {said}")
    twice = frame[frame.duplicated(keys)]
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
    intervals = {
        name: np.stack([_by_seed(frame, target, part, end).to_numpy().T for end in ENDS])
        for name, frame in frames.items()
        if set(ENDS) <= set(frame)
    }
    values = {name: table.to_numpy().T for name, table in tables.items()}
    return Comparison(target, part, post_id, y, values, intervals=intervals)


def _by_seed(frame: pd.DataFrame, target: str, part: str, values: str = "prediction") -> pd.DataFrame:
    """A row a post and value, a column a seed; NaN where seeds disagree about what there is to predict."""
    rows = frame[(frame["target"] == target) & (frame["part"] == part)]
    return rows.pivot(index=["post_id", "y"], columns="seed", values=values)  # noqa: PD010 (pivot_table would average)
