"""Small panels, one a system: pure functions from numbers to figures."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from pipeline.metrics import regression as metrics
from pipeline.report.charts import BLUE, GREY, LIGHT, ORANGE, PANELS, left_out, short

WIDE = 12
"""Panels from which on six stand on a line instead of four."""
POINTS = 2_000
"""Posts a scatter plot shows."""
PARTS = {"train": BLUE, "validation": ORANGE}

Predictions = Mapping[str, np.ndarray]


def real_vs_predicted(y: np.ndarray, predictions: Predictions, label: str) -> Figure:
    """A small panel a system, in the order given: `y` [n] against `predictions` [n] by name."""
    shown = dict(list(predictions.items())[:PANELS])
    rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), POINTS)).astype(int))
    limits = _padded(np.concatenate([y[rows], *(values[rows] for values in shown.values())]))
    figure, panels = _grid(len(shown))
    for panel, (name, values) in zip(panels, shown.items(), strict=True):
        panel.plot(limits, limits, color=GREY, linewidth=1)
        panel.scatter(y[rows], values[rows], s=_size(rows), alpha=0.4, color=BLUE, linewidths=0, zorder=3)
        panel.set(title=_title(name, y, values), xlim=limits, ylim=limits, aspect="equal")
    figure.supxlabel(f"real {label}" + left_out(len(rows), len(y), "posts") + left_out(len(shown), len(predictions)))
    figure.supylabel("predicted")
    return figure


def ranks(y: np.ndarray, predictions: Predictions, label: str) -> Figure:
    """A small panel a system: the rank of the truth `y` [n] against that of `predictions` [n], both in percent."""
    shown = dict(list(predictions.items())[:PANELS])
    rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), POINTS)).astype(int))
    real = _percent(y)[rows]
    figure, panels = _grid(len(shown))
    for panel, (name, values) in zip(panels, shown.items(), strict=True):
        panel.plot((0, 100), (0, 100), color=GREY, linewidth=1)
        panel.scatter(real, _percent(values)[rows], s=_size(rows), alpha=0.4, color=BLUE, linewidths=0, zorder=3)
        spearman = float(metrics.spearman(y, values))
        title = f"{short(name, 26)}\nSpearman {'undefined' if np.isnan(spearman) else f'{spearman:.3f}'}"
        panel.set(title=title, xlim=(-3, 103), ylim=(-3, 103), aspect="equal", xticks=[0, 50, 100], yticks=[0, 50, 100])
    figure.supxlabel(
        f"rank of real {label}, %" + left_out(len(rows), len(y), "posts") + left_out(len(shown), len(predictions))
    )
    figure.supylabel("rank of predicted, %")
    return figure


def error_distribution(y: np.ndarray, predictions: Predictions, label: str) -> Figure:
    """A histogram a system of prediction minus truth; the dashed line is the mean error."""
    shown = dict(list(predictions.items())[:PANELS])
    bins = np.linspace(*_padded(np.concatenate([values - y for values in shown.values()]), 0.0), 31)
    figure, panels = _grid(len(shown))
    for panel, (name, values) in zip(panels, shown.items(), strict=True):
        _histogram(panel, values - y, bins)
        panel.axvline(0, color=GREY, linewidth=1)
        panel.axvline(np.mean(values - y), color=ORANGE, linewidth=1.2, linestyle="--")
        panel.set_title(_title(name, y, values))
    figure.supxlabel(f"error of {label}, predicted minus real (dashed: mean)" + left_out(len(shown), len(predictions)))
    figure.supylabel("% of posts")
    return figure


def of_users(values: Mapping[str, np.ndarray]) -> Figure:
    """How the AUC [n] of users is distributed, a small panel a system; dashed the mean, grey that of chance."""
    shown = dict(list(values.items())[:PANELS])
    figure, panels = _grid(len(shown))
    for panel, (name, auc) in zip(panels, shown.items(), strict=True):
        _histogram(panel, auc, np.linspace(0, 1, 21))
        panel.axvline(0.5, color=GREY, linewidth=1)
        panel.axvline(np.mean(auc), color=ORANGE, linewidth=1.2, linestyle="--")
        panel.set(title=f"{short(name, 26)}\nAUC {np.mean(auc):.3f}", xlim=(0, 1))
    figure.supxlabel("AUC of a user (dashed: mean)" + left_out(len(shown), len(values)))
    figure.supylabel("% of users")
    return figure


def curves(frame: pd.DataFrame, loss: str) -> Figure:
    """Losses while training, a panel a system, a line a seed; `frame` is curves.csv, one target of it.

    `loss` says what is lost.
    """
    systems = dict(list(frame.groupby("system", sort=False))[:PANELS])
    figure, panels = _grid(len(systems), share=False)
    for panel, (name, rows) in zip(panels, systems.items(), strict=True):
        for _, of_seed in rows.groupby("seed"):
            for part, colour in PARTS.items():
                drawn = of_seed[["step", part]].dropna()
                marker = "." if len(drawn) == 1 else ""
                panel.plot(drawn["step"], drawn[part], color=colour, linewidth=1, marker=marker)
        above_zero = (rows[list(PARTS)].fillna(1) > 0).all(axis=None)
        panel.set(title=short(name, 26), yscale="log" if above_zero else "linear")
        if above_zero:
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:.4g}")
            panel.yaxis.set_minor_formatter(NullFormatter())
    handles = [Line2D([], [], color=colour, label=part) for part, colour in PARTS.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False)
    figure.supxlabel("step" + left_out(len(systems), frame["system"].nunique()))
    figure.supylabel(f"loss ({loss})")
    return figure


def _histogram(panel: Axes, values: np.ndarray, bins: np.ndarray) -> None:
    """In percent, as one shape: to draw a bar each takes three times as long."""
    panel.stairs(100 * np.histogram(values, bins)[0] / len(values), bins, color=LIGHT, fill=True)


def _percent(values: np.ndarray) -> np.ndarray:
    """Ranks [n] from 0 to 100; ties share their mean rank."""
    return 100 * (pd.Series(values).rank().to_numpy() - 0.5) / len(values)


def _size(rows: np.ndarray) -> int:
    """Of a point among so many."""
    return 6 if len(rows) > 50 else 20


def _grid(count: int, *, share: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, four or six a line, that share their axes unless told not to."""
    columns = min(4 if count <= WIDE else 6, count)
    lines = -(-count // columns)
    side = 2.5 if count <= WIDE else 2.2
    figure = Figure(figsize=(max(side * columns, 5), side * lines + 0.4))
    cells, panels = figure.add_gridspec(lines, columns), []
    for number in range(count):  # and none for cells that stay empty: each takes time to lay out
        shared = dict.fromkeys(("sharex", "sharey"), panels[0]) if share and panels else {}
        panels.append(figure.add_subplot(cells[divmod(number, columns)], **shared))
        if share:
            panels[-1].label_outer()
    for panel in panels[max(0, count - columns) :]:
        panel.tick_params(labelbottom=True)
    return figure, panels


def _padded(values: np.ndarray, share: float = 0.03) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    pad = (high - low) * share or 0.5 * (high == low)
    return low - pad, high + pad


def _title(name: str, y: np.ndarray, values: np.ndarray) -> str:
    return f"{short(name, 26)}\nRMSE {metrics.rmse(y, values):.3f}"
