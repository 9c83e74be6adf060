"""The leaderboards, one a task: a row a system, target and part, as CSV with every number and as Markdown to read.

Every row names its dataset and protocol; a table never holds two of them.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from models.trained import Trained
from pipeline.base.params import Params
from pipeline.metrics import intervals
from pipeline.metrics.tasks import POPULARITY, RANKING, TASKS, Task
from pipeline.report import notes, protocol, published
from pipeline.storage import store

SHORT = {"mse": "MSE", "pearson": "Pearson", **{metric: head for task in TASKS for metric, head in task.heads.items()}}
UNDEFINED = "–"


def write(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    systems: Mapping[str, Trained],
    p: Params,
    task: Task,
    more: Sequence[str] = (),
) -> pd.DataFrame:
    """Write both files of a task; returns its table.

    `systems` are those of params.yaml that it is of, `more` sentences that stand below the table.
    """
    frame, stem = table(rows, p, task), task.file("leaderboard")
    write_csv(folder / f"{stem}.csv", frame)
    below = [*notes.of(frame, systems, p, task), *more]
    write_markdown(folder / f"{stem}.md", frame, below, task, protocol.setting(p.ranking))
    return frame


def table(rows: Sequence[Mapping[str, Any]], p: Params, task: Task = POPULARITY) -> pd.DataFrame:
    """All rows with dataset and protocol, by target (as in params.yaml), part and the leading metric."""
    names = list(task.metrics)
    columns = ["system", "target", "dataset", "protocol", "part", "n", "seeds", "paper", "differs", *names]
    columns += [f"{name}_{end}" for name in names for end in ("low", "high")]
    columns += [f"{name}_spread" for name in names] + ["p_vs_best", "p_holm"]
    columns += [name for name in intervals.NAMES if any(name in row for row in rows)]
    frame = pd.DataFrame(list(rows)).reindex(columns=columns)
    frame["dataset"] = p.dataset.name
    frame["protocol"] = [_protocol(target, p, task) for target in frame["target"]]
    found = [_paper(system, target, p) for system, target in zip(frame["system"], frame["target"], strict=True)]
    frame["paper"], frame["differs"] = [paper for paper, _ in found], [differs for _, differs in found]
    place = {target: i for i, target in enumerate(p.dataset.targets)}
    keyed = frame.assign(target=frame["target"].map(place))
    keys = ["target", "part", task.leading, "system"]
    order = keyed.sort_values(keys, ascending=[True, True, task.lowest, True]).index
    return frame.loc[order].reset_index(drop=True)


def _protocol(target: str, p: Params, task: Task) -> str:
    if task is RANKING:
        return protocol.of_lists(p.ranking, p.seed)
    return protocol.of(p.split, p.seed, p.dataset.targets[target])


def _paper(system: str, target: str, p: Params) -> tuple[str | None, str | None]:
    """The paper with numbers of a system on a target, and how the run differs from it; None where there is none."""
    for paper in published.papers():
        if paper.paper in {number.paper for number in published.of_system(system, target, protocol.setting(p.ranking))}:
            return paper.paper, protocol.differs(paper, p, target)
    return None, None


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write every number with six significant digits."""
    with store.atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n", encoding="utf-8")


def write_markdown(
    path: Path, frame: pd.DataFrame, below: Sequence[str], task: Task = POPULARITY, setting: str = ""
) -> None:
    """Write the test part's tables, one a target, and the sentences that stand `below` them.

    `setting` is that of the published numbers where their paper has several.
    """
    lines = [f"# {task.title}", ""]
    for (target, _), rows in frame[frame["part"] == "test"].groupby(["target", "protocol"], sort=False):
        lines += [f"## {target}", "", *section(rows, task, setting), ""]
    lines += [line for note in below for line in wrapped(note)]
    with store.atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def section(rows: pd.DataFrame, task: Task = POPULARITY, setting: str = "") -> list[str]:
    """The table of one target and protocol, and the sentence above it that says which."""
    first = rows.iloc[0]
    where = f"{first['dataset']}, {first['protocol']}, test part, n = {first['n']}{task.counted}"
    return [f"{where}. {task.order} first.", "", *render(_readable(rows, task, setting))]


def _readable(rows: pd.DataFrame, task: Task, setting: str) -> pd.DataFrame:
    """The columns people read, as text; those without any value are left out."""
    text = pd.DataFrame([_cells(row, task, setting) for row in rows.to_dict("records")])
    (first, head), *others = task.heads.items()
    columns = {first: head, "interval": "interval", **dict(others), "p_holm": "p", "published": "published"}
    columns |= {name: name for name in intervals.NAMES}
    shown = [column for column in columns if (text[column] != UNDEFINED).any()]
    return text[["system", *shown]].rename(columns=columns)


def _cells(row: Mapping[str, Any], task: Task, setting: str) -> dict[str, str]:
    names = (*task.metrics, *intervals.NAMES)
    cells, leading = {name: _number(row.get(name)) for name in names}, task.leading
    if row["seeds"] > 1 and cells[leading] != UNDEFINED:
        cells[leading] += f" ±{row[f'{leading}_spread']:.3f}"
    low, high = _number(row[f"{leading}_low"]), _number(row[f"{leading}_high"])
    cells["interval"] = UNDEFINED if UNDEFINED in (low, high) else f"{low}–{high}"
    cells["p_holm"] = "<0.001" if row["p_holm"] < 0.001 else _number(row["p_holm"])
    cells["published"] = _published(row, setting)
    return {"system": row["system"], **cells}


def _number(value: float | None) -> str:
    if pd.isna(value):
        return UNDEFINED
    return f"{value:.3f}" if abs(value) < 1e4 else f"{value:.4g}"


def _published(row: Mapping[str, Any], setting: str) -> str:
    numbers = published.of_system(row["system"], row["target"], setting)
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
