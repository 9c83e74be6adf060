"""When to post: predictions for drafts at each hour of a week, and how far each is from the best one.

A post's own noise is the same at any hour, so intervals around predictions say nothing of whether one hour is better
than another. **Ours**: that of a difference is of what was to be learned of hours and weekdays, as in the analysis of
variance with both as factors: the deviation of validation posts from their predictions, times the root of one over the
training posts of each hour and of each weekday in which the two moments differ. An hour nobody has tried may always be
as good. What a model says of an hour on one weekday alone, it knows less surely.

Shapes: n drafts, h hours of a week.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from models.trained import ENDS, Trained, predictions
from pipeline.asking.drafts import Drafts, look_after
from pipeline.asking.forecaster import Asked, Forecaster
from pipeline.base.paths import Paths
from pipeline.base.sections import Intervals
from pipeline.storage import store

HOURS = 168
AT_ONCE = 25
"""Drafts whose hours are predicted together: what they take in memory."""
TIME, HORIZON = "posted_at", "collected_at"
FILE, PACKED = "hours.json", {"deviation": dict[str, float], "hours": list[int], "weekdays": list[int]}
"""In the folder of a packed system: what is known of hours where it was trained."""


def ask(
    paths: Paths, forecaster: Forecaster, drafts: Drafts, *, now: pd.Timestamp, asked: Asked | None = None
) -> pd.DataFrame:
    """A row a draft and hour [n h]: each of the 168 whole hours from the draft's own time on, or from `now`.

    `asked` are these drafts with their features, where they are made already.

    Columns: `post_id`, `posted_at`, those of predictions and, for each target, on the scale of training,
    `<target>_difference` to the draft's best hour, zero or less, with `_low` and `_high`, and `<target>_as_good`:
    whether that interval reaches zero. Features that read no time are made once.
    """
    began = drafts.frame[TIME].fillna(now) if TIME in drafts.frame else pd.Series(now, index=drafts.frame.index)
    frame = _posted(drafts.frame, began)
    if drafts.days is not None:
        look_after(frame, drafts.days)
    drafts = replace(drafts, frame=frame)
    asked = replace(asked, drafts=drafts) if asked else forecaster.ask(drafts)  # features of time are made again
    doubts = doubts_of(paths, forecaster.trained)
    tables = []
    for rows in _batches(len(drafts)):
        later = pd.to_timedelta(np.tile(np.arange(HOURS), len(rows) // HOURS), unit="h")
        times = (began.iloc[rows].dt.ceil("h") + later).reset_index(drop=True)
        frame = _posted(asked.drafts.frame.iloc[rows].reset_index(drop=True), times)
        frame["post_id"] = [str(row) for row in range(len(frame))]
        called = asked.drafts.post_id.iloc[rows].reset_index(drop=True)
        told = forecaster.again(asked, replace(asked.drafts, frame=frame, post_id=called), rows)
        table = {"post_id": called, TIME: frame[TIME]}
        for target, posts in told.examples.items():
            forecast = forecaster.forecast(posts)
            table |= forecaster.columns(target, forecast, drafts.days)
            table |= {f"{target}_{name}": of for name, of in doubts[target].columns(forecast[""], frame[TIME]).items()}
        tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True)


def _batches(n: int) -> Iterator[np.ndarray]:
    """Rows of drafts, each once an hour."""
    for start in range(0, n, AT_ONCE):
        yield np.repeat(np.arange(start, min(n, start + AT_ONCE)), HOURS)


def _posted(frame: pd.DataFrame, times: pd.Series) -> pd.DataFrame:
    """Drafts posted at other times, and looked at as long after as they would have been."""
    times = times.astype("datetime64[us, UTC]")
    if TIME in frame and HORIZON in frame:
        frame = frame.assign(**{HORIZON: (times + (frame[HORIZON] - frame[TIME])).fillna(frame[HORIZON])})
    return frame.assign(**{TIME: times})


@dataclass(frozen=True)
class Doubt:
    """How little is known of hours and weekdays: what a difference between two moments may be off by."""

    deviation: float
    """Of validation posts from their predictions."""
    hours: np.ndarray
    """Training posts of each hour of the day [24], UTC."""
    weekdays: np.ndarray
    """And of each weekday [7], from Monday."""
    level: float

    def columns(self, prediction: np.ndarray, times: pd.Series) -> dict[str, np.ndarray]:
        """`difference` [n h] to each draft's best hour, its ends, and whether it is `as_good`."""
        by_hour = prediction.reshape(-1, HOURS)
        best = np.repeat(by_hour.argmax(axis=1) + HOURS * np.arange(len(by_hour)), HOURS)
        difference = prediction - prediction[best]
        reach = NormalDist().inv_cdf((1 + self.level) / 2) * self._error(times, best)
        low, high = difference - reach, difference + reach
        told = {"difference": difference, **dict(zip((f"difference_{end}" for end in ENDS), (low, high), strict=True))}
        return {**told, "as_good": high >= 0}

    def _error(self, times: pd.Series, best: np.ndarray) -> np.ndarray:
        """The standard error [n h] of the difference between a moment and the one at row `best`."""
        variance = np.zeros(len(times))
        for counts, of in ((self.hours, times.dt.hour), (self.weekdays, times.dt.day_of_week)):
            here, there = of.to_numpy(), of.to_numpy()[best]
            with np.errstate(divide="ignore"):
                variance += np.where(here == there, 0, 1 / counts[here] + 1 / counts[there])
        return self.deviation * np.sqrt(variance)


def doubts_of(paths: Paths, trained: Trained) -> dict[str, Doubt]:
    """By target what the training and validation parts say; the level is that of the system's intervals.

    Of a packed system, which has no such parts, what they said when it was packed.
    """
    packed = trained.folder / FILE
    told = store.read_object(packed, PACKED, "export it again") if packed.exists() else known(paths, trained)
    level = (trained.entry.intervals or Intervals()).level
    counts = np.array(told["hours"]), np.array(told["weekdays"])
    return {target: Doubt(deviation, *counts, level) for target, deviation in told["deviation"].items()}


def known(paths: Paths, trained: Trained) -> dict[str, Any]:
    """What `Doubt` is made of, as JSON values: `PACKED` says of which types."""
    frame = predictions(paths, trained.name)
    own = frame[frame["part"] == "validation"]
    deviation = (own["y"] - own["prediction"]).groupby([own["target"], own["seed"]]).std().groupby("target").mean()
    times = _training_times(paths)
    return {
        "deviation": deviation.reindex(list(trained.targets)).to_dict(),
        "hours": np.bincount(times.dt.hour, minlength=24).tolist(),
        "weekdays": np.bincount(times.dt.day_of_week, minlength=7).tolist(),
    }


def _training_times(paths: Paths) -> pd.Series:
    """When training posts were posted, of those that say so."""
    if TIME not in store.columns_of(paths.posts):
        return pd.Series([], dtype="datetime64[us, UTC]")
    posts = store.read_frame(paths.posts, ["post_id", TIME])
    parts = store.read_frame(paths.splits, ["post_id", "part"])
    trained_on = posts["post_id"].isin(parts.loc[parts["part"] == "train", "post_id"])
    return posts.loc[trained_on, TIME].dropna()
