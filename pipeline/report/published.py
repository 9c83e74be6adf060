"""What the five papers report of their systems, each on its own data, and how they lay it out.

published.csv has the numbers, published_papers.csv a row a paper with its data and protocol, published_data.csv what
they say of their data, published_tables.csv the rows of their tables, published_elsewhere.csv numbers of others that
were reached under another protocol.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.targets import SHARES


@dataclass(frozen=True)
class Published:
    """One number of one paper's table."""

    paper: str
    """The paper, as presets/ calls it."""
    system: str
    target: str
    metric: str
    """The metric, as pipeline/metrics/ calls it."""
    setting: str
    """Share of the data for training where the paper has a table of several; empty where it has one."""
    value: float


@dataclass(frozen=True)
class Paper:
    """One paper."""

    paper: str
    title: str
    proposed: str
    """The system it proposes; the others are tested against it."""
    scale: str
    """What its errors are measured in."""
    dataset: str
    """What `dataset.is` says of a run on the paper's own data."""
    data: str
    """What that data is, in words."""
    split: str
    """Method and shares, or how lists were drawn, as `pipeline.report.protocol` writes that of a run."""
    transforms: Mapping[str, str]
    """Its targets, and the transform of each."""
    draw: int | None
    """Posts drawn of the data; None is all."""
    unknown: str
    """What it leaves open of its data, in words; empty where it is nothing."""
    also: tuple[str, ...]
    """Metrics that it does not report and that stand beside its own."""
    doubted: tuple[str, ...]
    """Metrics of which its numbers cannot be, as `note` says; they are marked."""
    note: str
    """What to know of its numbers, in words; empty where it is nothing."""

    @property
    def ranks(self) -> bool:
        """Whether its systems rank."""
        return SHARES in self.transforms

    @classmethod
    def of(cls, row: Mapping[str, str]) -> "Paper":
        """A row of published_papers.csv."""
        transforms = dict(pair.split("=") for pair in row["targets"].split())
        typed = {"transforms": transforms, "draw": int(row["draw"]) if row["draw"] else None}
        typed |= {key: tuple(row[key].split()) for key in ("also", "doubted")}
        return cls(**{**{key: value for key, value in row.items() if key != "targets"}, **typed})


@dataclass(frozen=True)
class Fact:
    """What a paper says of its data."""

    paper: str
    table: str
    """Where; empty for what only stands in its text."""
    name: str
    """What, as `pipeline.report.exhibits` measures it."""
    value: str


@dataclass(frozen=True)
class Line:
    """One system in one table of a paper; a system without any published number is a row of ours."""

    paper: str
    table: str
    system: str
    name: str
    """What the paper calls it."""


@dataclass(frozen=True)
class Elsewhere:
    """A number on a paper's data that neither the paper nor a run has: parts and posts were others."""

    paper: str
    table: str
    """Where, and on what."""
    name: str
    metric: str
    """As it is called there."""
    value: str


def load() -> list[Published]:
    """All numbers, in the order of the file."""
    return [Published(**{**row, "value": float(row["value"])}) for row in _rows("published.csv")]


def papers() -> list[Paper]:
    """All papers, in the order of the file."""
    return [Paper.of(row) for row in _rows("published_papers.csv")]


def facts(paper: str) -> list[Fact]:
    """What one paper says of its data, in the order of the file."""
    return [Fact(**row) for row in _rows("published_data.csv") if row["paper"] == paper]


def datasets() -> list[str]:
    """What `dataset.is` may say: the papers' data, each once."""
    return list(dict.fromkeys(paper.dataset for paper in papers()))


def lines(paper: str) -> list[Line]:
    """The lines of one paper's tables, in the order of the paper."""
    return [Line(**row) for row in _rows("published_tables.csv") if row["paper"] == paper]


def elsewhere(paper: str) -> list[Elsewhere]:
    """Numbers of others on one paper's data, in the order of the file."""
    return [Elsewhere(**row) for row in _rows("published_elsewhere.csv") if row["paper"] == paper]


def settings(paper: str) -> list[str]:
    """The settings of one paper's numbers, in the order of the file."""
    return list(dict.fromkeys(row.setting for row in load() if row.paper == paper and row.setting))


def of_system(system: str, target: str, setting: str = "") -> list[Published]:
    """Numbers of one system on a target in a setting; none on a target, or in one, that its paper does not have."""
    return [row for row in _in(setting) if (row.system, row.target) == (system, target)]


def of_paper(paper: str, target: str, setting: str = "") -> list[Published]:
    """Numbers of one paper on a target in a setting; none on a target, or in one, that it does not have."""
    return [row for row in _in(setting) if (row.paper, row.target) == (paper, target)]


def _in(setting: str) -> list[Published]:
    return [row for row in load() if row.setting in ("", setting)]


def _rows(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
