"""Times as people and tools write them, to UTC. What can mean two days is left to `dataset.time_format`.

| form | read as |
| --- | --- |
| ISO 8601, also with `/`, `.` or blanks, and a zone's name in brackets | it says |
| `202405011830`, `20240501183000` | year, month, day, hour, minute, second |
| 9 to 11, 13, 15, 16, 18 or more digits | seconds or finer units since 1970, by their number |
| `2024:05:01 18:30:00` | a camera's time |
| `Wed Oct 10 20:19:24 +0000 2018`, RFC 2822, whatever names the month in English | it says |
| `12/1/2016 1:22:35 AM`, `31.05.2024 10:00` | day and month where a number above 12 in the column tells them apart |

A time without a zone is of `time_zone`, or else UTC; where others of the column have one, that is named.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError
from pipeline.readers.parts import spellings
from pipeline.readers.parts.spellings import ZONE
from pipeline.readers.parts.values import NOTHING, Cleaned, each

UNREADABLE = "no time (expected ISO 8601 or seconds since 1970)"
AMBIGUOUS = "day or month first? set dataset.time_format"
NO_ZONE = "no zone, read as UTC"


@dataclass(frozen=True)
class TimeForm:
    """How the times of a dataset are written where they do not say so themselves.

    `format` as for Python's strptime, tried before all other forms; `zone` an IANA name, of times without a zone.
    Raises `UserError` where either is none.
    """

    format: str | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        try:
            ZoneInfo("UTC" if self.zone is None else self.zone)
        except (KeyError, ValueError, OSError):
            raise UserError(f"dataset.time_zone: no zone '{self.zone}'; name one such as Europe/Berlin") from None
        if self.format is not None:
            _check_format(self.format)


UNTOLD = TimeForm()


def _check_format(form: str) -> None:
    try:
        told = pd.to_datetime(datetime(2004, 2, 3, 4, 5, 6, tzinfo=UTC).strftime(form), format=form)
    except (ValueError, re.error) as error:
        raise UserError(f"dataset.time_format: '{form}' is no format of strptime: {error}") from None
    if pd.isna(told) or told.date() != date(2004, 2, 3):
        raise UserError(f"dataset.time_format: '{form}' does not say year, month and day")


def times(values: Sequence[Any], form: TimeForm = UNTOLD) -> Cleaned:
    """UTC times, to the microsecond, from texts, numbers or datetimes."""
    texts, _ = each(values, _text)
    missing = pd.isna(texts)
    texts[missing] = ""
    parsed = pd.Series(pd.NaT, index=range(len(texts)), dtype="datetime64[us, UTC]")
    zoned, ambiguous = np.zeros(len(texts), dtype=bool), np.zeros(len(texts), dtype=bool)
    if form.format is not None:
        says = "%z" in form.format
        told = pd.to_datetime(pd.Series(texts), format=form.format, errors="coerce", utc=says)
        zoned |= told.notna().to_numpy() & says
        parsed = (told if says else _localised(told, form.zone)).astype("datetime64[us, UTC]")
    left = parsed.isna().to_numpy() & ~missing
    iso = np.array(texts, dtype=object)
    if left.any():
        iso[left], ambiguous[left] = spellings.to_iso(texts[left])
        zoned |= left & np.array([bool(ZONE.search(text)) for text in iso], dtype=bool)
        parsed = parsed.where(~left, _parse(iso, zoned, form))
    bad = parsed.isna().to_numpy() & ~missing
    naive = ~zoned & ~missing & ~bad
    mixed = naive & bool((zoned & ~bad).any()) & (form.zone is None)
    return parsed, {UNREADABLE: bad & ~ambiguous, AMBIGUOUS: bad & ambiguous, NO_ZONE: mixed}


def _localised(naive: pd.Series, zone: str | None) -> pd.Series:
    """Times of a zone in UTC: of an hour that comes twice the first, of one left out the next."""
    first = np.ones(len(naive), dtype=bool)
    local = naive.dt.tz_localize(zone or "UTC", ambiguous=first, nonexistent="shift_forward")
    return local.dt.tz_convert("UTC")


def _parse(iso: np.ndarray, zoned: np.ndarray, form: TimeForm) -> pd.Series:
    """ISO 8601 texts to UTC; NaT where they are none."""
    parsed = pd.Series(pd.to_datetime(pd.Series(iso, dtype=object), utc=True, errors="coerce", format="ISO8601"))
    parsed = parsed.astype("datetime64[us, UTC]")
    if form.zone is None or zoned.all():
        return parsed
    return parsed.where(zoned, _localised(parsed.dt.tz_localize(None), form.zone))


def _text(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, date):
        return value.isoformat(), None
    if isinstance(value, float) and math.isfinite(value):
        value = format(value, "f")
    if isinstance(value, str) and spellings.PLAIN.fullmatch(value):
        return value, None
    text = " ".join(str(value).split())
    text = re.sub(r"\s*(UTC|GMT|z)$", "Z", text)
    return (None if text.lower() in NOTHING else text), None
