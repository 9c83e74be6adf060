"""Tweets in the form of the API v1.1: a tweet a line, with the tweets it repeats or quotes inside it.

Every tweet object but a retweet is a sighting of that tweet: the outer one, the original that a retweet is
traced back to (also through retweets of retweets), and quoted ones. The counts of what is inside were true
when the outer one was written.
"""

from datetime import datetime
from html import unescape
from typing import Any

from pipeline.readers.parts.tweet import Found, Sighting, dig, each, identifier, moment, posted_at


def read(tweet: dict[str, Any], collected_at: datetime | None) -> Found:
    """What one tweet object holds; `collected_at` is the collector's time, which goes before all others."""
    found = Found()
    own = collected_at or moment(tweet.get("timestamp_ms"))
    inner = own or moment(_time(tweet))
    chain = _chain(tweet, "retweeted_status")
    original = chain[-1]
    quoted = dig(original, "quoted_status") or dig(tweet, "quoted_status")
    shown = [original, *(_chain(quoted, "quoted_status") if isinstance(quoted, dict) else [])]
    for one in shown:
        _add(found, one, own if one is tweet else inner)
    post_id = identifier(original, "id_str", "id")
    if post_id is not None:
        found.retweets = [(identifier(r.get("user"), "id_str", "id"), post_id, _time(r)) for r in chain[:-1]]
    return found


def _chain(tweet: dict[str, Any], key: str) -> list[dict[str, Any]]:
    chain = [tweet]
    while isinstance(chain[-1].get(key), dict):
        chain.append(chain[-1][key])
    return chain


def _time(tweet: dict[str, Any]) -> Any:
    return posted_at(tweet, identifier(tweet, "id_str", "id") or "")


def _add(found: Found, tweet: dict[str, Any], seen_at: datetime | None) -> None:
    post_id = identifier(tweet, "id_str", "id")
    if post_id is None:
        found.damages.append("tweet without id")
        return
    if any(sighting.post_id == post_id for sighting in found.sightings):
        return
    user, text = tweet.get("user"), _text(tweet)
    found.sightings.append(
        Sighting(
            post_id,
            seen_at,
            posted_at=_time(tweet),
            user_id=identifier(user, "id_str", "id"),
            text=unescape(text) if isinstance(text, str) else text,
            tags=[tag.get("text") for tag in each(dig(_whole(tweet), "entities", "hashtags"))],
            photo=_photo(tweet),
            followers=dig(user, "followers_count"),
            following=dig(user, "friends_count"),
            user_photos=dig(user, "media_count"),
            retweets=tweet.get("retweet_count"),
            likes=tweet.get("favorite_count"),
            replies=tweet.get("reply_count"),
            quotes=tweet.get("quote_count"),
        )
    )


def _whole(tweet: dict[str, Any]) -> dict[str, Any]:
    """Where the uncut text and its entities stand: streams keep those of long tweets apart."""
    extended = tweet.get("extended_tweet")
    return extended if isinstance(extended, dict) else tweet


def _text(tweet: dict[str, Any]) -> Any:
    return _whole(tweet).get("full_text") or tweet.get("full_text") or tweet.get("text")


def _photo(tweet: dict[str, Any]) -> str | None:
    """Id of the first photo. `entities` lists one medium at most, and calls the still of a video a photo."""
    for place in (_whole(tweet), tweet):
        for key in ("extended_entities", "entities"):
            media = each(dig(place, key, "media"))
            if media:
                photos = [m for m in media if m.get("type") == "photo" and "/video/" not in str(m.get("expanded_url"))]
                return next((i for i in (identifier(p, "id_str", "id", "media_key") for p in photos) if i), None)
    return None
