"""The charts: pure functions from numbers to figures, safe for colour-blind readers."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.metrics.tasks import POPULARITY, Task
from pipeline.report.fonts import readable

BLUE, ORANGE, GREY, LIGHT = "#0072B2", "#D55E00", "#666666", "#9CC9E3"  # Okabe and Ito's, and a tint
STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "text.parse_math": False,  # a name may have dollars
}
"""Settings the charts are drawn with."""
PANELS = 36
"""Systems a figure of small panels shows."""
BARS = 12
"""Inputs a panel of importance names."""


def leaderboard(tables: Mapping[str, pd.DataFrame], ceilings: Collection[str], task: Task = POPULARITY) -> Figure:
    """The leading metric of every system with its interval, a panel a target.

    `tables` are rows of the test part by axis label.
    """
    tallest = max(len(rows) for rows in tables.values())
    columns = min(2, len(tables))
    lines = -(-len(tables) // columns)
    figure = Figure(figsize=(4 + 4.5 * columns - 0.5, lines * (1.1 + 0.3 * tallest)))
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, (label, rows) in zip(panels, tables.items(), strict=False):
        _bars(panel, rows, ceilings, task.leading)
        what = f"{task.heads[task.leading]} of {label}"
        panel.set_xlabel(f"{what}, test part, n = {rows['n'].iloc[0]}{task.counted}")
    for panel in panels[len(tables) :]:
        panel.set_axis_off()
    return figure


def _bars(panel: Axes, rows: pd.DataFrame, ceilings: Collection[str], metric: str) -> None:
    """One bar a system, the best on top; the ceiling also as a line."""
    best = next((name for name in rows["system"] if name not in ceilings), None)
    colours = [GREY if name in ceilings else BLUE if name == best else LIGHT for name in rows["system"]]
    value = rows[metric].to_numpy()
    low, high = (rows[f"{metric}_{end}"].fillna(rows[metric]).to_numpy() for end in ("low", "high"))
    at = np.arange(len(rows))
    panel.barh(at, value, color=colours, height=0.7)
    reach = [np.maximum(value - low, 0), np.maximum(high - value, 0)]
    panel.errorbar(value, at, xerr=reach, fmt="none", ecolor="black", elinewidth=1, capsize=2)
    for y, x, number in zip(at, high, value, strict=True):
        panel.annotate(f"{number:.3f}", (x, y), (4, 0), textcoords="offset points", va="center")
    for x in value[rows["system"].isin(list(ceilings))]:
        panel.axvline(x, color=GREY, linestyle="--", linewidth=1)
    panel.set_yticks(at, [readable(name) for name in rows["system"]])
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_xlim(0, high.max() * 1.14 or 1)


def importance(shares: Mapping[str, Mapping[str, float]], what: str = "share of the gain") -> Figure:
    """The inputs with the largest share, a panel a system; `what` they share is said below."""
    shown = dict(list(shares.items())[:PANELS])
    lines = -(-len(shown) // 2)
    figure = Figure(figsize=(10, 3.1 * lines))
    panels = figure.subplots(lines, 2, squeeze=False).ravel()
    for panel, (name, inputs) in zip(panels, shown.items(), strict=False):
        ranked = sorted(inputs.items(), key=lambda item: (-item[1], item[0]))
        rest = sum(share for _, share in ranked[BARS:])
        bars = [*ranked[:BARS], *([(f"{len(ranked) - BARS} others", rest)] if ranked[BARS:] else [])]
        panel.barh(range(len(bars)), [100 * share for _, share in bars], color=BLUE)
        panel.set_yticks(range(len(bars)), [short(input_name) for input_name, _ in bars])
        panel.invert_yaxis()
        panel.set_title(short(name))
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    figure.supxlabel(f"{what}, %" + left_out(len(shown), len(shares)))
    return figure


def counts(frame: pd.DataFrame, pearson: float) -> Figure:
    """A histogram a column of raw counts, of all posts; above them how the columns correlate."""
    figure = Figure(figsize=(4 * len(frame.columns), 2.8))
    panels = figure.subplots(1, len(frame.columns), sharey=True, squeeze=False)[0]
    for panel, name in zip(panels, frame, strict=True):
        panel.hist(frame[name], bins=50, range=(0, max(1, frame[name].max())), color=BLUE)
        panel.set(xlabel=name, xlim=0)
        panel.xaxis.set_major_formatter("{x:,.0f}")
    panels[0].set_ylabel("posts")
    together = "undefined" if np.isnan(pearson) else f"{pearson:.3f}"
    figure.suptitle(f"{len(frame):,} posts; Pearson's correlation of {' and '.join(frame)}: {together}", fontsize=9)
    return figure


def gallery(rows: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]], title: str) -> Figure:
    """Pictures, uint8 RGB [h, w, 3], below what is said of each, a line a name."""
    columns = max(len(pictures) for _, pictures in rows)
    figure = Figure(figsize=(1.5 * columns + 0.3, 1.45 * len(rows) + 0.3))
    panels = figure.subplots(len(rows), columns, squeeze=False)
    for panel in panels.ravel():
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    for line, (name, pictures) in zip(panels, rows, strict=True):
        line[0].set_ylabel(short(name, 18), parse_math=False)
        for panel, (above, picture) in zip(line, pictures, strict=False):
            panel.imshow(picture)
            panel.set_title(above, fontsize=8)
    figure.suptitle(title, fontsize=9)
    return figure


def left_out(shown: int, total: int, what: str = "systems") -> str:
    """What an axis says where not all are shown."""
    return f" ({shown} of {total} {what})" if shown < total else ""


def short(name: str, length: int = 34) -> str:
    """A name in signs that can be drawn, cut to a length."""
    name = readable(name)
    return name if len(name) <= length else f"{name[: length - 1]}…"


def image_measures(pictures: Mapping[str, np.ndarray], values: pd.DataFrame, ranks: pd.DataFrame) -> Figure:
    """Example pictures, and below each its measures as bars of their rank among all posts.

    `pictures` are uint8 RGB [h, w, 3] by post_id; `values` and `ranks` (0 to 1) have a row for each of them.
    """
    count, names = len(pictures), list(values.columns)
    figure = Figure(figsize=(2.4 + 1.75 * count, 1.9 + 0.26 * len(names)))
    panels = figure.subplots(2, count, squeeze=False, gridspec_kw={"height_ratios": [1.5, 0.26 * len(names)]})
    for (upper, lower), (post_id, picture) in zip(panels.T, pictures.items(), strict=True):
        upper.imshow(picture)
        upper.set_anchor("S")
        upper.set_axis_off()
        lower.set_title(short(post_id, 20))
        lower.barh(names, 100 * ranks.loc[post_id], color=LIGHT)
        for at, value in enumerate(values.loc[post_id]):
            lower.annotate(f"{value:.3g}", (0, at), (3, 0), textcoords="offset points", va="center")
        lower.set(xlim=(0, 100), xticks=[0, 50, 100], ylim=(len(names) - 0.4, -0.6))
        lower.tick_params(left=False, labelleft=lower is panels[1, 0])
    figure.supxlabel("number: the measure; bar: its rank among all posts, %")
    return figure


def number(value: float) -> str:
    """Two decimals, or as many more as two digits take: scores may be shares of the largest count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
