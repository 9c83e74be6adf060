"""The fields of the form: what a system reads, and what else one expects to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from features.base import HORIZON
from pipeline.base import targets
from pipeline.base.params import Params
from pipeline.readers.base import CANONICAL
from pipeline.storage.earlier import TIME
from pipeline.web.past import OF_USER, Past

MOST = 4
"""Drafts side by side."""
USUAL = ("image", "title", "text", "tags", "category")
"""Fields of a draft that are there, read or not, where the dataset has them."""
LABELS = {
    "image": "Picture",
    "user_id": "User",
    "posted_at": "Day and hour",
    "user_photos": "Posts so far",
    "user_views": "Views of all posts",
    "user_tags": "Tags of all posts",
    "user_faves": "Favourites of all posts",
    "user_groups": "Groups",
    "is_pro": "Pro account",
    "is_public": "Public",
}
KINDS = {"path": "file", "time": "datetime-local", "bool": "bool", "string": "text", "id": "text", "tags": "text"}
AREAS = ("text", "user_description")


@dataclass(frozen=True)
class Field:
    """One field: `name` is the column; `kind` how it is shown."""

    name: str
    label: str
    kind: str
    hint: str = ""
    proposed: bool = False


@dataclass(frozen=True)
class Fields:
    """What is asked of all drafts together, and of each."""

    shared: list[Field]
    of_user: list[Field]
    of_draft: list[Field]
    days: bool
    """Whether it matters how long posts are online."""


def of(read: list[str], past: Past, p: Params, name: str) -> Fields:
    """The fields for a system called `name` that reads some columns."""
    wanted = [c for c in dict.fromkeys((*USUAL, *read)) if c in past.columns and c not in p.dataset.targets]
    drafts = [c for c in wanted if c not in (*OF_USER, "user_id", TIME, HORIZON, "comments", "post_id")]
    if TIME in past.columns:
        drafts.append(TIME)
    users = [c for c in wanted if c in OF_USER]
    per_day = any(transform in targets.PER_DAY for transform in p.dataset.targets.values())
    return Fields(
        shared=[_field("user_id", read, past, p, name)] if "user_id" in past.columns else [],
        of_user=[_field(column, read, past, p, name) for column in users],
        of_draft=[_field(column, read, past, p, name) for column in drafts],
        days=per_day or HORIZON in read,
    )


def _field(column: str, read: list[str], past: Past, p: Params, name: str) -> Field:
    kind = "area" if column in AREAS else KINDS.get(CANONICAL.get(column, "number"), "number")
    label = LABELS.get(column, column.replace("_", " ").capitalize())
    hints = [f"in {zone(p)}"] if kind == "datetime-local" else []
    hints += [f"{name} does not read it"] if column not in read and column not in ("user_id", TIME) else []
    return Field(column, label, kind, "; ".join(hints), bool(past.proposed(column)))


def zone(p: Params) -> str:
    """The zone that times without one are in."""
    return p.dataset.time_zone or "UTC"


def now(p: Params) -> str:
    """The next full hour, as a field of day and hour has it."""
    then = datetime.now(UTC) + timedelta(hours=1)
    return then.astimezone(ZoneInfo(zone(p))).strftime("%Y-%m-%dT%H:00")


def taken_over(given: Mapping[str, str], fields: Fields, past: Past) -> dict[str, str]:
    """What is not given of the user, as it was in the user's latest post."""
    user = given.get("user_id", "").strip()
    latest = past.latest(user) if user else {}
    return {f.name: plain(latest[f.name]) for f in fields.of_user if not given.get(f.name) and f.name in latest}


def plain(value: object) -> str:
    """A value as one would fill it in."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
