"""Targets and their transforms: what a raw count becomes before anything is trained on it.

r is the raw count, d the days between posting and collection.

| name | value |
| --- | --- |
| identity | r |
| log2p1 | log2(r + 1) |
| log2_per_day | log2(r / d) + 1, the form of SMPD's label |
| log2_per_day_plus_one | log2(r / d + 1), the score of UHAN |
| max | r / maximum of the training part |
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError

PER_DAY = ("log2_per_day", "log2_per_day_plus_one")
NAMES = ("identity", "log2p1", *PER_DAY, "max")
SHARES = "shares"
"""What rankers learn, where systems learn a target of params.yaml."""
SECONDS_PER_DAY = 86_400.0


def label(target: str, transform: str) -> str:
    """The transformed target in words, with its unit."""
    forms = {
        "log2p1": "log2({} + 1)",
        "log2_per_day": "log2({} per day) + 1",
        "log2_per_day_plus_one": "log2({} per day + 1)",
        "max": "{} / maximum of training",
    }
    return forms.get(transform, "{}").format(target)


class Transform:
    """One target's transform; `fit` on the training part, then `apply` to any."""

    def __init__(self, name: str, *, maximum: float | None = None):
        if name not in NAMES:
            raise UserError(f"dataset.targets: no transform '{name}'; known: {', '.join(NAMES)}")
        self.name = name
        self.maximum = maximum

    def fit(self, raw: np.ndarray) -> None:
        """Learn the maximum of the training part's raw counts [n] (`max` only)."""
        if self.name == "max":
            self.maximum = float(np.max(raw)) or 1.0

    def apply(self, raw: np.ndarray, days: np.ndarray | None = None) -> np.ndarray:
        """Raw counts [n] (and days [n], > 0) to the training scale."""
        raw = np.asarray(raw, dtype=np.float64)
        match self.name:
            case "log2p1":
                return np.log2(raw + 1)
            case "log2_per_day":
                return np.log2(raw / days) + 1
            case "log2_per_day_plus_one":
                return np.log2(raw / days + 1)
            case "max":
                return raw / self.maximum
        return raw

    def inverse(self, value: np.ndarray, days: np.ndarray | float | None = None) -> np.ndarray:
        """Back to counts; per-day transforms need the `days` to count over."""
        value = np.asarray(value, dtype=np.float64)
        match self.name:
            case "log2p1":
                return np.exp2(value) - 1
            case "log2_per_day":
                return np.exp2(value - 1) * days
            case "log2_per_day_plus_one":
                return (np.exp2(value) - 1) * days
            case "max":
                return value * self.maximum
        return value

    def state(self) -> dict[str, Any]:
        """Arguments that make this transform again."""
        return {"name": self.name, "maximum": self.maximum}


def columns_needed(targets: Mapping[str, str]) -> list[str]:
    """Columns of posts.parquet the targets need, beside `post_id`."""
    needed = list(targets)
    if any(name in PER_DAY for name in targets.values()):
        needed += ["posted_at", "collected_at"]
    return needed


def days_online(posts: pd.DataFrame) -> np.ndarray | None:
    """Days [n] between posting and collection; None where the dataset lacks either time."""
    if not {"posted_at", "collected_at"} <= set(posts.columns):
        return None
    return ((posts["collected_at"] - posts["posted_at"]).dt.total_seconds() / SECONDS_PER_DAY).to_numpy()


def usable(posts: pd.DataFrame, target: str, transform: str) -> np.ndarray:
    """Which rows [n] have a raw target the transform is defined for."""
    raw = posts[target].to_numpy(dtype=np.float64, na_value=np.nan)
    good = np.isfinite(raw)
    if transform != "identity":
        good &= raw >= 0
    if transform == "log2_per_day":
        good &= raw > 0
    if transform in PER_DAY:
        days = days_online(posts)
        good &= False if days is None else np.isfinite(days) & (days > 0)
    return good
