"""Pictures in results/plots/, the same bytes for the same numbers.

leaderboard.png, and for each target real_vs_predicted, error_distribution and importance; image_stats.png
where the dataset has images. results/points.csv holds the best system's panel as numbers, which
`dvc plots diff` draws for two revisions over each other.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline import store
from pipeline.paths import Paths

if TYPE_CHECKING:
    from pipeline.evaluate import Comparison

BLUE, ORANGE, GREY, LIGHT = "#0072B2", "#D55E00", "#666666", "#9CC9E3"  # Okabe and Ito's, safe for colour-blind readers
STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
}
PANELS = 12
BARS = 12
POINTS = 2_000

Predictions = Mapping[str, np.ndarray]


def draw(
    paths: Paths,
    comparisons: Sequence["Comparison"],
    table: pd.DataFrame,
    systems: Mapping[str, Any],
    *,
    transforms: Mapping[str, str],
    ceilings: Collection[str] = (),
) -> None:
    """Every picture of the test part; `table` is the leaderboard, `systems` each system.json."""
    folder = paths.results / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    labels = {target: axis_label(target, transform) for target, transform in transforms.items()}
    tested = {c.target: c for c in comparisons if c.part == "test"}
    rows = {t: table[(table["target"] == t) & (table["part"] == "test")] for t in tested}
    with mpl.rc_context(STYLE):
        if tested:
            save(leaderboard({labels[t]: r for t, r in rows.items()}, ceilings), folder / "leaderboard.png")
        for target, c in tested.items():
            titles = {
                name: f"{_short(name, 26)}\nRMSE {rmse:.3f}" for name, rmse in rows[target][["system", "rmse"]].values
            }
            first_seed = {titles[name]: c.predictions[name][0] for name in titles}
            save(real_vs_predicted(c.y, first_seed, labels[target]), folder / f"real_vs_predicted_{target}.png")
            save(error_distribution(c.y, first_seed, labels[target]), folder / f"error_distribution_{target}.png")
            if shares := _importances(systems, target):
                save(importance(shares), folder / f"importance_{target}.png")


def _importances(systems: Mapping[str, Any], target: str) -> dict[str, dict[str, float]]:
    """Share of each input, averaged over seeds, of the systems that know it."""
    found = {}
    for name, system in systems.items():
        by_seed = system["targets"][target]["importance"].values() if system["run"] else []
        shares = pd.DataFrame([shares for shares in by_seed if shares]).fillna(0).mean()
        if len(shares):
            found[name] = shares.to_dict()
    return found


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without a date or a version in it."""
    with store.atomic(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})


def axis_label(target: str, transform: str) -> str:
    """What an axis of the transformed target shows, with its unit."""
    forms = {
        "log2p1": "log2({} + 1)",
        "log2_per_day": "log2({} per day) + 1",
        "log2_per_day_plus_one": "log2({} per day + 1)",
        "max": "{} / maximum of training",
    }
    return forms.get(transform, "{}").format(target)


def leaderboard(tables: Mapping[str, pd.DataFrame], ceilings: Collection[str]) -> Figure:
    """RMSE of every system with its interval, a panel a target; `tables` are rows of the test part by axis label."""
    tallest = max(len(rows) for rows in tables.values())
    columns = min(2, len(tables))
    lines = -(-len(tables) // columns)
    figure = Figure(figsize=(4 + 4.5 * columns - 0.5, lines * (1.1 + 0.3 * tallest)))
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, (label, rows) in zip(panels, tables.items(), strict=False):
        _bars(panel, rows, ceilings)
        panel.set_xlabel(f"RMSE of {label}, test part, {rows['n'].iloc[0]} posts")
    for panel in panels[len(tables) :]:
        panel.set_axis_off()
    return figure


def _bars(panel: Axes, rows: pd.DataFrame, ceilings: Collection[str]) -> None:
    """One bar a system, the best on top; the ceiling also as a line."""
    best = next((name for name in rows["system"] if name not in ceilings), None)
    colours = [GREY if name in ceilings else BLUE if name == best else LIGHT for name in rows["system"]]
    value = rows["rmse"].to_numpy()
    low, high = (rows[f"rmse_{end}"].fillna(rows["rmse"]).to_numpy() for end in ("low", "high"))
    at = np.arange(len(rows))
    panel.barh(at, value, color=colours, height=0.7)
    reach = [np.maximum(value - low, 0), np.maximum(high - value, 0)]
    panel.errorbar(value, at, xerr=reach, fmt="none", ecolor="black", elinewidth=1, capsize=2)
    for y, x, number in zip(at, high, value, strict=True):
        panel.annotate(f"{number:.3f}", (x, y), (4, 0), textcoords="offset points", va="center")
    for x in value[rows["system"].isin(list(ceilings))]:
        panel.axvline(x, color=GREY, linestyle="--", linewidth=1)
    panel.set_yticks(at, list(rows["system"]))
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_xlim(0, max(high.max() * 1.14, 1e-9))


def real_vs_predicted(y: np.ndarray, predictions: Predictions, label: str) -> Figure:
    """A small panel a system, best first: `y` [n] against `predictions` [n] by title."""
    shown = dict(list(predictions.items())[:PANELS])
    rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), POINTS)).astype(int))
    limits = _padded(np.concatenate([y[rows], *(values[rows] for values in shown.values())]))
    figure, panels = _grid(len(shown))
    for panel, (title, values) in zip(panels, shown.items(), strict=True):
        panel.plot(limits, limits, color=GREY, linewidth=1)
        panel.scatter(y[rows], values[rows], s=6, alpha=0.4, color=BLUE, linewidths=0)
        panel.set(title=title, xlim=limits, ylim=limits, aspect="equal")
    figure.supxlabel(f"real {label}" + _left_out(len(rows), len(y), "posts") + _left_out(len(shown), len(predictions)))
    figure.supylabel("predicted")
    return figure


def error_distribution(y: np.ndarray, predictions: Predictions, label: str) -> Figure:
    """A histogram a system of prediction minus truth; the dashed line is the mean error."""
    errors = {title: values - y for title, values in list(predictions.items())[:PANELS]}
    bins = np.linspace(*_padded(np.concatenate(list(errors.values())), 0.0), 31)
    figure, panels = _grid(len(errors))
    for panel, (title, error) in zip(panels, errors.items(), strict=True):
        panel.hist(error, bins, weights=np.full(len(error), 100 / len(error)), color=LIGHT)
        panel.axvline(0, color=GREY, linewidth=1)
        panel.axvline(error.mean(), color=ORANGE, linewidth=1.2, linestyle="--")
        panel.set_title(title)
    figure.supxlabel(f"error of {label}, predicted minus real; dashed: mean" + _left_out(len(errors), len(predictions)))
    figure.supylabel("% of posts")
    return figure


def importance(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """The inputs with the largest share of the gain, a panel a system."""
    figure = Figure(figsize=(10, 3.1 * -(-len(shares) // 2)))
    panels = figure.subplots(-(-len(shares) // 2), 2, squeeze=False).ravel()
    for panel, (title, inputs) in zip(panels, shares.items(), strict=False):
        ranked = sorted(inputs.items(), key=lambda item: (-item[1], item[0]))
        rest = sum(share for _, share in ranked[BARS:])
        bars = [*ranked[:BARS], *([(f"{len(ranked) - BARS} others", rest)] if ranked[BARS:] else [])]
        panel.barh([_short(name) for name, _ in bars], [100 * share for _, share in bars], color=BLUE)
        panel.invert_yaxis()
        panel.set_title(title)
    for panel in panels[len(shares) :]:
        panel.set_axis_off()
    figure.supxlabel("share of the gain, %")
    return figure


def _grid(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels that share their axes, four a line."""
    columns = min(4, count)
    lines = -(-count // columns)
    figure = Figure(figsize=(max(2.5 * columns, 4), 2.5 * lines + 0.4))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in panels[count:]:
        panel.set_axis_off()
    for panel in panels[max(0, count - columns) : count]:
        panel.tick_params(labelbottom=True)
    return figure, list(panels[:count])


def _padded(values: np.ndarray, share: float = 0.03) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    pad = (high - low) * share or 0.5 * (high == low)
    return low - pad, high + pad


def _left_out(shown: int, total: int, what: str = "systems") -> str:
    return f" ({shown} of {total} {what})" if shown < total else ""


def _short(name: str, length: int = 34) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
