"""Numbers as people and tools write them: `1234`, `1,234`, `1.234.567`, `12 345`, `1'234`, `1,234.5`, `1.2K`.

A spelling is read where it can mean one number only, alone or beside the others of its column. `1,23` cannot:
is the comma a decimal point, or was a digit lost? Nor can `1,234` where most commas of the column are of that
sort. `1.234` is 1.234, unless another value, such as `1.234.567`, shows that points group thousands here.
"""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from pipeline.readers.parts.values import NOTHING, Cleaned, each

UNREADABLE = "no number"
ROUNDED = "a rounded number (K, M, B)"

_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u066c": ",", "\u066b": "."})
_BLANKS = "[ \u00a0\u2009\u202f]"
_SIGN = r"[+-]?"
_COMMAS = re.compile(_SIGN + r"[1-9]\d{0,2}(,\d{3})+")
_LAKHS = re.compile(_SIGN + r"[1-9]\d?(,\d\d)+,\d{3}(\.\d+)?")
_COMMAS_AND_POINT = re.compile(_SIGN + r"[1-9]\d{0,2}(,\d{3})+\.\d+")
_POINTS = re.compile(_SIGN + r"[1-9]\d{0,2}(\.\d{3}){2,}(,\d+)?|" + _SIGN + r"[1-9]\d{0,2}\.\d{3},\d+")
_ONE_POINT = re.compile(_SIGN + r"[1-9]\d{0,2}\.\d{3}")
_FRACTION = re.compile(_SIGN + r"\d+\.\d+")
_DECIMAL_COMMA = re.compile(_SIGN + r"\d+,\d+")
_OTHERS = re.compile(_SIGN + rf"[1-9]\d{{0,2}}(?:(?:{_BLANKS}\d{{3}})+|(?:['\u2019]\d{{3}})+)([.]\d+)?")
_ROUNDED = re.compile(_SIGN + rf"(\d+(?:\.\d+)?){_BLANKS}?([KMB])", re.IGNORECASE)
_UNITS = {"k": 1e3, "m": 1e6, "b": 1e9}


def numbers(values: Sequence[Any]) -> Cleaned:
    """Finite numbers, float64, with or without groups of thousands."""
    commas, points = _groups(values)
    cleaned, problems = each(values, lambda value: _number(value, commas=commas, points=points))
    return cleaned.astype(np.float64), problems


def counts(values: Sequence[Any]) -> Cleaned:
    """Numbers that are not negative, float64."""
    cleaned, problems = numbers(values)
    negative = cleaned < 0
    return np.where(negative, np.nan, cleaned), {**problems, "negative": negative}


def measures(values: Sequence[Any]) -> Cleaned:
    """Finite numbers, float64, that nobody writes in thousands: degrees, hours. `48,208` is 48.208."""
    cleaned, problems = each(values, lambda value: _number(value, commas=False, points=False, plain=True))
    return cleaned.astype(np.float64), problems


def _groups(values: Sequence[Any]) -> tuple[bool, bool]:
    """Whether commas, and whether single points, of this column stand between thousands."""
    texts = [_plain(value) for value in values if isinstance(value, str) and ("," in value or value.count(".") > 1)]
    grouped = sum(_COMMAS.fullmatch(text) is not None for text in texts)
    decimal = sum(bool(_DECIMAL_COMMA.fullmatch(text) and not _COMMAS.fullmatch(text)) for text in texts)
    if not any(_POINTS.fullmatch(text) for text in texts):
        return grouped >= decimal, False
    ones = [_plain(value) for value in values if isinstance(value, str) and value.count(".") == 1 and "," not in value]
    return False, not any(_FRACTION.fullmatch(text) and not _ONE_POINT.fullmatch(text) for text in ones)


def _plain(text: str) -> str:
    return text.strip().translate(_MINUS)


def _number(value: Any, *, commas: bool, points: bool, plain: bool = False) -> tuple[float | None, str | None]:
    if isinstance(value, str):
        return _from_text(value, commas=commas, points=points, plain=plain)
    try:
        return _finite(float(value))
    except (TypeError, ValueError, OverflowError):
        return None, UNREADABLE


def _from_text(text: str, *, commas: bool, points: bool, plain: bool) -> tuple[float | None, str | None]:
    if not points or text.isdecimal():  # nearly all, and nothing to think about
        with suppress(ValueError):
            number = float(text)
            if math.isfinite(number) and "_" not in text:  # Python takes 1_000 for 1000
                return number, None
    if text.strip().lower() in NOTHING:
        return None, None
    text = _plain(text)
    rounded = None if plain else _ROUNDED.fullmatch(text)
    if rounded:
        sign = -1 if text.startswith("-") else 1
        return sign * round(float(rounded[1]) * _UNITS[rounded[2].lower()], 3), ROUNDED
    try:
        if plain and _DECIMAL_COMMA.fullmatch(text):
            text = text.replace(",", ".")
        return _finite(float("text" if "_" in text else text if plain else _without_groups(text, commas, points)))
    except ValueError:
        return None, UNREADABLE


def _finite(number: float) -> tuple[float | None, str | None]:
    return (number, None) if math.isfinite(number) else (None, "not finite")


def _without_groups(text: str, commas: bool, points: bool) -> str:
    if (commas and _COMMAS.fullmatch(text)) or _LAKHS.fullmatch(text) or _COMMAS_AND_POINT.fullmatch(text):
        return text.replace(",", "")
    if _POINTS.fullmatch(text) or (points and (_ONE_POINT.fullmatch(text) or _DECIMAL_COMMA.fullmatch(text))):
        return text.replace(".", "").replace(",", ".")
    return re.sub(rf"{_BLANKS}|['\u2019]", "", text) if _OTHERS.fullmatch(text) else text
