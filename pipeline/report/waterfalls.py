"""Reasons as pictures: what each group of inputs adds to a prediction, one bar after the other."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report import charts, fonts
from pipeline.report.charts import BLUE, GREY, ORANGE, left_out, number, short
from pipeline.storage import store

SHOWN = 24
"""Drafts a picture shows."""
NO_GROUPS = ("post_id", "target", "base", "prediction", "unknown")


def write(path: Path, frame: pd.DataFrame) -> None:
    """Draw the first rows of a table of reasons as a PNG."""
    with mpl.rc_context({**charts.STYLE, "font.family": fonts.families(frame["post_id"].astype("str").tolist())}):
        figure = draw(frame)
        with store.atomic(path, shared=True) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


def draw(frame: pd.DataFrame) -> Figure:
    """A panel a draft: from what is predicted of any post to what is of this one."""
    shown, groups = frame.head(SHOWN), [column for column in frame if column not in NO_GROUPS]
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(4 * columns, lines * (1.2 + 0.24 * len(groups))))
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for panel, (_, row) in zip(panels, shown.iterrows(), strict=False):
        _panel(panel, row, groups)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    figure.supxlabel("what each adds, on the scale of training" + left_out(len(shown), len(frame), "drafts"))
    return figure


def _panel(panel: Axes, row: pd.Series, groups: list[str]) -> None:
    added = row[groups].to_numpy(dtype=np.float64)
    starts = row["base"] + np.concatenate([[0], np.cumsum(added)[:-1]])
    at = np.arange(len(groups))
    panel.barh(at, added, left=starts, color=np.where(added < 0, ORANGE, BLUE), height=0.7)
    for y, start, value in zip(at, starts, added, strict=True):
        panel.annotate(f"{value:+.2f}", (max(start, start + value), y), (3, 0), textcoords="offset points", va="center")
    panel.axvline(row["base"], color=GREY, linewidth=1, linestyle="--")
    panel.axvline(row["prediction"], color="black", linewidth=1)
    panel.set_yticks(at, groups)
    panel.set_ylim(len(groups) - 0.4, -0.6)
    panel.margins(x=0.15)
    unknown = f"\n{row['unknown']}" if row["unknown"] else ""
    panel.set_title(f"{short(str(row['post_id']), 20)}: {row['target']} {number(row['prediction'])}{unknown}")
