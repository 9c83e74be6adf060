"""What the page says about drafts: predictions, where they lie, what was looked at; ranked where there are several.

Runs in the one thread that asks.
"""

import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from models.trained import ENDS
from pipeline.asking.drafts import Drafts, read
from pipeline.asking.forecaster import Forecaster
from pipeline.base import targets
from pipeline.base.errors import MissingColumn, UserError
from pipeline.storage.earlier import TIME
from pipeline.web import drawings, fields, forms
from pipeline.web.alike import Alike, alike
from pipeline.web.desk import Desk
from pipeline.web.forms import Draft
from pipeline.web.mattered import Matters, matters
from pipeline.web.moves import Moves, moves
from pipeline.web.past import Standing
from pipeline.web.sights import Sight, sights
from pipeline.web.week import Week, weeks
from pipeline.web.words import say


@dataclass(frozen=True)
class Forecast:
    """One target of one draft."""

    target: str
    scale: str
    """What the value is of, in words."""
    value: float
    """On the scale of training."""
    count: float | None
    """What it stands for; None where days are not known."""
    interval: tuple[float, float] | None = None
    """The ends of what holds the count (the value where there is none) with `level`."""
    level: float | None = None
    standings: list[tuple[str, Standing]] = field(default_factory=list)
    drawing: drawings.Histogram | None = None
    moves: Moves | None = None

    @property
    def best(self) -> float:
        """The number that people read: the count where there is one."""
        return self.value if self.count is None else self.count


@dataclass(frozen=True)
class Answer:
    """One draft: its forecasts and what they come from."""

    draft: Draft
    picture: str | None
    forecasts: list[Forecast]
    rank: int
    sight: Sight | None = None
    matters: Matters | None = None
    """Of the parts that the system has no attention for, where that was asked for."""
    week: Week | None = None
    alike: list[Alike] = field(default_factory=list)
    without: str | None = None
    """Why it was predicted without a picture."""

    @property
    def looked(self) -> list[tuple[drawings.Bar, float]]:
        """Cells over the picture, in hundredths of its sides, each with its share of the largest weight."""
        if self.sight is None or self.sight.picture is None:
            return []
        return drawings.cells(self.sight.picture, 100, 100)

    @property
    def weighed(self) -> list[tuple[str, float, str]]:
        """What each modality decided: its name, its weight, and that in words."""
        return [(name, share, f"{100 * share:.0f} %") for name, share in (self.sight.modalities if self.sight else ())]


@dataclass(frozen=True)
class Reply:
    """All that a request is answered with."""

    system: str
    answers: list[Answer]
    """The most popular first."""
    user: str
    stranger: bool
    taken_over: dict[str, str]
    close: bool = False
    """Whether the first two lie within each other's interval."""


@dataclass(frozen=True)
class Told:
    """What a system tells of one draft."""

    row: dict[str, Any]
    """Of the table of predictions."""
    rank: int
    moves: dict[str, Moves]
    """By target."""
    sight: Sight | None
    matters: Matters | None
    week: Week | None
    alike: list[Alike]


class Asking:
    """One request: what was filled in, asked of one system."""

    def __init__(
        self, desk: Desk, system: str, found: list[Draft], given: dict[str, str], days: float | None, *, why: bool
    ):
        """`why` asks what in pictures and words matters, too."""
        self._desk, self._system, self._days, self._why = desk, system, days, why
        self._found, self._given = found, given
        self._p, self._past = desk.params(), desk.past()

    def __call__(self) -> Reply:
        """The answer. Raises `UserError` with a sentence about the form where it cannot be given."""
        own = fields.of(self._desk.reads(self._system), self._past, self._p, self._system)
        over = fields.taken_over(self._given, own, self._past)
        found = [forms.decoded(draft, self._p) for draft in self._found]
        pictures = [forms.shown(draft, self._p) for draft in found]
        forecaster = self._desk.forecaster(self._system)
        with tempfile.TemporaryDirectory(prefix="likecast-") as folder, self._desk.vectors():
            file = forms.write(Path(folder), found, {**self._given, **over}, self._p)
            try:
                drafts = read(self._desk.paths, self._p, file, days=self._days if own.days else None)
                told = self._ask(forecaster, drafts)
            except MissingColumn as error:
                raise error.within("the form") from None
            except UserError as error:
                raise UserError(str(error).replace(str(file), "the form")) from None
        user = _user(drafts)
        answers = [self._answer(forecaster, *of_one, user) for of_one in zip(found, pictures, told, strict=True)]
        answers.sort(key=lambda answer: answer.rank)
        stranger = bool(user) and not self._past.knows(user)
        return Reply(self._system, answers, user, stranger, over, _close(answers))

    def _ask(self, forecaster: Forecaster, drafts: Drafts) -> list[Told]:
        """What the system tells of each draft [n]."""
        asked = forecaster.ask(drafts)
        table = forecaster.table(asked)
        first = forecaster.trained.transform(next(iter(asked.examples))).name
        ranks = table[f"{next(iter(asked.examples))}_{first}"].rank(method="min", ascending=False).astype(int)
        timed = TIME in self._desk.reads(self._system) and TIME in drafts.frame
        none = [None] * len(drafts)
        week = weeks(self._desk.paths, forecaster, asked, fields.zone(self._p)) if timed else none
        moved = moves(forecaster, asked, self._desk.known())
        looked = sights(forecaster, asked)
        mattered = matters(forecaster, asked, looked) if self._why else none
        near = alike(self._desk.paths, forecaster.trained, next(iter(asked.examples.values())))
        rows = table.to_dict("records")
        return [Told(*of_one) for of_one in zip(rows, ranks, moved, looked, mattered, week, near, strict=True)]

    def _answer(self, forecaster: Forecaster, draft: Draft, picture: str | None, told: Told, user: str) -> Answer:
        forecasts = [self._forecast(forecaster, t, told, user) for t in forecaster.trained.targets]
        told_of = (told.sight, told.matters, told.week, told.alike)
        return Answer(draft, picture, forecasts, told.rank, *told_of, _without(told.row))

    def _forecast(self, forecaster: Forecaster, target: str, told: Told, user: str) -> Forecast:
        row = told.row
        transform = forecaster.trained.transform(target)
        scale, asked = f"{target}_{transform.name}", forecaster.trained.entry.intervals
        value, around = float(row[scale]), _interval(row, scale)
        column = target if target in row else scale  # counts per day have no count without days
        standings = [(said, self._past.standing(target, transform, value, who)) for said, who in self._compared(user)]
        return Forecast(
            target,
            targets.label(target, transform.name),
            value,
            float(row[column]) if column == target or transform.name == "identity" else None,
            _interval(row, column),
            asked.level if asked else None,
            [(said, standing) for said, standing in standings if standing],
            drawings.histogram(
                self._past.of(target, transform), partial(say, transform), marker=value, interval=around
            ),
            told.moves.get(target),
        )

    def _compared(self, user: str) -> list[tuple[str, str | None]]:
        """Whose posts a prediction is compared with."""
        own = [(f"posts of {user}", user)] if self._past.knows(user) else []
        return [("posts of the dataset", None), *own]


def _interval(row: dict[str, Any], column: str) -> tuple[float, float] | None:
    ends = [row.get(f"{column}_{end}") for end in ENDS]
    return None if None in ends else (float(ends[0]), float(ends[1]))


def _user(drafts: Drafts) -> str:
    """Whose the drafts are, as the dataset spells it; empty where they are nobody's."""
    if "user_id" not in drafts.frame:
        return ""
    found = drafts.frame["user_id"].iloc[0]
    return "" if pd.isna(found) else str(found)


def _without(row: dict[str, Any]) -> str | None:
    status = row.get("image", "ok")
    return None if status == "ok" else str(status)


def _close(answers: list[Answer]) -> bool:
    """Whether the second lies within the first one's interval."""
    if len(answers) < 2 or answers[0].forecasts[0].interval is None:
        return False
    low, high = answers[0].forecasts[0].interval
    return low <= answers[1].forecasts[0].best <= high
