"""Values as found to values of one kind; what cannot be is emptied and its rows are named.

Each function takes n values of any type and gives n clean ones and, by problem, a mask [n].

| kind | stored as |
| --- | --- |
| string, tags | string |
| comments | list of strings |
| number, count | float64; a count is not negative |
| bool | float64: 1, 0, or missing |
| time | UTC, to the microsecond |
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

MAX_CHARACTERS = 20_000
"""Longer strings are cut here: far beyond any caption, and small enough for every text model's tokeniser."""

Cleaned = tuple[Any, dict[str, np.ndarray]]

_NOTHING = ("", "na", "n/a", "nan", "null", "none")
_TRUE, _FALSE = ("1", "true", "yes", "t", "y", "1.0"), ("0", "false", "no", "f", "n", "0.0")


def strings(values: Sequence[Any]) -> Cleaned:
    """Text; numbers become their digits, empty text is missing, half a surrogate pair is replaced."""
    return _each(values, _string)


def tags(values: Sequence[Any]) -> Cleaned:
    """Tags, from one string or from lists, joined by spaces and without '#'."""
    return _each(values, _tags)


def comments(values: Sequence[Any]) -> Cleaned:
    """Lists of strings, from lists, JSON lists, or one comment a line."""
    return _each(values, _comments)


def numbers(values: Sequence[Any]) -> Cleaned:
    """Finite numbers, float64."""
    cleaned, problems = _each(values, _number)
    return cleaned.astype(np.float64), problems


def counts(values: Sequence[Any]) -> Cleaned:
    """Numbers that are not negative, float64."""
    cleaned, problems = numbers(values)
    negative = cleaned < 0
    return np.where(negative, np.nan, cleaned), {**problems, "negative": negative}


def bools(values: Sequence[Any]) -> Cleaned:
    """1.0, 0.0, or NaN."""
    cleaned, problems = _each(values, _bool)
    return cleaned.astype(np.float64), problems


def times(values: Sequence[Any]) -> Cleaned:
    """UTC times, from ISO 8601, from seconds (9 to 11 digits) or finer units since 1970, or from datetimes.

    A time without a zone is read as UTC; where others in the column have a zone, that is a problem to name.
    """
    texts, _ = _each(values, _time_text)
    missing = pd.isna(texts)
    texts[missing] = ""
    epoch = np.array([bool(_EPOCH.fullmatch(t)) for t in texts], dtype=bool)
    zoned = epoch | np.array([bool(_ZONE.search(t)) for t in texts], dtype=bool)
    texts[epoch] = _from_epoch(texts[epoch])
    parsed = pd.Series(pd.to_datetime(pd.Series(texts, dtype=object), utc=True, errors="coerce", format="ISO8601"))
    parsed = parsed.astype("datetime64[us, UTC]")
    bad = parsed.isna().to_numpy() & ~missing
    naive = ~zoned & ~missing & ~bad
    mixed = naive if (zoned & ~bad).any() else np.zeros_like(naive)
    return parsed, {"no time (expected ISO 8601 or seconds since 1970)": bad, "no zone, read as UTC": mixed}


KINDS: dict[str, Callable[[Sequence[Any]], Cleaned]] = {
    "string": strings,
    "tags": tags,
    "comments": comments,
    "number": numbers,
    "count": counts,
    "bool": bools,
    "time": times,
}


def _each(values: Sequence[Any], convert: Callable[[Any], tuple[Any, str | None]]) -> Cleaned:
    cleaned, problems = np.empty(len(values), dtype=object), {}
    for i, value in enumerate(values):
        cleaned[i], problem = (None, None) if is_missing(value) else convert(value)
        if problem:
            problems.setdefault(problem, np.zeros(len(values), dtype=bool))[i] = True
    return cleaned, problems


def is_missing(value: Any) -> bool:
    """None, NaN, NaT or NA."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _string(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # what a whole number becomes in a column with gaps
    if isinstance(value, list | dict | bytes):
        return None, "no text"
    text, problem = str(value).strip(), None
    try:
        text.encode()
    except UnicodeEncodeError:
        text, problem = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), "half a character, replaced"
    if len(text) > MAX_CHARACTERS:
        text, problem = text[:MAX_CHARACTERS], f"cut at {MAX_CHARACTERS} characters"
    return text.replace("\0", "") or None, problem


def _tags(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, list):
        value = " ".join("_".join(str(tag).split()) for tag in value if not is_missing(tag))
    if not isinstance(value, str):
        return _string(value)
    return _string(" ".join(re.sub(r"[#,;]", " ", value).split()))


def _comments(value: Any) -> tuple[list[str] | None, str | None]:
    if isinstance(value, str):
        value = _json_list(value) or value.splitlines()
    if not isinstance(value, list):
        return None, "no list of comments"
    cleaned = [_string(comment) for comment in value if not is_missing(comment)]
    return [text for text, _ in cleaned if text], next((problem for _, problem in cleaned if problem), None)


def _json_list(text: str) -> list[Any] | None:
    try:
        value = json.loads(text) if text.startswith("[") else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _number(value: Any) -> tuple[float | None, str | None]:
    if isinstance(value, str) and value.strip().lower() in _NOTHING:
        return None, None
    try:
        number = float("text" if isinstance(value, str) and "_" in value else value)  # Python takes 1_000 for 1000
    except (TypeError, ValueError, OverflowError):
        return None, "no number"
    return (number, None) if math.isfinite(number) else (None, "not finite")


def _bool(value: Any) -> tuple[float | None, str | None]:
    text = str(value).strip().lower()
    if text in _NOTHING:
        return None, None
    return (1.0, None) if text in _TRUE else (0.0, None) if text in _FALSE else (None, "neither yes nor no")


_EPOCH = re.compile(r"\d{9,20}(\.\d*)?")
_ZONE = re.compile(r"^\S+[T ].*(Z|[+-]\d\d(:?\d\d)?)$")


def _time_text(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, date):
        return value.isoformat(), None
    if isinstance(value, float) and math.isfinite(value):
        value = format(value, "f")
    text = re.sub(r"\s*(UTC|GMT|z)$", "Z", str(value).strip())
    return (None if text.lower() in _NOTHING else text), None


def _from_epoch(texts: np.ndarray) -> np.ndarray:
    """Seconds, or milli-, micro- or nanoseconds where there are more digits, as ISO 8601."""
    digits = np.array([len(text.split(".")[0]) for text in texts], dtype=np.int64)
    microseconds = np.array([float(text) for text in texts]) * 1000.0 ** (2 - (digits - 9) // 3)
    return np.datetime_as_string(np.round(microseconds).astype("datetime64[us]"), timezone="UTC").astype(object)
