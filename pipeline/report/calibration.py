"""Whether intervals hold what they promise: their coverage by month of posting, and by how popular a post is to be."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.trained import Trained
from pipeline.base.paths import Paths
from pipeline.report.charts import BLUE, GREY, PANELS, left_out, short
from pipeline.report.comparison import Comparison
from pipeline.storage import store

BINS = 10
"""Groups of equally many posts by what was predicted."""
PERIODS = {"M": "month", "Q": "quarter", "Y": "year"}
MOST = 18
"""Periods that are shown; where there are more, the next longer ones are."""
Z = 1.96
"""Deviations of the normal distribution that hold 95%."""


def draw(paths: Paths, systems: Mapping[str, Trained], c: Comparison, label: str) -> Figure | None:
    """A line a system that gives intervals, of its first seed; None where none does."""
    shown = list(c.intervals)[:PANELS]
    if not shown:
        return None
    period, periods = _periods(paths, c)
    figure = Figure(figsize=(8, 0.5 + 2 * len(shown)))
    panels = figure.subplots(len(shown), 2, sharey=True, squeeze=False)
    for (left, right), name in zip(panels, shown, strict=True):
        low, high = c.intervals[name][:, 0]
        inside = pd.Series((low <= c.y) & (c.y <= high))
        prediction = c.predictions[name][0]
        ranks = np.argsort(np.argsort(prediction, kind="stable"))
        bins = pd.Series(ranks * min(BINS, len(ranks)) // len(ranks))
        level = systems[name].entry.intervals.level
        _panel(left, inside, periods, level)
        _panel(right, inside, bins.map(pd.Series(prediction).groupby(bins).median()), level)
        left.set(title=f"{short(name, 26)}\n{inside.mean():.1%} of {level:.0%}", ylabel="% inside")
    panels[-1, 0].set_xlabel(period)
    panels[-1, 1].set_xlabel(f"predicted {label}")
    figure.supxlabel("bars: 95% of what chance gives" + left_out(len(shown), len(c.intervals)), fontsize=8)
    return figure


def _periods(paths: Paths, c: Comparison) -> tuple[str, pd.Series]:
    """The month of each post [n] as text, or a longer period; its name."""
    if "posted_at" not in store.columns_of(paths.posts):
        return "no times", pd.Series("all", index=range(len(c.y)))
    posts = store.read_frame(paths.posts, ["post_id", "posted_at"])
    rows = store.join_positions(posts["post_id"].to_numpy(), c.unit, str(paths.posts))
    times = posts["posted_at"].iloc[rows].reset_index(drop=True).dt.tz_localize(None)
    found = {unit: times.dt.to_period(unit).astype("str").where(times.notna(), "none") for unit in PERIODS}
    unit = next((unit for unit, of in found.items() if of.nunique() <= MOST), "Y")
    return PERIODS[unit], found[unit]


def _panel(panel: Axes, inside: pd.Series, groups: pd.Series, level: float) -> None:
    """Coverage of each group as a point with its Wilson interval; dashed what was asked for."""
    told = inside.groupby(groups).agg(["mean", "size"])
    n, share = told["size"].to_numpy(), told["mean"].to_numpy()
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    ends = 100 * np.stack([share - np.minimum(middle - reach, share), np.maximum(middle + reach, share) - share])
    panel.axhline(100 * level, color=GREY, linewidth=1, linestyle="--")
    texts = not pd.api.types.is_numeric_dtype(told.index)
    at = np.arange(len(told)) if texts else told.index
    panel.errorbar(at, 100 * share, yerr=ends, fmt="o", color=BLUE, markersize=4, elinewidth=1)
    if texts:
        panel.set_xticks(at, told.index, rotation=45, ha="right", rotation_mode="anchor")
    panel.set_ylim(0, 103)
