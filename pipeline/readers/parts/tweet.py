"""A tweet as one line of a file shows it, and how to take untrusted JSON apart."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

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
_SECONDS = 1e11
"""A number below is seconds since 1970, above it milliseconds."""


def moment(value: Any) -> datetime | None:
    """UTC time of `Wed Oct 10 20:19:24 +0000 2018`, ISO 8601, or seconds or milliseconds since 1970."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        if not isinstance(value, str) or value.strip().isdecimal():
            number = float(value)
            return datetime.fromtimestamp(number if abs(number) < _SECONDS else number / 1000, UTC)
        time = datetime.fromisoformat(_iso(value.strip()))
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(text: str) -> str:
    match = _TWITTER.fullmatch(text)
    if not match:
        return text
    month, day, time, zone, year = match.groups()
    return f"{year}-{_MONTHS.index(month) + 1:02d}-{day}T{time}{zone}"


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
    return moment((int(post_id) >> 22) + _SNOWFLAKE_EPOCH)
