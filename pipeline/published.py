"""Numbers the five papers report for their systems, each on the paper's own data (published.csv)."""

import csv
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Published:
    """One number of one paper's table."""

    paper: str
    """The paper, as presets/ calls it."""
    system: str
    target: str
    metric: str
    """The metric, as pipeline/metrics.py calls it."""
    value: float
    dataset: str
    """The `dataset.name` that says a run is on the paper's own data."""
    data: str
    """What that data is, in words."""


def load() -> list[Published]:
    """All numbers, in the order of the file."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return [Published(**{**row, "value": float(row["value"])}) for row in csv.DictReader(file)]


def of_system(system: str, target: str) -> list[Published]:
    """Numbers of one system; where its paper has several targets, those of `target` alone."""
    rows = [row for row in load() if row.system == system]
    several = len({row.target for row in rows}) > 1
    return [row for row in rows if row.target == target or not several]
