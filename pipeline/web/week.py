"""The week's hours as a map: which of them a system thinks best for a draft, and which may be as good.

Shapes: n drafts, 168 hours a draft.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.asking import hours
from pipeline.asking.forecaster import Asked, Forecaster
from pipeline.base.paths import Paths
from pipeline.storage.earlier import TIME
from pipeline.web.words import say

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NAMED = 3
"""Hours that are named."""
LEVELS = 9
"""Shades of the map."""


@dataclass(frozen=True)
class Cell:
    """One hour of a weekday: `shade` from 0 to `LEVELS`, and whether it may be as good as the best."""

    shade: int
    as_good: bool
    said: str


@dataclass(frozen=True)
class Week:
    """One draft's hours, [7][24] from Monday on."""

    rows: list[tuple[str, list[Cell]]]
    best: list[str]
    """The best hours, in words with their counts."""
    as_good: int
    """How many hours may be as good as the best, without it."""


def weeks(paths: Paths, forecaster: Forecaster, asked: Asked, zone: str) -> list[Week | None]:
    """Of each draft [n], by the first target, hours in `zone`; None where the system tells no hour from another."""
    drafts = asked.drafts
    table = hours.ask(paths, forecaster, drafts, now=pd.Timestamp.now(tz="UTC"), asked=asked)
    target = next(iter(forecaster.trained.targets))
    parts = [table.iloc[i * hours.HOURS : (i + 1) * hours.HOURS] for i in range(len(drafts))]
    return [_week(part, target, forecaster, zone) for part in parts]


def _week(table: pd.DataFrame, target: str, forecaster: Forecaster, zone: str) -> Week | None:
    transform = forecaster.trained.transform(target)
    values = table[f"{target}_{transform.name}"].to_numpy(dtype=float)
    spread = values.max() - values.min()
    if spread < 1e-9:
        return None
    times = table[TIME].dt.tz_convert(zone)
    shades = np.rint(LEVELS * (values - values.min()) / spread).astype(int)
    good = table[f"{target}_as_good"].to_numpy(dtype=bool)
    names = [f"{DAYS[time.day_of_week]} {time.hour:02d}:00" for time in times]
    words = [f"{name}: {say(transform, value)}" for name, value in zip(names, values, strict=True)]
    places = {(time.day_of_week, time.hour): i for i, time in enumerate(times)}
    rows = [
        (day, [Cell(int(shades[i]), bool(good[i]), words[i]) for i in (places[d, h] for h in range(24))])
        for d, day in enumerate(DAYS)
    ]
    first = np.argsort(-values, kind="stable")[:NAMED]
    return Week(rows, [words[i] for i in first], int(good.sum()) - 1)
