"""The leaderboard: a row a system, target and part, as CSV with every number and as Markdown to read.

Every row names its dataset and protocol; a table never holds two of them.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.base.params import Params
from pipeline.metrics import regression as metrics
from pipeline.report import protocol, published
from pipeline.storage import store

_COLUMNS = {  # of leaderboard.md, which has no room for more
    "rmse": "RMSE",
    "rmse_interval": "interval",
    "mae": "MAE",
    "median_absolute_error": "MedAE",
    "mean_error": "ME",
    "error_variance": "variance",
    "spearman": "Spearman",
    "p_holm": "p",
    "published": "published",
}
SHORT = {**_COLUMNS, "mse": "MSE", "pearson": "Pearson", "precision_at_1": "P@1", "precision_at_3": "P@3", "auc": "AUC"}
UNDEFINED = "–"


def table(rows: Sequence[Mapping[str, Any]], p: Params) -> pd.DataFrame:
    """All rows with dataset and protocol, by target (as in params.yaml), part and RMSE."""
    names = list(metrics.discover())
    columns = ["system", "target", "dataset", "protocol", "part", "n", "seeds", "paper", "differs", *names]
    columns += [f"{name}_{end}" for name in names for end in ("low", "high")]
    columns += [f"{name}_spread" for name in names] + ["p_vs_best", "p_holm"]
    frame = pd.DataFrame(list(rows)).reindex(columns=columns)
    transforms = frame["target"].map(p.dataset.targets)
    frame["dataset"] = p.dataset.name
    frame["protocol"] = [protocol.of(p.split, p.seed, transform) for transform in transforms]
    found = [_paper(system, target, p) for system, target in zip(frame["system"], frame["target"], strict=True)]
    frame["paper"], frame["differs"] = [paper for paper, _ in found], [differs for _, differs in found]
    place = {target: i for i, target in enumerate(p.dataset.targets)}
    order = frame.assign(target=frame["target"].map(place)).sort_values(["target", "part", "rmse", "system"]).index
    return frame.loc[order].reset_index(drop=True)


def _paper(system: str, target: str, p: Params) -> tuple[str | None, str | None]:
    """The paper with numbers of a system on a target, and how the run differs from it; None where there is none."""
    for paper in published.papers():
        if paper.paper in {number.paper for number in published.of_system(system, target)}:
            return paper.paper, protocol.differs(paper, p, target)
    return None, None


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write every number with six significant digits."""
    with store.atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n", encoding="utf-8")


def write_markdown(path: Path, frame: pd.DataFrame, below: Sequence[str]) -> None:
    """Write the test part's tables, one a target, and the sentences that stand `below` them."""
    lines = ["# Leaderboard", ""]
    for (target, said), rows in frame[frame["part"] == "test"].groupby(["target", "protocol"], sort=False):
        where = f"{rows['dataset'].iloc[0]}, {said}, test part, n = {rows['n'].iloc[0]}"
        lines += [f"## {target}", "", f"{where}. Lowest RMSE first.", "", *render(_readable(rows)), ""]
    lines += [line for note in below for line in wrapped(note)]
    with store.atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _readable(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns people read, as text; those without any value are left out."""
    text = pd.DataFrame([_cells(row) for row in rows.to_dict("records")])
    shown = [column for column in _COLUMNS if (text[column] != UNDEFINED).any()]
    return text[["system", *shown]].rename(columns=_COLUMNS)


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    cells = {name: _number(row[name]) for name in metrics.discover()}
    if row["seeds"] > 1 and cells["rmse"] != UNDEFINED:
        cells["rmse"] += f" ±{row['rmse_spread']:.3f}"
    low, high = _number(row["rmse_low"]), _number(row["rmse_high"])
    cells["rmse_interval"] = UNDEFINED if UNDEFINED in (low, high) else f"{low}–{high}"
    cells["p_holm"] = "<0.001" if row["p_holm"] < 0.001 else _number(row["p_holm"])
    cells["published"] = _published(row)
    return {"system": row["system"], **cells}


def _number(value: float) -> str:
    if pd.isna(value):
        return UNDEFINED
    return f"{value:.3f}" if abs(value) < 1e4 else f"{value:.4g}"


def _published(row: Mapping[str, Any]) -> str:
    numbers = published.of_system(row["system"], row["target"])
    if not numbers:
        return UNDEFINED
    first = numbers[0]
    return f"{SHORT[first.metric]} {first.value:g}{'*' if row['differs'] else ''}"


def render(frame: pd.DataFrame) -> list[str]:
    """A Markdown table whose columns also line up in a terminal."""
    cells = [list(frame.columns), *frame.to_numpy().tolist()]
    widths = [max(len(row[i]) for row in cells) for i in range(len(frame.columns))]
    aligned = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in cells]
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return [f"| {' | '.join(row)} |" for row in [aligned[0], rule, *aligned[1:]]]


def wrapped(note: str) -> list[str]:
    """A note as an item of a list, in lines that fit a terminal."""
    return textwrap.wrap(note, 110, initial_indent="- ", subsequent_indent="  ", break_long_words=False)
