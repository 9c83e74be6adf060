"""What moved a prediction, by groups of inputs, as the page shows it."""

from dataclasses import dataclass

from models.parts.reasons import BASE
from pipeline.asking import reasons
from pipeline.asking.forecaster import Asked, Forecaster
from pipeline.base.targets import Transform
from pipeline.web.words import say

NAMES = {
    "who": "who posts",
    "when": "when",
    "category": "category",
    "picture": "picture",
    "words": "words",
    "history": "what was before",
}
LOGARITHMIC = "log2"
"""How transforms begin on whose scale what is added multiplies counts."""


@dataclass(frozen=True)
class Move:
    """What one group adds to one prediction."""

    name: str
    value: float
    said: str


@dataclass(frozen=True)
class Moves:
    """One prediction as a sum, the group that adds or takes most first."""

    base: float
    said: str
    """What the base stands for."""
    moves: list[Move]
    unknown: str

    @property
    def most(self) -> float:
        """The largest of what is added or taken."""
        return max((abs(move.value) for move in self.moves), default=0.0)


def moves(forecaster: Forecaster, asked: Asked, users: list[str]) -> list[dict[str, Moves]]:
    """Of each draft [n], by target; nothing of targets whose system reads nothing."""
    found: list[dict[str, Moves]] = [{} for _ in range(len(asked.drafts))]
    for target, posts in asked.examples.items():
        table, transform = forecaster.reasons(posts), forecaster.trained.transform(target)
        groups = [name for name in table if name in NAMES]
        lacking = reasons.unknown(asked.drafts.frame, groups, users, asked.status)
        for i, row in enumerate(table.to_dict("records")):
            if groups:
                found[i][target] = _moves(row, groups, transform, lacking.iloc[i])
    return found


def _moves(row: dict, groups: list[str], transform: Transform, unknown: str) -> Moves:
    told = [Move(NAMES[name], float(row[name]), added(float(row[name]), transform)) for name in groups]
    base = float(row[BASE])
    return Moves(base, say(transform, base), sorted(told, key=lambda move: -abs(move.value)), unknown)


def added(value: float, transform: Transform) -> str:
    """What is added on the scale of training, in words: on a logarithmic one, by what the count is multiplied."""
    return f"× {2**value:.2f}" if transform.name.startswith(LOGARITHMIC) else f"{value:+.3g}"
