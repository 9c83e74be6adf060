"""A line of the Twitter API to the tweets it shows, whichever form it has.

| form | known by |
| --- | --- |
| v2, a response or a stream message | `data`, with what it refers to under `includes` |
| v2, one tweet | an id and `text`, with `author_id`, `public_metrics` and their like |
| v1.1, one tweet | an id and a text, with `retweet_count`, `entities` and their like |
| the account's own archive | `tweet`, with one of v1.1 inside |
| notice | `delete`, `limit`, `errors` and their like, and no tweet |

One key is not enough: other platforms and scrapers have an id, a `user`, `attachments` or `data` as well, and what
they call a photo is nowhere in such a form. Such lines are damages, not tweets without a photo.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pipeline.readers.parts import tweets_v1, tweets_v2
from pipeline.readers.parts.tweet import NO_TWEET, Found, dig, identifier, moment

NOTICES = (
    "delete",
    "limit",
    "scrub_geo",
    "status_withheld",
    "user_withheld",
    "user_delete",
    "user_undelete",
    "user_protect",
    "disconnect",
    "warning",
    "friends",
    "event",
    "control",
    "errors",
    "error",
)
"""What streams and pages send beside tweets."""

_V2 = ("author_id", "public_metrics", "edit_history_tweet_ids", "referenced_tweets", "attachments", "note_tweet")
_TEXT_V1 = ("text", "full_text", "extended_tweet", "retweeted_status")
_V1 = ("id_str", "entities", "retweet_count", "favorite_count", "extended_entities", "retweeted_status")
_COLLECTORS = ("collected_at", "retrieved_at", "sent")


def parse(line: Any) -> Found:
    """What one JSON value of a file holds."""
    if isinstance(line, dict) and len(line) == 1 and isinstance(line.get("tweet"), dict):
        line = line["tweet"]
    read = _form(line)
    if read is not None:
        return read(line, _collected_at(line))
    notices = [key for key in NOTICES if dig(line, key) is not None]
    if notices:
        return Found(notices=[f"notice: {notices[0]}"])
    if dig(line, "meta") is not None:
        return Found(notices=["notice: empty page"])
    return Found(damages=[NO_TWEET])


def _form(line: Any) -> Callable[[dict[str, Any], datetime | None], Found] | None:
    if not isinstance(line, dict):
        return None
    if line.get("data") and isinstance(line["data"], dict | list):
        return tweets_v2.read
    if identifier(line, "id_str", "id") is None:
        return None
    if "text" in line and any(key in line for key in _V2) and "user" not in line:
        return tweets_v2.read
    return tweets_v1.read if any(key in line for key in _TEXT_V1) and any(key in line for key in _V1) else None


def _collected_at(line: dict[str, Any]) -> datetime | None:
    """When the collector fetched the line, where it wrote it down: on the line, in `__twarc` or in `meta`."""
    places = [place for place in (line, line.get("__twarc"), line.get("meta")) if isinstance(place, dict)]
    times = (moment(place[key]) for place in places for key in _COLLECTORS if key in place)
    return next((time for time in times if time is not None), None)
