"""results/tables/: the tables of every paper of which a system is in params.yaml, published beside measured.

<paper>.md is for reading, <paper>.csv has every number of the systems. What the rows are and what their papers report
is data: published*.csv.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from models.trained import Trained
from pipeline.base import targets
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.metrics.tasks import POPULARITY, RANKING
from pipeline.report import exhibits, leaderboard, notes, protocol, published
from pipeline.report.comparison import Comparison, against
from pipeline.report.leaderboard import UNDEFINED
from pipeline.report.published import Line, Paper
from pipeline.storage import store

Systems = Mapping[str, Trained]
COLUMNS = (
    *("paper", "table", "target", "system", "name", "metric", "published", "measured", "low", "high", "spread"),
    *("seeds", "n", "p", "p_holm", "dataset", "protocol", "part", "papers_data", "differs"),
)


def write(
    paths: Paths, comparisons: Sequence[Comparison], boards: Mapping[str, pd.DataFrame], systems: Systems, p: Params
) -> None:
    """Write both files of each paper; `boards` are the leaderboards by task, `systems` those of params.yaml."""
    folder = paths.results / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.md"), *folder.glob("*.csv")):
        old.unlink()
    tested = [c for c in comparisons if c.part == "test"]
    data, written = exhibits.of_data(paths, p), []
    for paper in published.papers():
        lines = _wanted(paper, systems)
        own = [c for c in tested if (c.task is RANKING) == paper.ranks]
        rows = [row for c in own for row in of_target(paper, lines, c, boards[c.task.name], p)]
        if not rows:
            continue
        frame = pd.DataFrame(rows, columns=COLUMNS)
        leaderboard.write_csv(folder / f"{paper.paper}.csv", frame)
        with store.atomic(folder / f"{paper.paper}.md") as temporary:
            text = "\n".join(markdown(paper, frame, systems, p, data))
            temporary.write_text(text + "\n", encoding="utf-8")
        written.append(paper.paper)
    _write_index(folder, written)


def _write_index(folder: Path, papers: Sequence[str]) -> None:
    """Say which papers have tables; Git keeps no folder without a file."""
    said = [f"- [{paper}]({paper}.md)" for paper in papers] or ["No paper has published numbers of these systems."]
    with store.atomic(folder / "index.md") as temporary:
        temporary.write_text("\n".join(["# The papers' tables", "", *said]) + "\n", encoding="utf-8")


def _wanted(paper: Paper, systems: Systems) -> list[Line]:
    """Lines of a paper's tables, ours where they are in params.yaml; none where a table has no system there."""
    numbers = {row.system for row in published.load() if row.paper == paper.paper}
    lines = [line for line in published.lines(paper.paper) if line.system in numbers or line.system in systems]
    tables = {line.table for line in lines if line.system in numbers.intersection(systems)}
    return [line for line in lines if line.table in tables]


def of_target(
    paper: Paper, lines: Sequence[Line], comparison: Comparison, board: pd.DataFrame, p: Params
) -> Iterator[dict[str, Any]]:
    """A row a table, system and metric of the paper, measured on the test part of one target."""
    numbers = published.of_paper(paper.paper, comparison.target, protocol.setting(p.ranking))
    told = {(row.system, row.metric): row.value for row in numbers}
    own = [row.metric for row in published.load() if row.paper == paper.paper]
    kinds = dict.fromkeys([*own, *paper.also])
    measured = board[(board["target"] == comparison.target) & (board["part"] == "test")].set_index("system")
    ran = [name for name in dict.fromkeys(line.system for line in lines) if name in measured.index]
    others = [name for name in ran if name != paper.proposed]
    p_values = against(comparison, paper.proposed, others) if others != ran and len(comparison.y) > 1 else {}
    differs = protocol.differs(paper, p, comparison.target)
    for line in lines:
        for metric in kinds:
            row = {**vars(line), "target": comparison.target, "metric": metric, "papers_data": paper.data}
            row["published"] = told.get((line.system, metric))
            if line.system in ran:
                row |= _measured(measured.loc[line.system], metric)
                row["p"], row["p_holm"] = p_values.get(line.system, (None, None))
                row["differs"] = differs
            yield row


def _measured(row: pd.Series, metric: str) -> dict[str, Any]:
    same = ("seeds", "n", "dataset", "protocol", "part")
    parts = {"measured": "", "low": "_low", "high": "_high", "spread": "_spread"}
    return {**{k: row[k] for k in same}, **{k: row.get(f"{metric}{end}") for k, end in parts.items()}}


def markdown(paper: Paper, frame: pd.DataFrame, systems: Systems, p: Params, data: Mapping[str, str]) -> Iterator[str]:
    """The lines of <paper>.md; `data` is what was measured of the dataset itself."""
    yield from (f"# {paper.paper}", "", f"{paper.title}: published beside measured.", "")
    yield from _of_data(paper, data)
    for target, of_one in frame.groupby("target", sort=False):
        heading = [line for note in _heading(paper, of_one, p) for line in leaderboard.wrapped(note)]
        yield from (f"## {target}", "", *heading, "")
        for table, rows in of_one.groupby("table", sort=False):
            yield from (f"### {table}", "", *leaderboard.render(_readable(rows, paper.doubted)), "")
    yield from _other_settings(paper, p)
    yield from _elsewhere(paper)
    for note in _notes(paper, frame, systems, p.evaluate.confidence, data):
        yield from leaderboard.wrapped(note)


def _of_data(paper: Paper, data: Mapping[str, str]) -> Iterator[str]:
    """The paper's tables of its data, published beside measured."""
    told = [fact for fact in published.facts(paper.paper) if fact.table]
    for table in dict.fromkeys(fact.table for fact in told):
        rows = [[f.name, f.value, data.get(f.name, UNDEFINED)] for f in told if f.table == table]
        frame = pd.DataFrame(rows, columns=["of all posts", "published", "measured"])
        yield from (f"## {table}", "", *leaderboard.render(frame), "")


def _elsewhere(paper: Paper) -> Iterator[str]:
    """Numbers of others on the paper's data, in tables of their own."""
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for number in published.elsewhere(paper.paper):
        row = tables.setdefault(number.table, {}).setdefault(number.name, {"who": number.name})
        row[number.metric] = number.value
    for table, rows in tables.items():
        yield from (f"## {table}", "", "Another protocol: these numbers belong beside none of those above.", "")
        yield from (*leaderboard.render(pd.DataFrame(list(rows.values())).fillna(UNDEFINED)), "")


def _other_settings(paper: Paper, p: Params) -> Iterator[str]:
    """The paper's numbers with other shares of the data for training, which stand beside no measured ones."""
    names = {line.system: line.name for line in published.lines(paper.paper)}
    numbers = [row for row in published.load() if row.paper == paper.paper]
    for setting in published.settings(paper.paper):
        if setting == protocol.setting(p.ranking):
            continue
        rows: dict[str, dict[str, str]] = {}
        for number in (row for row in numbers if row.setting == setting):
            row = rows.setdefault(number.system, {"system": names[number.system], "entry": number.system})
            row[f"{_head(number.metric, paper.doubted)} published"] = figure(number.value, exact=True)
        yield from (f"## Published with {setting} of the data for training", "")
        yield from (*leaderboard.render(pd.DataFrame(list(rows.values())).fillna(UNDEFINED)), "")


def _head(metric: str, doubted: Collection[str]) -> str:
    return f"{leaderboard.SHORT[metric]}{'†' if metric in doubted else ''}"


def _heading(paper: Paper, rows: pd.DataFrame, p: Params) -> Iterator[str]:
    ran = rows[rows["n"].notna()]
    if not len(ran):
        yield "None of these systems ran."
        return
    first, target = ran.iloc[0], rows["target"].iloc[0]
    where = f"{first['dataset']}, {first['protocol']}, test part, n = {first['n']:g}"
    if paper.ranks:
        known = ", ".join(published.settings(paper.paper))
        yield f"Published: {paper.data}, {known} of the shares for training, {paper.split}."
    elif target in paper.transforms:
        yield f"Published: {paper.data}, {paper.split}; errors in: {paper.scale}."
    else:
        yield f"The paper has no numbers for {target}; its own: {', '.join(paper.transforms)}."
    if paper.ranks:
        yield f"Measured: {where} users."
    else:
        yield f"Measured: {where}; errors in: {targets.label(target, p.dataset.targets[target])}."
    if not protocol.is_own(paper, p):
        drawn = " drawn by this project," if p.dataset.reader == "sample" else ""
        yield (
            f"**Substitute data**: `{first['dataset']}` is{drawn} not the paper's data. "
            "Published and measured numbers cannot be compared; at most the order of the systems can."
        )
    if first["differs"]:
        yield f"**Differs from the paper**: {first['differs']}."


def _readable(rows: pd.DataFrame, doubted: Collection[str]) -> pd.DataFrame:
    """One line a system: for each metric what is published, what was measured and its interval; then p."""
    lines = []
    for system, metrics in rows.groupby("system", sort=False):
        cells = {"system": metrics["name"].iloc[0], "entry": system}
        for row in metrics.to_dict("records"):
            cells |= _cells(row, doubted)
        holm = metrics["p_holm"].iloc[0]
        lines.append({**cells, "p": "<0.001" if holm < 0.001 else UNDEFINED if pd.isna(holm) else f"{holm:.3f}"})
    text = pd.DataFrame(lines)
    empty = [c for c in text if c.endswith(("p", "interval", "published")) and (text[c] == UNDEFINED).all()]
    return text.drop(columns=empty)


def _cells(row: Mapping[str, Any], doubted: Collection[str]) -> dict[str, str]:
    short = leaderboard.SHORT[row["metric"]]
    measured = figure(row["measured"])
    spread = f" ±{row['spread']:.{len(measured.rpartition('.')[2])}f}" if pd.notna(row["spread"]) else ""
    interval = UNDEFINED if pd.isna(row["low"]) else f"{figure(row['low'])} to {figure(row['high'])}"
    return {
        f"{_head(row['metric'], doubted)} published": figure(row["published"], exact=True),
        f"{short} measured": "not run" if pd.isna(row["n"]) else measured + spread,
        f"{short} interval": interval,
    }


def figure(value: float | None, *, exact: bool = False) -> str:
    """A number with three decimals, or as many more as three digits, or all that is known of it, take."""
    if pd.isna(value):
        return UNDEFINED
    text = f"{value:.3f}"
    if float(text) == value or (abs(value) >= 0.1 and not exact):
        return text
    return f"{value:g}" if exact else f"{value:.3g}"


def _notes(
    paper: Paper, frame: pd.DataFrame, systems: Systems, confidence: float, data: Mapping[str, str]
) -> Iterator[str]:
    ran = list(dict.fromkeys(frame.loc[frame["n"].notna(), "system"]))
    task = RANKING if paper.ranks else POPULARITY
    absent = [name for name in dict.fromkeys(frame["system"]) if name not in systems]
    if frame["low"].notna().any():
        yield f"interval: holds {100 * confidence:g}% of the bootstrap resamples of the test {task.units}."
    if frame["p"].notna().any():
        yield (
            f"p: paired t-test of the {task.losses} on the same {task.units} against `{paper.proposed}`, with Holm's "
            "correction; the CSV also has it without."
        )
    if paper.note:
        yield paper.note
    yield from notes.of_data(paper.paper, data)
    yield from notes.contradictions(paper.paper)
    yield "–: undefined, such as Spearman of a constant, or not in the paper."
    if absent:
        yield f"Not run, for params.yaml has no such entry: {', '.join(absent)}."
    if ran:
        yield from notes.seeds({name: systems[name] for name in ran})
    its = {name: system for name, system in systems.items() if name in set(frame["system"])}
    yield from notes.of_systems(its)
