"""The sections of params.yaml as typed values, with their defaults; `pipeline.base.params` makes them."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from beartype.vale import Is

from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Few, Inside, Positive, Resamples, Share, at_least, at_most

LongerSide = Annotated[int, "1 or more", at_least(1), "65500 or less", at_most(65_500)]
"""Pixels; no JPEG has more."""
Folds = Annotated[int, "0 or more", at_least(0), "20 or less", at_most(20)]
Quality = Annotated[int, "1 to 100", Is[lambda value: 1 <= value <= 100]]
NEEDS = {"chronological": "posted_at", "chronological_shuffled": "posted_at", "users": "user_id"}
"""Columns of posts that methods of splitting need."""
NAME = re.compile(r"[^\W_][\w-]*")
"""What an entry or a target may be called: its name becomes a file, a word of a command and a key of DVC's."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The `dataset` section: what every dataset has, and the `keys` of its reader, which the reader checks."""

    reader: str
    """The module in pipeline/readers/."""
    name: str
    """Stands on every row of the leaderboard."""
    path: str
    """Of the data, from the project's root."""
    targets: dict[str, str]
    """Column of a count or score: its transform, as `pipeline.base.targets` names them."""
    max_dropped: Share = 0.05
    """Fail if more than this share of the rows read is dropped."""
    missing: Literal["fail", "drop"] = "fail"
    """What to do with features and systems whose columns the data lacks."""
    draw: Count | None = None
    """Posts drawn at random; None keeps all."""
    time_format: str | None = None
    """How times are written, as for Python's strptime, where they do not say so themselves."""
    time_zone: str | None = None
    """IANA name of the zone of times without one; None is UTC."""
    leave_out: list[str] = field(default_factory=list)
    """Columns not to take."""
    claims: str | None = None
    """The key `is`, which Python keeps to itself: the paper's own data that this is; None is none."""
    keys: Mapping[str, Any] = field(default_factory=dict)
    """Everything else: what the reader is called with beside its path."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The `split` section, as `pipeline.split` reads it."""

    method: Literal["random", "chronological", "chronological_shuffled", "users"]
    """What decides the part of a post, and what stays together."""
    ratios: list[float]
    """Shares of train, validation and test."""

    @property
    def column(self) -> str | None:
        """Of posts, which decides their parts; None is chance alone."""
        return NEEDS.get(self.method)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The `ranking` section: how the lists are drawn that rankers put in order, and what they may read."""

    ratios: list[float] = field(default_factory=lambda: [0.7, 0.1, 0.2])
    """Shares of the interactions in train, validation and test, the oldest first; by chance where none has a time."""
    kinds: list[str] = field(default_factory=list)
    """Kinds of interactions that are a share, such as retweet; without any, all are."""
    negatives: Few = 2
    """Posts beside each shared one that the user saw and did not share."""
    exposure: Literal["both", "negatives"] = "both"
    """Which posts of a list a followee must have published or shared before."""
    window: Positive | None = None
    """Days before a share in which a post must have been shown to count as seen; None is any time. Where posts are
    shared while they are new, old negatives would be told by their age alone."""
    comments: Literal["before_cut", "all"] = "before_cut"
    """Comments that rankers read: those written before the training part ended, or all, as the paper has it."""


@dataclass(frozen=True, kw_only=True)
class Packing:
    """The `images` section; a change of any key packs all images again."""

    max_side: LongerSide
    """Pixels; larger originals are scaled down so that their longer side is this."""
    quality: Quality = 95
    """JPEG quality of pictures that are encoded again."""
    shard_images: Count = 256
    """Images a shard: what one worker packs or embeds at a time, and what a kill can cost."""
    max_pixels: Count = 100_000_000
    """Originals of more pixels are not decoded (status `too large`)."""

    def fingerprint(self) -> dict[str, Any]:
        """What decides the packed pixels."""
        return {**asdict(self), "version": 1}


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The `evaluate` section."""

    bootstrap: Resamples = 1000
    """Resamples of the test posts for the intervals; 0 leaves them out."""
    confidence: Inside = 0.95
    """Share of the resamples an interval holds."""


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """The section `intervals` of an entry of `systems`: within what each prediction is given."""

    level: Inside = 0.8
    """Share of posts that should lie inside."""
    method: Literal["cqr", "constant"] = "cqr"
    """`cqr` is conformalised quantile regression, as wide as the post asks for; `constant` has one width for all."""
    by: str | None = None
    """Column of posts whose values are calibrated apart, such as user_id or category; None is all together."""
    folds: Folds = 0
    """How many that nothing was learned from calibrate: the validation part and others of the training part, predicted
    by systems of what lies before them or, in splits by users or by chance, of the others; 0 is the former alone."""


@dataclass(frozen=True)
class Entry:
    """One entry under `features` or `systems`: what `module` is called with, and how many are trained."""

    name: str
    module: str
    """The file in features/ or models/: `model` where the entry has it, else its name."""
    seeds: int = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)
    intervals: Intervals | None = None

    @classmethod
    def of(cls, section: str, name: Any, content: Any) -> "Entry":
        """An entry as params.yaml has it. Raises `UserError` for what none can be."""
        where = f"{section}.{check_name(section, name)}"
        if not isinstance(content, Mapping | None):
            raise UserError(f"{where}: {content!r} is no mapping of keys; {{}} stands for none")
        arguments = dict(content or {})
        keys = ("model", "seeds", "intervals") if section == "systems" else ("model",)
        shared = bind(where, _shared, {key: arguments.pop(key) for key in keys if key in arguments})
        return cls(name, shared.get("model", name), shared.get("seeds", 1), arguments, shared.get("intervals"))


def _shared(*, model: str = "", seeds: Count = 1, intervals: Intervals | None = None) -> None:
    """The keys that every entry of `systems` may have; `model`, one of `features` too."""


def check_name(section: str, name: Any) -> str:
    """The name, where it is one. Raises `UserError` for one that would not survive as a file or in DVC's keys."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UserError(f"{section}: {name!r} is no name; use letters and digits, and _ or - after the first of them")
    return name
