"""Losses of whole columns, and of the largest or smallest values: what is left would mislead, so reading stops."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.base.errors import UserError
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.values import says_nothing

_FEWEST = 3
"""Lost values that can show a direction."""
_CHANCE = 0.01
"""Losses this unlikely, if size played no part, are not at random."""


def check_emptied(file: str, column: str, values: Sequence[Any], rows: np.ndarray, audit: Audit, *, target: bool):
    """Raise `UserError` about a column that had values, the raw `values` [n] of `rows` [n], and has none left."""
    if all(says_nothing(value) for value in values):
        return
    found = {reason.removeprefix(f"{column}: "): n for reason, n in audit.tagged.items() if _of(reason, column)}
    found.pop("missing", None)
    if not found:
        return
    reason, n = max(found.items(), key=lambda item: item[1])
    row = audit.examples[f"{column}: {reason}"][0]["row"]
    value = next((v for v, r in zip(values, rows, strict=True) if r == row), None)
    remedy = "correct them, or name another" if target else "correct them, or name it under dataset.leave_out"
    raise UserError(
        f"{file}: column '{column}': of its {sum(found.values())} values none is left ({reason}: {n}, "
        f"first: {audit.where(f'{column}: {reason}')}, {_shown(value)}); {remedy}"
    )


def check_size(file: str, target: str, values: Sequence[Any], kept: np.ndarray, lost: np.ndarray, rows: np.ndarray):
    """Raise `UserError` where lost values [n] of a target are larger or smaller than the kept ones [n].

    `kept` are numbers, NaN where there is none; the size of a lost one is that of its digits read as one number.
    """
    here = [i for i in np.flatnonzero(lost) if not math.isnan(_size(values[i]))]
    there = np.log10(np.abs(kept[np.isfinite(kept)]) + 1)
    if len(here) < _FEWEST or len(there) < _FEWEST:
        return
    from scipy import stats  # a second to import, and whoever plans or reads imports this module

    sizes = np.array([_size(values[i]) for i in here])
    if stats.mannwhitneyu(sizes, there).pvalue < _CHANCE:
        word = "larger" if np.median(sizes) > np.median(there) else "smaller"
        raise UserError(
            f"{file}: dataset.targets.{target}: {len(here)} values are no number and {word} than the others (first: "
            f"row {rows[here[0]]}, {_shown(values[here[0]])}), so that what is left would be biased; write them as 1234"
        )


def _of(reason: str, column: str) -> bool:
    return reason.startswith(f"{column}: ")


_NUMERAL = re.compile(r"\D{0,3}(\d[\d.,'\u2019\s]{0,20})\D{0,8}")
"""What somebody may have meant as one number, with a sign before it or a unit behind; no date, no address."""


def _size(value: Any) -> float:
    match = _NUMERAL.fullmatch(value) if isinstance(value, str) else None
    return math.log10(int(re.sub(r"\D", "", match[1])) + 1) if match else math.nan


def _shown(value: Any) -> str:
    return repr(value if not isinstance(value, str) else value[:40])[:60]
