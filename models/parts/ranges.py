"""Which numbers a network may be given: what is none of them is one line, before anything is computed."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.base.errors import UserError

Rule = tuple[Callable[[Any], bool], str]


def _count(value: int) -> bool:
    return value >= 1


def _count_or_none(value: int | None) -> bool:
    return value is None or value >= 1


def _positive(value: float) -> bool:
    return 0 < value < math.inf


def _not_negative(value: float) -> bool:
    return 0 <= value < math.inf


def _widths(value: int | Sequence[int]) -> bool:
    return all(width >= 1 for width in (value if isinstance(value, Sequence) else [value]))


def _pair(value: Sequence[int]) -> bool:
    return len(value) == 2 and _widths(value)


PAIR: Rule = (_pair, "two numbers, both 1 or more")
RULES: dict[str, Rule] = {
    "epochs": (_count, "1 or more"),
    "batch_size": (_count, "1 or more"),
    "validate_every": (_count_or_none, "1 or more, or null for once an epoch"),
    "patience": (_count_or_none, "1 or more, or null to train to the end"),
    "learning_rate": (_positive, "a number above 0"),
    "weight_decay": (_not_negative, "0 or more"),
    "penalty": (_not_negative, "0 or more"),
    "dropout": (lambda value: 0 <= value < 1, "0 or more and less than 1"),
    "components": (_count, "1 or more"),
    "channels": (_widths, "only numbers of 1 or more"),
    "hidden": (_widths, "only numbers of 1 or more"),
    "head": (_widths, "only numbers of 1 or more"),
}
"""What each key may be, as a check and in words."""


def check(rules: dict[str, Rule] = RULES, **arguments: Any) -> None:
    """Raise `UserError`, naming key, value and what it may be, for the first that its rule does not allow."""
    for key, value in arguments.items():
        allowed, words = rules[key]
        if not allowed(value):
            raise UserError(f"{key}: {value} cannot be; give {words}")
