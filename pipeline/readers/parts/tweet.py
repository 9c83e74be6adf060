"""A tweet as one line of a file shows it, and how to take untrusted JSON apart."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from pipeline.readers.parts.times import times

NO_TWEET = "no tweet of the API in this line"
COUNTS = ("retweets", "likes", "replies", "quotes", "views")


@dataclass(slots=True)
class Sighting:
    """One tweet at one time; None is what the line does not say, values are unjudged.

    `photo` is the id of its first photo, `seen_at` the time its counts were true.
    """

    post_id: str
    seen_at: datetime | None
    posted_at: Any = None
    user_id: str | None = None
    text: Any = None
    tags: list[Any] | None = None
    photo: str | None = None
    followers: Any = None
    following: Any = None
    user_photos: Any = None
    retweets: Any = None
    likes: Any = None
    replies: Any = None
    quotes: Any = None
    views: Any = None


@dataclass(slots=True)
class Found:
    """What a line holds: tweets; retweets as `(user, tweet, time)`; and by name what is no tweet.

    `notices` are sound, `damages` are not.
    """

    sightings: list[Sighting] = field(default_factory=list)
    retweets: list[tuple[str | None, str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)


def dig(value: Any, *keys: str) -> Any:
    """`value[key][key]…`, None where there is no such way."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def each(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def identifier(value: Any, *keys: str) -> str | None:
    """The first of `keys` that holds an id: text or a whole number, for a fraction has lost its last digits."""
    for key in keys:
        found = dig(value, key)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
            return str(found).strip()
    return None


_TWITTER = re.compile(r"\w{3} (\w{3}) (\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment(value: Any) -> datetime | None:
    """UTC time of `Wed Oct 10 20:19:24 +0000 2018` and of all that `times` reads; None where it is none."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _TWITTER.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:  # what most tweets have, a hundred times as fast
        month, day, time, zone, year = match.groups()
        with suppress(ValueError):
            iso = f"{year}-{_MONTHS.index(month) + 1:02d}-{day}T{time}{zone}"
            return datetime.fromisoformat(iso).astimezone(UTC)
        return None
    if isinstance(value, str) and _ISO.fullmatch(value.strip()):
        with suppress(ValueError, OverflowError):
            return datetime.fromisoformat(value.strip()).astimezone(UTC)
        return None
    found = times([value])[0][0]
    return None if pd.isna(found) else found.to_pydatetime()


_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3,6})?(Z|[+-]\d\d:\d\d)")


_FIRST_SNOWFLAKE = 30_000_000_000
_SNOWFLAKE_EPOCH = 1_288_834_974_657
"""Milliseconds since 1970 that ids count from; those of November 2010 and later carry their time."""


def posted_at(tweet: dict[str, Any], post_id: str) -> Any:
    """`created_at` as a time, or as it stands; where there is none, the time that the id carries."""
    said = tweet.get("created_at")
    if said is not None:
        return moment(said) or said
    if not post_id.isdecimal() or not _FIRST_SNOWFLAKE < int(post_id) < 1 << 63:
        return None
    return datetime.fromtimestamp(((int(post_id) >> 22) + _SNOWFLAKE_EPOCH) / 1000, UTC)
