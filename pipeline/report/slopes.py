"""The same systems under several protocols: the place of each in each, drawn as slopes, and how far two orders agree.

Shapes: s systems, p protocols.
"""

import textwrap
from collections.abc import Collection
from itertools import pairwise

import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import kendalltau

from pipeline.metrics.tasks import POPULARITY
from pipeline.report.charts import BLUE, GREY, ORANGE, short

LEADING = POPULARITY.leading


def places(rows: pd.DataFrame, ceilings: Collection[str] = ()) -> pd.DataFrame:
    """Places [s, p] by the leading metric, 1 for the best; `rows` are those of one target, protocols in their order.

    Of the systems that have a number in every protocol, without `ceilings`; equal ones are in the order of names.
    """
    values = rows.pivot_table(index="system", columns="protocol", values=LEADING, aggfunc="first", sort=False)
    kept = values.dropna().drop(index=list(ceilings), errors="ignore").sort_index()
    return kept.rank(method="first", ascending=POPULARITY.lowest).astype("int64")


def agreement(found: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Kendall's tau of the orders under each protocol and the next; of `places` with two systems or more."""
    return {(a, b): float(kendalltau(found[a], found[b]).statistic) for a, b in pairwise(found.columns)}


def draw(found: pd.DataFrame, label: str) -> Figure:
    """A line a system from its place under each protocol to that under the next, the best on top."""
    count = len(found.columns)
    figure = Figure(figsize=(5.2 + 2.6 * (count - 1), 1.3 + 0.27 * len(found)))
    panel = figure.subplots()
    for name, row in found.iterrows():
        for at, (before, after) in enumerate(pairwise(row)):
            colour = GREY if after == before else BLUE if after < before else ORANGE
            panel.plot([at, at + 1], [before, after], color=colour, linewidth=1.6, alpha=0.85)
        panel.plot(range(count), row, "o", color=GREY, markersize=5)
        for at, side, shift in ((0, "right", -8), (count - 1, "left", 8)):
            said = f"{short(str(name))}  {row.iloc[at]}" if side == "right" else f"{row.iloc[at]}  {short(str(name))}"
            panel.annotate(said, (at, row.iloc[at]), (shift, 0), textcoords="offset points", ha=side, va="center")
    panel.set_xticks(range(count), [_in_lines(short(name, 80)) for name in found.columns])
    panel.set(xlim=(-0.9, count - 0.1), ylim=(len(found) + 0.6, 0.4), yticks=[])
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_title(f"place by {POPULARITY.heads[LEADING]} of {label}, test part; blue rises, orange falls")
    return figure


def _in_lines(protocol: str) -> str:
    """The method, and below it the rest."""
    method, _, rest = protocol.partition(" ")
    return "\n".join([method, *textwrap.wrap(rest, 28)])
