"""One written time to ISO 8601, where its form is known and can mean one day only; pandas reads the rest."""

import re
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from dateutil import parser as dateutil_parser

ZONE = re.compile(r"^\S+[T ].*(Z|[+-]\d\d(:?\d\d)?)$")
"""The end of an ISO 8601 time that says its zone."""
_BRACKETS = re.compile(r"\[([A-Za-z][\w+\-]*(?:/[\w+\-]+)*)\]$")
_WORDS = ("now", "today")
"""Pandas takes them for this very moment."""


def to_iso(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texts [n] in ISO 8601 where their form is known, and which [n] could be two different days."""
    day_first = _order(texts)
    done: dict[str, tuple[str, bool]] = {}
    for text in texts:
        if text not in done:
            done[text] = _one_as_iso(text, day_first)
    iso = np.array([done[text][0] for text in texts], dtype=object)
    return iso, np.array([done[text][1] for text in texts], dtype=bool)


def _one_as_iso(text: str, day_first: bool | None) -> tuple[str, bool]:
    if PLAIN.fullmatch(text):
        return text, False
    number = _DIGITS.fullmatch(text)
    if number:
        return _from_digits(text, number[1]) or "", False
    if text.lower() in _WORDS or len(text) > _LONGEST:
        return "", False
    text, zone = _without_brackets(text)
    date_part = _YEAR_FIRST.match(text) or _YEAR_LAST.match(text)
    if date_part is None:
        return (_named_month(text, zone) if _MONTH.search(text) else _with_zone(text, zone)), False
    clock = _clock(text[date_part.end() :])
    if clock is None:
        return "", False
    if date_part.re is _YEAR_FIRST:
        year, month, day = date_part["year"], date_part["one"], date_part["two"]
    else:
        year, one, two = date_part["year"], date_part["one"], date_part["two"]
        own = int(one) > 12 if (int(one) > 12) != (int(two) > 12) else day_first
        if len(year) == 2 or (own is None and int(one) != int(two)):
            return "", max(int(one), int(two)) <= 31 and min(int(one), int(two)) <= 12
        month, day = (two, one) if own else (one, two)
    return _with_zone(f"{year}-{int(month):02d}-{int(day):02d}{clock}", zone), False


_LONGEST = 100
"""Characters; no time is longer, and what guesses at forms is given nothing longer."""
PLAIN = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_DIGITS = re.compile(r"(\d{9,20})(\.\d*)?")
_SEPARATOR = r"(?P<separator>[-/.])"
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?:[-/.:]|年)(?P<one>\d{1,2})(?:[-/.:]|月)(?P<two>\d{1,2})日?(?=[T ]|$)(?!\d)"
)
_YEAR_LAST = re.compile(
    rf"(?P<one>\d{{1,2}}){_SEPARATOR}(?P<two>\d{{1,2}})(?P=separator)(?P<year>\d{{4}}|\d\d),?(?=[T ]|$)"
)
_MONTH = re.compile(r"(?<![a-z])(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_CLOCK = re.compile(
    r"[T ]\s*(?:at )?(\d{1,2})(?::(\d\d))(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s*(?:([AaPp])\.?[Mm]\.?)?\s*(Z|[+-]\d\d:?(?:\d\d)?|[A-Z]{2,4})?"
)


def _order(texts: np.ndarray) -> bool | None:
    """Whether the day stands before the month in `1/2/2024`, by the rows where only one can; None if not known."""
    found = {(int(m["one"]) > 12, int(m["two"]) > 12) for m in map(_YEAR_LAST.match, texts) if m}
    first, second = (True, False) in found, (False, True) in found
    return first if first != second else None


def _clock(text: str) -> str | None:
    """The time of day as `T18:30:00+0200`, empty where there is none; None where the text is something else."""
    if not text.strip():
        return ""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, fraction, half, zone = match.groups()
    if half:
        if not 1 <= int(hour) <= 12:
            return None
        hour = int(hour) % 12 + (12 if half in "Pp" else 0)
    if zone and zone.isalpha() and zone != "Z":
        if zone not in _HOURS:
            return None
        zone = f"{_HOURS[zone]:+03d}00"
    return f"T{int(hour):02d}:{minute}:{second or '00'}{'.' + fraction[:6] if fraction else ''}{zone or ''}"


def _without_brackets(text: str) -> tuple[str, tzinfo | None]:
    """The text without a zone's name in brackets at its end, and that zone."""
    match = _BRACKETS.search(text)
    if match is None:
        return text, None
    try:
        return text[: match.start()].rstrip(), ZoneInfo(match[1])
    except (KeyError, ValueError, OSError):
        return text, None


def _with_zone(text: str, zone: tzinfo | None) -> str:
    """ISO 8601 with the offset of a zone, unless it has one itself."""
    if zone is None or ZONE.search(text):
        return text
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        return ""


def _named_month(text: str, zone: tzinfo | None) -> str:
    """A text that names its month in English, as ISO 8601; empty unless it has year, month and day as well."""
    text = re.sub(r"\s*\([^)]*\)$", "", text)  # Thu May 02 2024 18:30:00 GMT+0200 (CEST)
    text = re.sub(r"(?:GMT|UTC)(?=[+-]\d)", "", text)
    if not re.search(r"(?<!\d)(19|20)\d\d(?!\d)", re.sub(r"(?<=[\s\d])[+-]\d{4}(?!\d)", "", text)):
        return ""
    try:
        read = [dateutil_parser.parse(text, default=d, tzinfos=_offset) for d in _DEFAULTS]
    except (ValueError, OverflowError, TypeError, AttributeError):
        return ""
    return _with_zone(read[0].isoformat(), zone) if read[0] == read[1] else ""


_DEFAULTS = (datetime(2003, 1, 1), datetime(2004, 2, 2))
_HOURS = {"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6}
_HOURS |= {"PST": -8, "PDT": -7, "CET": 1, "CEST": 2}


def _offset(name: str | None, seconds: int | None) -> Any:
    """The zones of RFC 2822 and central Europe's; raises `ValueError` for a name that could be several."""
    if seconds is not None or name is None:
        return seconds
    if name not in _HOURS:
        raise ValueError(name)
    return timedelta(hours=_HOURS[name]) // timedelta(seconds=1)


_CALENDAR = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}
"""Digits that are written times where they begin with a year, for as time since 1970 they would be nobody's."""


def _from_digits(text: str, whole: str) -> str | None:
    """Digits in ISO 8601: a written time, or seconds, or milli-, micro- or nanoseconds where there are more."""
    if len(whole) in _CALENDAR and whole[:2] in ("19", "20"):
        try:
            return datetime.strptime(whole, _CALENDAR[len(whole)]).isoformat()
        except ValueError:
            return None
    microseconds = round(float(text) * 1000.0 ** (2 - (len(whole) - 9) // 3))
    return (
        (datetime(1970, 1, 1) + timedelta(microseconds=microseconds)).isoformat() + "Z"
        if microseconds < _LAST
        else None
    )


_LAST = 250_000_000_000_000_000
"""Microseconds since 1970; the year 9892."""
