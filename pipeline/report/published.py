"""What the five papers report of their systems, each on its own data, and how they lay it out.

published.csv has the numbers, published_papers.csv a row a paper, published_tables.csv the rows of their tables.
"""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Published:
    """One number of one paper's table."""

    paper: str
    """The paper, as presets/ calls it."""
    system: str
    target: str
    metric: str
    """The metric, as pipeline/metrics/regression.py calls it."""
    value: float
    dataset: str
    """The `dataset.name` that says a run is on the paper's own data."""
    data: str
    """What that data is, in words."""


@dataclass(frozen=True)
class Paper:
    """One paper."""

    paper: str
    title: str
    proposed: str
    """The system it proposes; the others are tested against it."""
    scale: str
    """What its errors are measured in."""


@dataclass(frozen=True)
class Line:
    """One system in one table of a paper; a system without any published number is a row of ours."""

    paper: str
    table: str
    system: str
    name: str
    """What the paper calls it."""


def load() -> list[Published]:
    """All numbers, in the order of the file."""
    return [Published(**{**row, "value": float(row["value"])}) for row in _rows("published.csv")]


def papers() -> list[Paper]:
    """All papers, in the order of the file."""
    return [Paper(**row) for row in _rows("published_papers.csv")]


def lines(paper: str) -> list[Line]:
    """The lines of one paper's tables, in the order of the paper."""
    return [Line(**row) for row in _rows("published_tables.csv") if row["paper"] == paper]


def of_system(system: str, target: str) -> list[Published]:
    """Numbers of one system; where its paper has several targets, those of `target` alone."""
    return _of_target([row for row in load() if row.system == system], target)


def of_paper(paper: str, target: str) -> list[Published]:
    """Numbers of one paper; where it has several targets, those of `target` alone."""
    return _of_target([row for row in load() if row.paper == paper], target)


def _of_target(rows: list[Published], target: str) -> list[Published]:
    several = len({row.target for row in rows}) > 1
    return [row for row in rows if row.target == target or not several]


def _rows(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
