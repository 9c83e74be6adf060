"""Within what a prediction will come true: conformal intervals around any system's predictions.

Romano, Patterson and Candès, Conformalized Quantile Regression, NeurIPS 2019: two quantile models of the training part
say how wide an interval is, and the validation part, which they never saw, says how much wider all must be (equations 6
to 8; the score of a post is max(lo - y, y - hi)). Without quantile models the score is |y - prediction| and the
interval has one width (split conformal, Lei et al. 2018). By group as Vovk's Mondrian predictors are.

**Ours**: which groups (`Conformal`), that an interval holds its prediction, and that it ends where counts do. Both
promises are of posts like those of the validation part: what drifts from there on, the leaderboard's coverage shows.

With `folds` other posts calibrate as well, each predicted by models that did not learn from it (cross-conformal, Vovk,
Annals of Mathematics and AI 2015, with time in its order), and the quantile models learn once more with the validation
part. **Ours**: in splits by users those of a booster have as many trees as it stopped at, which the validation part
chose; posts of users they learn from would stop them too late for new ones. Features stay as they are stored: labels
that a post's `history` has are those it would have as a test post, earlier ones; in splits by users the means of
categories are of posts of other folds, too.

Shapes: n posts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Scored:
    """Posts with `y` that nothing was learned from which predicts them, and what was predicted."""

    posts: Examples
    prediction: np.ndarray
    """[n]."""
    low: np.ndarray
    """[n], before calibration; `high` is the other end."""
    high: np.ndarray
    seen: np.ndarray
    """Whether training posts had the value of the column of groups [n]."""


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

    def fit(self, train: Examples, validation: Examples, prediction: np.ndarray, others: Sequence[Scored] = ()) -> None:
        """Learn quantiles from `train`, margins from `validation` and its `prediction` [n] by a system of `train`.

        And from `others`. Raises `UserError` where there is no validation part.
        """
        own, lowest = self.score(train, validation, prediction), float(train.y.min())
        bounded = lowest >= 0 and train.transform != UNBOUNDED
        self.calibrate([*others, own], known=self._known, bounded=bounded)

    def score(self, train: Examples, posts: Examples, prediction: np.ndarray) -> Scored:
        """Learn quantiles from `train`, and ask them about posts with their `prediction` [n] by a system of `train`."""
        self.learn(train)
        seen = self._values(posts.posts).isin(self._known).to_numpy()
        return Scored(posts, prediction, *self._raw(posts, prediction), seen)

    def calibrate(self, scored: Sequence[Scored], *, known: Sequence[str], bounded: bool) -> None:
        """Learn margins from posts that were predicted, those of the validation part last.

        `known` are the values of the column that training posts have; `bounded` ends are never below zero.
        """
        if not len(scored[-1].posts):
            raise UserError("intervals: they are calibrated on validation posts; give split.ratios some")
        scores = [np.maximum(one.low - one.posts.y, one.posts.y - one.high) for one in scored]  # [n] each
        self._floor, self._known = 0.0 if bounded else -np.inf, sorted(known)
        values = pd.concat([self._values(one.posts.posts) for one in scored], ignore_index=True)
        self._margins = self._by_group(np.concatenate(scores), values, np.concatenate([one.seen for one in scored]))

    def learn(self, train: Examples) -> None:
        """Learn quantiles, and which groups are known; margins stay as they are."""
        self._known = sorted(self._values(train.posts).dropna().unique().tolist())
        for model in self._quantiles:
            self._learn(model, train)

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

    def _by_group(self, scores: np.ndarray, values: pd.Series, seen: np.ndarray) -> dict[str, Any]:
        together = quantile(scores, self._level)
        counts = values[seen].value_counts()
        own = sorted(counts.index[counts >= MINIMUM])
        rest = {"known": seen & ~values.isin(own), "new": ~seen}
        return {
            "all": together,
            "own": {value: quantile(scores[seen & (values == value)], self._level) for value in own},
            **{k: quantile(scores[of], self._level) if sum(of) >= MINIMUM else together for k, of in rest.items()},
        }

    def _margin(self, posts: pd.DataFrame, seen: np.ndarray | None) -> np.ndarray:
        """By how much both ends of each post move outwards, [n]."""
        if self._by is None:
            return np.full(len(posts), self._margins["all"])
        values = self._values(posts)
        seen = values.isin(self._known).to_numpy() if seen is None else seen
        of_seen = [self._margins["own"].get(value, self._margins["known"]) for value in values]
        return np.where(seen, of_seen, self._margins["new"])

    def interval(self, posts: Examples, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both ends [n] around the system's `prediction` [n], which lies between them."""
        return self.around(posts.posts, prediction, *self._raw(posts, prediction))

    def around(
        self,
        posts: pd.DataFrame,
        prediction: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        seen: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both ends [n] of posts, from those before calibration; `seen` as `Scored` has it, or by what is known."""
        margin = self._margin(posts, seen)
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


def make(
    entry: Entry, found: Mapping[str, float] | None = None, *, strangers: bool = False, **given: Any
) -> Conformal | None:
    """The intervals an entry of `systems` asks for, if any; `given` as `models.base.make` takes it.

    `found` is the report of the trained system: what a search found of its trees, quantile models take; where users
    to come are `strangers`, their number as well.
    Raises `UserError` where `cqr` has no features to learn from.
    """
    asked = entry.intervals
    if asked is None:
        return None
    if asked.method == "constant":
        return Conformal(level=asked.level, by=asked.by)
    shares = (1 - asked.level) / 2, (1 + asked.level) / 2
    entries = [of_quantile(entry, share, found, strangers=strangers) for share in shares]
    quantiles = [models.make(one, **given) for one in entries]
    stops = entries[0].arguments["trees"].get("early_stopping") is not None
    return Conformal(level=asked.level, by=asked.by, quantiles=quantiles, stops=stops)


def of_quantile(
    entry: Entry, share: float, found: Mapping[str, float] | None = None, *, strangers: bool = False
) -> Entry:
    """The booster that learns a quantile for a system: its own class where it is one, else LightGBM on its features."""
    features = models.flat(models.make(entry).features)
    if not features:
        raise UserError(f"systems.{entry.name}.intervals.method: cqr needs features to learn from; give constant")
    loss = {"loss": "quantile", "quantile": round(share, 6), "grid": None}
    if not issubclass(models.system_class(entry.module), Booster):
        trees = {**TREES, **loss}
        return Entry(entry.name, "lightgbm", arguments={"features": features, "trees": trees, "refit": True})
    searched = {k: v for k, v in (found or {}).items() if k in ("n_estimators", "max_depth", "learning_rate")}
    if found and strangers:
        searched |= {"n_estimators": max(1, int(found["trees"])), "early_stopping": None}
    trees = {**entry.arguments.get("trees", {}), **searched, **loss}
    return replace(entry, arguments={**entry.arguments, "trees": trees, "refit": True}, intervals=None)
