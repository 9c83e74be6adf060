"""Many sightings of a tweet to one post: the newest wins, and what it does not say an earlier one does."""

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from pipeline.readers.parts.tweet import COUNTS, Sighting

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_FILLED = [f.name for f in fields(Sighting) if f.name not in ("post_id", "seen_at", *COUNTS)]


@dataclass(slots=True)
class Post:
    """What is known of one tweet; `file` and `row` are those of the newest sighting.

    `shrank` names the counts that were lower at a newer sighting than at an earlier one.
    """

    sighting: Sighting
    file: str
    row: int
    shrank: set[str] = field(default_factory=set)


class Sightings:
    """The tweets met so far, in the order of their first sighting."""

    def __init__(self) -> None:
        self.posts: dict[str, Post] = {}

    def add(self, sighting: Sighting, file: str, row: int) -> tuple[str, int] | None:
        """Take in one sighting; returns file and row of the one that no longer counts.

        Of two at the same time, or at unknown ones, the later read is the newer; an unknown time lies before
        all known ones. Counts and their time come from one sighting, the newest that has counts.
        """
        met = self.posts.get(sighting.post_id)
        if met is None:
            self.posts[sighting.post_id] = Post(sighting, file, row)
            return None
        came = Post(sighting, file, row)
        old, new = (came, met) if _time(sighting) < _time(met.sighting) else (met, came)
        new.shrank = met.shrank | _shrunk(old.sighting, new.sighting)
        new.sighting = _joined(old.sighting, new.sighting)
        self.posts[sighting.post_id] = new
        return old.file, old.row


def _time(sighting: Sighting) -> datetime:
    return sighting.seen_at or _BEFORE_ALL


def _joined(old: Sighting, new: Sighting) -> Sighting:
    changes: dict[str, Any] = {n: getattr(old, n) for n in _FILLED if getattr(new, n) in (None, [])}
    if all(getattr(new, n) is None for n in COUNTS):
        changes |= {n: getattr(old, n) for n in ("seen_at", *COUNTS)}
    return replace(new, **changes) if changes else new


def _shrunk(old: Sighting, new: Sighting) -> set[str]:
    """Counts lower in `new`; nothing where it is not known which was first."""
    if old.seen_at is None or new.seen_at is None:
        return set()
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in COUNTS}
    return {n for n, (a, b) in pairs.items() if isinstance(a, int) and isinstance(b, int) and b < a}
