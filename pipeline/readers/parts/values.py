"""What every kind of value shares: what counts as missing, and a loop that names the rows of each problem."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.readers.parts.listed import content

Cleaned = tuple[Any, dict[str, np.ndarray]]
"""n clean values and, by problem, a mask [n]."""

NOTHING = ("", "na", "n/a", "nan", "null", "none")


def each(values: Sequence[Any], convert: Callable[[Any], tuple[Any, str | None]]) -> Cleaned:
    """`convert` gives a clean value, or None, and the problem it met, or None; missing values never reach it."""
    cleaned, problems = np.empty(len(values), dtype=object), {}
    for i, value in enumerate(values):
        inner = content(value) if isinstance(value, dict) else value
        cleaned[i], problem = (None, None) if is_missing(inner) else convert(inner)
        if problem:
            problems.setdefault(problem, np.zeros(len(values), dtype=bool))[i] = True
    return cleaned, problems


def is_missing(value: Any) -> bool:
    """None, NaN, NaT or NA."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def says_nothing(value: Any) -> bool:
    """Whether a value is missing, or one of the words that tools write for missing."""
    return is_missing(value) or (isinstance(value, str) and value.strip().lower() in NOTHING)
