"""Within what a prediction will come true: conformal intervals around any system's predictions.

Romano, Patterson and Candès, Conformalized Quantile Regression, NeurIPS 2019: two quantile models of the training part
say how wide an interval is, and the validation part, which they never saw, says how much wider all must be (equations 6
to 8; the score of a post is max(lo - y, y - hi)). Without quantile models the score is |y - prediction| and the
interval has one width (split conformal, Lei et al. 2018). By group as Vovk's Mondrian predictors are.

**Ours**: which groups (`Conformal`), that an interval holds its prediction, and that it ends where counts do. Both
promises are of posts like those of the validation part: what drifts from there on, the leaderboard's coverage shows.

Shapes: n posts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models import base as models
from models.base import System
from models.parts.booster import Booster
from pipeline.base.errors import UserError
from pipeline.base.sections import Entry
from pipeline.storage import store
from pipeline.storage.examples import Examples

MINIMUM = 50
"""Validation posts of a group that is calibrated apart; the deviation of its coverage at 80 % is then 6 points."""
HELD = 10
"""One training post in so many says when quantile models stop growing: the validation part is kept for calibration."""
TREES = {"n_estimators": 500, "max_depth": 6, "learning_rate": 0.05, "early_stopping": 30}
"""Of the quantile models of a system that has no trees of its own."""
UNBOUNDED = "log2_per_day"
"""The transform whose values may be below zero where counts are not."""
FILE, LOW, HIGH = "intervals.json", "low", "high"


class Conformal:
    """Intervals that hold `level` of the posts.

    Of the values of the column `by`, each that is in the training part and has `MINIMUM` validation posts is a group;
    so are the other values that are in the training part, and those that are not, such as new users or no value; a
    group of fewer is calibrated on all posts together.
    """

    def __init__(self, *, level: float, by: str | None = None, quantiles: Sequence[Any] = (), stops: bool = False):
        """Intervals by `quantiles`, which predict the lower and the upper one as systems do, or of constant width.

        `stops`: quantile models watch posts to know when to stop.
        """
        self._level, self._by, self._quantiles, self._stops = level, by, tuple(quantiles), stops

    def fit(self, train: Examples, validation: Examples, prediction: np.ndarray) -> None:
        """Learn quantiles from `train`, margins from `validation` and its `prediction` [n] by a system of `train`.

        Raises `UserError` where there is no validation part.
        """
        for model in self._quantiles:
            self._learn(model, train)
        ends = self._raw(validation, prediction)
        known = self._values(train.posts).dropna().unique().tolist()
        lowest = float(train.y.min())
        self.calibrate(validation, *ends, known=known, bounded=lowest >= 0 and train.transform != UNBOUNDED)

    def calibrate(
        self, posts: Examples, low: np.ndarray, high: np.ndarray, *, known: Sequence[str], bounded: bool
    ) -> None:
        """Learn margins from posts with `y` that nothing was learned from, and the ends [n] before calibration.

        `known` are the values of the column that training posts have; `bounded` ends are never below zero.
        """
        if not len(posts):
            raise UserError("intervals: they are calibrated on validation posts; give split.ratios some")
        scores = np.maximum(low - posts.y, posts.y - high)  # [n]
        self._floor, self._known = 0.0 if bounded else -np.inf, sorted(known)
        self._margins = self._by_group(scores, self._values(posts.posts))

    def _learn(self, model: System, train: Examples) -> None:
        rows = np.arange(len(train))
        held = rows % HELD == HELD - 1 if self._stops else np.zeros(len(train), dtype=bool)
        parts = train.take(rows[~held]), train.take(rows[held])
        model.fit(*parts)
        model.refit(*parts)

    def _raw(self, posts: Examples, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both ends [n] before calibration."""
        if not self._quantiles:
            return prediction, prediction
        low, high = (model.predict(posts) for model in self._quantiles)
        return np.minimum(low, high), np.maximum(low, high)

    def _values(self, posts: pd.DataFrame) -> pd.Series:
        """The column `by` as text [n]; missing where a post or the table has none."""
        if self._by not in posts:
            return pd.Series(None, index=range(len(posts)), dtype="str")
        column = posts[self._by].reset_index(drop=True)
        return column.astype("str").where(column.notna())

    def _by_group(self, scores: np.ndarray, values: pd.Series) -> dict[str, Any]:
        together = quantile(scores, self._level)
        counts = values[values.isin(self._known)].value_counts()
        own = sorted(counts.index[counts >= MINIMUM])
        rest = {"known": values.isin(self._known) & ~values.isin(own), "new": ~values.isin(self._known)}
        return {
            "all": together,
            "own": {value: quantile(scores[values == value], self._level) for value in own},
            **{k: quantile(scores[of], self._level) if sum(of) >= MINIMUM else together for k, of in rest.items()},
        }

    def _margin(self, posts: pd.DataFrame) -> np.ndarray:
        """By how much both ends of each post move outwards, [n]."""
        if self._by is None:
            return np.full(len(posts), self._margins["all"])
        values = self._values(posts)
        rest = np.where(values.isin(self._known), self._margins["known"], self._margins["new"])
        return np.array([self._margins["own"].get(v, other) for v, other in zip(values, rest, strict=True)])

    def interval(self, posts: Examples, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both ends [n] around the system's `prediction` [n], which lies between them."""
        return self.around(posts.posts, prediction, *self._raw(posts, prediction))

    def around(
        self, posts: pd.DataFrame, prediction: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both ends [n] of posts, from those before calibration."""
        margin = self._margin(posts)
        low = np.maximum(low - margin, self._floor)
        return np.minimum(low, prediction), np.maximum(high + margin, prediction)

    def save(self, folder: Path) -> None:
        """Write margins, and quantile models, into a new `folder`."""
        for name, model in zip((LOW, HIGH), self._quantiles, strict=False):
            (folder / name).mkdir(parents=True)
            model.save(folder / name)
        floor = None if np.isinf(self._floor) else self._floor
        store.write_json(folder / FILE, {"margins": self._margins, "known": self._known, "floor": floor})

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote, into one made alike."""
        for name, model in zip((LOW, HIGH), self._quantiles, strict=False):
            model.load(folder / name)
        content = store.read_json(folder / FILE)
        self._margins, self._known = content["margins"], content["known"]
        self._floor = -np.inf if content["floor"] is None else content["floor"]


def quantile(scores: np.ndarray, level: float) -> float:
    """The margin that holds `level` of further posts: the ceil((n + 1) level)-th of n scores, at most the largest."""
    place = min(int(np.ceil((len(scores) + 1) * level)), len(scores))
    return float(np.sort(scores)[place - 1])


def make(entry: Entry, found: Mapping[str, float] | None = None, **given: Any) -> Conformal | None:
    """The intervals an entry of `systems` asks for, if any; `given` as `models.base.make` takes it.

    `found` is the report of the trained system: what a search found of its trees, quantile models take.
    Raises `UserError` where `cqr` has no features to learn from.
    """
    asked = entry.intervals
    if asked is None:
        return None
    if asked.method == "constant":
        return Conformal(level=asked.level, by=asked.by)
    shares = (1 - asked.level) / 2, (1 + asked.level) / 2
    entries = [of_quantile(entry, share, found) for share in shares]
    quantiles = [models.make(one, **given) for one in entries]
    stops = entries[0].arguments["trees"].get("early_stopping") is not None
    return Conformal(level=asked.level, by=asked.by, quantiles=quantiles, stops=stops)


def of_quantile(entry: Entry, share: float, found: Mapping[str, float] | None = None) -> Entry:
    """The booster that learns a quantile for a system: its own class where it is one, else LightGBM on its features."""
    features = models.flat(models.make(entry).features)
    if not features:
        raise UserError(f"systems.{entry.name}.intervals.method: cqr needs features to learn from; give constant")
    loss = {"loss": "quantile", "quantile": round(share, 6), "grid": None}
    if not issubclass(models.system_class(entry.module), Booster):
        trees = {**TREES, **loss}
        return Entry(entry.name, "lightgbm", arguments={"features": features, "trees": trees, "refit": True})
    searched = {k: v for k, v in (found or {}).items() if k in ("n_estimators", "max_depth", "learning_rate")}
    trees = {**entry.arguments.get("trees", {}), **searched, **loss}
    return replace(entry, arguments={**entry.arguments, "trees": trees, "refit": True}, intervals=None)
