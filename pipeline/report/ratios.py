"""Figure 3 of DSN: the MAE over α and β, the shares of pictures' and texts' vectors that its adapters keep.

A cell is an entry of `systems` that runs the module `dsn`. A panel has entries that differ in nothing but the two.
"""

import inspect
from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from models.base import system_class
from models.trained import Trained
from pipeline.base.binding import bind
from pipeline.base.sections import Entry
from pipeline.report.charts import GREY, left_out, short

MODULE = "dsn"
RATIOS = ("alpha", "beta")
STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Of both ratios in the paper; others that were run come between them."""
PANELS, COLUMNS = 6, 3
"""Families a figure shows, and how many stand on a line."""
Cells = Mapping[tuple[float, float], float]


def draw(systems: Mapping[str, Trained], rows: pd.DataFrame) -> Figure | None:
    """A panel a family; None where none has two cells. `rows` are the leaderboard's, of one target's test part."""
    found = families(systems, dict(zip(rows["system"], rows["mae"], strict=True)))
    return heat_maps(found) if found else None


def families(systems: Mapping[str, Trained], mae: Mapping[str, float]) -> dict[str, dict[tuple[float, float], float]]:
    """`mae` by (α, β) of entries that are alike but for them, by the first one's name; none of a single cell.

    Of two entries that are alike altogether the first counts.
    """
    entries = [trained.entry for name, trained in systems.items() if trained.entry.module == MODULE and name in mae]
    if len(entries) < 2:
        return {}
    found: list[tuple[dict, str, dict[tuple[float, float], float]]] = []
    for entry in entries:
        rest = _arguments(entry)
        at = (float(rest.pop("alpha")), float(rest.pop("beta")))
        cells = next((cells for same, _, cells in found if same == rest), None)
        if cells is None:
            found.append((rest, entry.name, {at: mae[entry.name]}))
        else:
            cells.setdefault(at, mae[entry.name])
    return {name: cells for _, name, cells in found if len(cells) > 1}


def _arguments(entry: Entry) -> dict:
    """What the system is called with, defaults among it."""
    module = system_class(entry.module)
    defaults = {name: parameter.default for name, parameter in inspect.signature(module).parameters.items()}
    return defaults | bind(f"systems.{entry.name}", module, entry.arguments)


def heat_maps(found: Mapping[str, Cells]) -> Figure:
    """A panel a family, darker where the MAE is higher, as in the paper; a cell that was not run is hatched."""
    shown = dict(list(found.items())[:PANELS])
    columns = min(COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(4.2 * columns, 4 * lines))
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, (name, cells) in zip(panels, shown.items(), strict=False):
        _heat_map(panel, cells)
        panel.set_title(short(name))
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    figure.supxlabel("α, of pictures" + left_out(len(shown), len(found), "kinds of entries"))
    figure.supylabel("β, of texts")
    figure.suptitle("MAE of the test part; hatched: not run", fontsize=9)
    return figure


def _heat_map(panel: Axes, cells: Cells) -> None:
    alphas, betas = (sorted({*STEPS, *(at[i] for at in cells)}) for i in (0, 1))
    lowest, highest = min(cells.values()), max(cells.values())
    shades, colours = Normalize(lowest, highest), mpl.colormaps["Blues"]
    for x, y in np.ndindex(len(alphas), len(betas)):
        mae = cells.get((alphas[x], betas[y]))
        corner = (x - 0.5, y - 0.5)
        if mae is None:
            panel.add_patch(Rectangle(corner, 1, 1, facecolor="none", edgecolor="#DDDDDD", hatch="///", linewidth=0))
            continue
        shade = 0.6 * float(shades(mae))  # darker than that, black figures are not read
        best = {"edgecolor": "black", "zorder": 3} if mae == lowest else {"edgecolor": GREY}
        panel.add_patch(Rectangle(corner, 1, 1, facecolor=colours(shade), **best))
        panel.text(x, y, f"{mae:.3f}", ha="center", va="center", fontsize=8, zorder=4)
    panel.set(xlim=(-0.5, len(alphas) - 0.5), ylim=(-0.5, len(betas) - 0.5), aspect="equal")
    panel.set_xticks(range(len(alphas)), [f"{value:g}" for value in alphas])
    panel.set_yticks(range(len(betas)), [f"{value:g}" for value in betas])
