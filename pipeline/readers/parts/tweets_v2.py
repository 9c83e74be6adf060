"""Tweets in the form of the API v2: a response a line, or a tweet a line with what it refers to inside it.

Users, media and other tweets stand once under `includes` and are found by id; a line that some tool has
flattened carries them in place of the ids. Every tweet of `data` but a retweet is a sighting, and so is each
one that it repeats (traced through retweets of retweets), quotes or replies to. The counts of what it refers
to were true when it was written, unless the collector noted a later time.
"""

from datetime import datetime
from html import unescape
from typing import Any

from pipeline.readers.parts.tweet import NO_TWEET, Found, Sighting, dig, each, identifier, moment, posted_at

LOST = "retweet whose original is not there"
_KINDS = {"3": "photo", "7": "video", "13": "video", "16": "animated_gif"}
"""What the first number of a media key says: the API leaves media of repeated tweets out of `includes`."""


def read(line: dict[str, Any], collected_at: datetime | None) -> Found:
    """What a response or a single tweet holds; `collected_at` is the collector's time, which goes first."""
    page = _Page(line, collected_at)
    data = line["data"] if isinstance(line.get("data"), dict | list) else line
    for tweet in [data] if isinstance(data, dict) else data:
        page.walk(tweet if isinstance(tweet, dict) else {})
    return page.found


class _Page:
    """One line: its includes by id, and what was found so far."""

    def __init__(self, line: dict[str, Any], collected_at: datetime | None):
        self.found = Found()
        self._collected_at = collected_at
        self._tweets = _by(line, "tweets", "id")
        self._users = _by(line, "users", "id")
        self._media = _by(line, "media", "media_key")

    def walk(self, tweet: dict[str, Any]) -> None:
        """Add a tweet of `data` and all it refers to."""
        chain, post_id = self._trace(tweet)
        original = chain[-1]
        at = self._collected_at or moment(_time(tweet))
        if post_id is None:
            self.found.damages.append("tweet without id")
            return
        if "text" not in tweet and not tweet.get("referenced_tweets"):
            self.found.damages.append(NO_TWEET)  # every platform has data with an id
            return
        if original is None:
            self.found.notices.append(LOST)
        self.found.retweets += [(_author(t), post_id, _time(t)) for t in chain[:-1]]
        queue, met = [original], set()
        while queue:
            one = queue.pop(0)
            own_id = identifier(one, "id")
            if own_id is None or own_id in met:
                continue
            met.add(own_id)
            self._add(one, own_id, self._collected_at if one is tweet else at)
            others = (self._refer(r) for r in each(one.get("referenced_tweets")))
            queue += [o for o in others if o is not None and not _repeats(o)]

    def _trace(self, tweet: dict[str, Any]) -> tuple[list[Any], str | None]:
        """The tweet, what it repeats, what that repeats …; the last is None where it is not there. And its id."""
        chain, post_id, met = [tweet], identifier(tweet, "id"), set()
        while chain[-1] is not None and _repeats(chain[-1]) and post_id not in met:
            met.add(post_id)
            reference = _repeats(chain[-1])[0]
            post_id = identifier(reference, "id")
            chain.append(self._refer(reference))
        if chain[-1] is not None and _repeats(chain[-1]):
            chain.append(None)  # retweets that go round in a circle
        return chain, post_id

    def _refer(self, reference: dict[str, Any]) -> dict[str, Any] | None:
        inside = reference if "text" in reference else None
        return self._tweets.get(identifier(reference, "id") or "", inside)

    def _add(self, tweet: dict[str, Any], post_id: str, seen_at: datetime | None) -> None:
        user = self._users.get(_author(tweet) or "") or tweet.get("author")
        note = tweet["note_tweet"] if isinstance(tweet.get("note_tweet"), dict) else tweet
        text = note.get("text") or tweet.get("text")
        hashtags = each(dig(note, "entities", "hashtags")) or each(dig(tweet, "entities", "hashtags"))
        count = tweet.get("public_metrics")
        self.found.sightings.append(
            Sighting(
                post_id,
                seen_at,
                posted_at=_time(tweet),
                user_id=_author(tweet),
                text=unescape(text) if isinstance(text, str) else text,
                tags=[tag.get("tag") for tag in hashtags],
                photo=self._photo(tweet),
                followers=dig(user, "public_metrics", "followers_count"),
                following=dig(user, "public_metrics", "following_count"),
                user_photos=dig(user, "public_metrics", "media_count"),
                retweets=dig(count, "retweet_count"),
                likes=dig(count, "like_count"),
                replies=dig(count, "reply_count"),
                quotes=dig(count, "quote_count"),
                views=dig(count, "impression_count"),
            )
        )

    def _photo(self, tweet: dict[str, Any]) -> str | None:
        """Key of the first photo; where the line says nothing about a key, its number does."""
        keys, inside = dig(tweet, "attachments", "media_keys"), each(dig(tweet, "attachments", "media"))
        told = {**self._media, **{identifier(m, "media_key"): m for m in inside}}
        for key in keys if isinstance(keys, list) else [identifier(m, "media_key") for m in inside]:
            kind = dig(told.get(key) if isinstance(key, str) else None, "type")
            if isinstance(key, str) and (kind or _KINDS.get(key.split("_")[0], "photo")) == "photo":
                return key
        return None


def _by(line: dict[str, Any], what: str, key: str) -> dict[str, dict[str, Any]]:
    return {i: found for found in each(dig(line, "includes", what)) if (i := identifier(found, key)) is not None}


def _repeats(tweet: dict[str, Any]) -> list[dict[str, Any]]:
    return [r for r in each(tweet.get("referenced_tweets")) if r.get("type") == "retweeted"]


def _author(tweet: dict[str, Any]) -> str | None:
    return identifier(tweet, "author_id") or identifier(tweet.get("author"), "id")


def _time(tweet: dict[str, Any]) -> Any:
    return posted_at(tweet, identifier(tweet, "id") or "")
