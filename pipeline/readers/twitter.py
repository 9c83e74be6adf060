"""Tweets as the Twitter API gave them, JSON lines of the v1.1 or the v2 form, plain or gzip, and their pictures.

A post is an original tweet with a photo, wherever it was met: by itself, inside a retweet, quoted. Retweets
are no posts; they are the interactions, and `follows.*` beside them (follower_id, followee_id) says who follows
whom. Pictures lie in `images/` beside the files, named by media id or
media key (`images/<id>.jpg`, `images/3_<id>.png`), the first photo of a tweet is taken, and a tweet whose
picture is missing keeps its row. An account's own archive (`data/tweets.js`) is read as well, with its pictures in
`tweets_media/`, named by the id of the tweet; it names no user.

`collected_at`, the time the counts were true, is the first of these that is there: what the collector wrote
on the line (`collected_at`, `retrieved_at`, `__twarc.retrieved_at`, `meta.sent`), the stream's
`timestamp_ms`, the `created_at` of the tweet around it. A tweet alone on its line, without any of them, has
none. The newest sighting of a tweet gives its counts. Elapsed hours are `collected_at` minus `posted_at`.

The audit counts sightings, and lines that hold none. Seen again, without photo, sound but no tweet: filtered.
"""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError
from pipeline.base.ranges import NotNegative, Whole
from pipeline.base.targets import SECONDS_PER_DAY
from pipeline.readers.base import Raw, Reader
from pipeline.readers.parts import lines, links
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.clean import KINDS
from pipeline.readers.parts.links import BESIDE, INTERACTIONS, Links, Where
from pipeline.readers.parts.sightings import Post, Sightings
from pipeline.readers.parts.tweet import COUNTS, Sighting
from pipeline.readers.parts.tweets import parse

_COLUMNS = ("post_id", "user_id", "posted_at", "text", "tags", "followers", "following")

_FIELDS = ("id", "id_str", "text", "full_text")
_ARCHIVE = re.compile(r"tweets?(-part\d+)?\.js")
_MEDIA = ("tweets_media", "tweet_media", "data/tweets_media", "data/tweet_media")

_ABSENT = {
    "user_id": "user: not there",
    "collected_at": "collected_at: no time of collection",
    "image": "image: no file of that name in images/",
}


class Twitter(Reader):
    """Reads a folder of tweet objects, with the filters of the paper `picture-or-words` as options."""

    def __init__(
        self,
        *,
        path: str,
        minimum_retweets: Whole | None = None,
        minimum_days: NotNegative | None = None,
        maximum_retweets: Whole | None = None,
        maximum_likes: Whole | None = None,
        maximum_followers: Whole | None = None,
        follows: Where = BESIDE,
    ):
        """Tweets, and which of them to keep; null switches a filter off.

        `path` of the folder, or of one file of tweets; `minimum_retweets`: only tweets with more (paper: 100);
        `minimum_days` between posting and collection at least (paper: 7); `maximum_retweets`, `maximum_likes`
        (paper: 10,000 both) and `maximum_followers` (paper: 100,000): only tweets with at most as many. They
        apply in this order, and a tweet counts for the first that it fails. What is not known fails a minimum
        and passes a maximum. `follows` is where the list of who follows whom lies, and how it calls its columns.
        """
        super().__init__(path=path)
        self.minimum_retweets = minimum_retweets
        self.minimum_days = minimum_days
        self.maximum_retweets = maximum_retweets
        self.maximum_likes = maximum_likes
        self.maximum_followers = maximum_followers
        self.follows = follows
        self._check()

    def _check(self) -> None:
        least, most = self.minimum_retweets, self.maximum_retweets
        if least is not None and most is not None and least >= most:
            raise UserError(
                f"dataset.minimum_retweets: {least} leaves no tweet, for only those with more are kept, and with at "
                f"most maximum_retweets: {most}"
            )

    @property
    def image_root(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    def read(self, targets: Collection[str] | None) -> Raw:
        audit, met, retweets = Audit(), Sightings(), []
        for file in self._files():
            retweets += self._scan(file, met, audit)
        posts = list(met.posts.values())
        raw = self._raw(posts, audit, targets or ())
        raw.links["interactions"] = _interactions(raw.file, retweets)
        raw.links["follows"] = links.read(self.image_root, "follows", self.follows)
        keep = self._keep(raw) if targets is not None else np.ones(len(posts), dtype=bool)
        raw = raw.take(keep)
        _tag(raw, [post for post, kept in zip(posts, keep, strict=True) if kept])
        return raw

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        edges = links.find(self.image_root, "follows", self.follows)
        files = [f for f in lines.find(self.path, _ARCHIVE) if f != edges] if self.path.is_dir() else []
        if not files:
            raise UserError(f"{self.path}: no files of tweets ({', '.join('*' + e for e in lines.ENDINGS)}) there")
        return files

    def _scan(self, file: Path, met: Sightings, audit: Audit) -> list[tuple]:
        """Take in all tweets of a file; returns its retweets as `(user, tweet, time, file, row)`."""
        name, retweets = str(file.relative_to(self.image_root)), []
        for row, value in lines.read_values(file, name, audit, _FIELDS):
            found = parse(value)
            audit.read += len(found.sightings) + len(found.notices) + len(found.damages)
            for reason in found.notices:
                audit.filter(reason, name, [row])
            for reason in found.damages:
                audit.drop(reason, name, [row])
            for sighting in found.sightings:
                if sighting.photo is None and sighting.post_id not in met.posts:
                    audit.filter("no photo", name, [row])
                elif again := met.add(sighting, name, row):
                    audit.filter("seen again; the newest sighting counts", again[0], [again[1]])
            retweets += [(*r, name, row) for r in found.retweets if r[1] in met.posts or not found.sightings]
        return retweets

    def _raw(self, posts: list[Post], audit: Audit, targets: Collection[str]) -> Raw:
        seen = [post.sighting for post in posts]
        columns = {name: [getattr(s, name) for s in seen] for name in _COLUMNS}
        columns["collected_at"] = [s.seen_at for s in seen]
        columns["image"] = self._images(seen)
        if any(s.user_photos is not None for s in seen):
            columns["user_photos"] = [s.user_photos for s in seen]
        columns |= {n: [getattr(s, n) for s in seen] for n in COUNTS if n in ("retweets", "likes", *targets)}
        audit.left_out = [name for name in COUNTS if name not in columns]
        files, rows = np.array([p.file for p in posts], dtype=object), np.array([p.row for p in posts], dtype=np.int64)
        return Raw(pd.DataFrame(columns, dtype=object), self.path.name or str(self.path), rows, audit, files)

    def _images(self, seen: Iterable[Sighting]) -> list[str | None]:
        """Path in the dataset of each photo's file, None where there is none; keys are `3_<media id>`."""
        known = {name.split(".")[0]: f"images/{name}" for name in _names(self.image_root / "images")}
        archived = {
            name.split("-")[0]: f"{folder}/{name}" for folder in _MEDIA for name in _names(self.image_root / folder)
        }
        found = []
        for one in seen:
            key = one.photo or ""
            other = key.removeprefix("3_") if key.startswith("3_") else f"3_{key}"
            names = (known.get(key), known.get(other), archived.get(one.post_id)) if key else ()
            found.append(next(filter(None, names), None))
        return found

    def _keep(self, raw: Raw) -> np.ndarray:
        """Which posts [n] pass the filters, applied one after the other."""
        count = {c: KINDS["count"](raw.posts[c].tolist())[0] for c in ("retweets", "likes", "followers")}
        posted, collected = (KINDS["time"](raw.posts[c].tolist())[0] for c in ("posted_at", "collected_at"))
        days = ((collected - posted).dt.total_seconds() / SECONDS_PER_DAY).to_numpy(dtype=np.float64, na_value=np.nan)
        keep = np.ones(len(raw.posts), dtype=bool)
        for name, limit, value, good in (
            ("minimum_retweets", self.minimum_retweets, count["retweets"], np.greater),
            ("minimum_days", self.minimum_days, days, np.greater_equal),
            ("maximum_retweets", self.maximum_retweets, count["retweets"], np.less_equal),
            ("maximum_likes", self.maximum_likes, count["likes"], np.less_equal),
            ("maximum_followers", self.maximum_followers, count["followers"], np.less_equal),
        ):
            if limit is None:
                continue
            unknown, passed = np.isnan(value), good(value, limit)
            if name.startswith("minimum"):
                raw.filter(f"{name}: not known", keep & unknown)
            else:
                passed |= unknown
            raw.filter(f"{name} {limit:g}", keep & ~passed & ~unknown)
            keep &= passed
        return keep


def _interactions(source: str, retweets: list[tuple]) -> Links:
    """Retweets `(user, tweet, time, file, row)` as interactions."""
    frame = pd.DataFrame([(r[0], r[1], "retweet", r[2]) for r in retweets], columns=list(INTERACTIONS), dtype=object)
    files, rows = np.array([r[3] for r in retweets], dtype=object), np.array([r[4] for r in retweets], dtype=np.int64)
    audit = Audit()
    audit.read = len(retweets)
    return Links(frame, source, rows, audit, files)


def _names(folder: Path) -> list[str]:
    """Names of the files in a folder, backwards, so that of several the first is met last."""
    return sorted((f.name for f in folder.iterdir()), reverse=True) if folder.is_dir() else []


def _tag(raw: Raw, posts: list[Post]) -> None:
    for column, reason in _ABSENT.items():
        raw.tag(reason, raw.posts[column].isna().to_numpy(dtype=bool), column)
    for count in (c for c in COUNTS if c in raw.posts):
        mask = np.array([count in post.shrank for post in posts], dtype=bool)
        raw.tag(f"{count}: fewer than at an earlier sighting", mask, count)
