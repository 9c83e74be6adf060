"""The dataset as a page: what was read and dropped, how popular posts are, and how that drifts over time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pipeline.base import targets
from pipeline.base.paths import Paths
from pipeline.base.targets import Transform
from pipeline.storage import store
from pipeline.storage.earlier import TIME
from pipeline.storage.examples import PARTS
from pipeline.web import drawings
from pipeline.web.desk import Desk, NotThere
from pipeline.web.drawings import Band, Histogram
from pipeline.web.past import Past
from pipeline.web.words import say

PERIODS, ENOUGH = 24, 5
"""Periods of the same length, and posts that one must have to be drawn."""
GROUPS = 12
"""Values of a category that are shown."""
BESIDE = ("interactions", "follows", "comments")


@dataclass(frozen=True)
class Group:
    """Posts that have something in common."""

    name: str
    n: int
    median: float


@dataclass(frozen=True)
class OfTarget:
    """How popular posts are by one target; medians are counts where the scale has a way back to them."""

    target: str
    scale: str
    n: int
    histogram: Histogram | None
    drift: Band | None
    by_hour: list[Group]
    by_category: list[Group]


@dataclass(frozen=True)
class Summary:
    """What the page of the dataset shows."""

    name: str
    facts: list[tuple[str, str]]
    audits: list[tuple[str, dict[str, Any]]]
    """Of posts and what lies beside them: `read`, `kept`, and counts by reason."""
    parts: dict[str, int]
    targets: list[OfTarget]


def summary(desk: Desk) -> Summary:
    """The dataset of a project. Raises `NotThere` where it was not read yet."""
    paths = desk.paths
    if not paths.posts.exists():
        raise NotThere("the dataset is not read yet; run make repro and load this page again")
    files = (paths.posts, paths.audit, paths.splits, paths.params)
    return desk.keep(("summary",), files, partial(_summary, desk))


def _summary(desk: Desk) -> Summary:
    paths, p, past = desk.paths, desk.params(), desk.past()
    audit = store.read_json(paths.audit) if paths.audit.exists() else {}
    audits = [("posts", audit), *((name, audit[name]) for name in BESIDE if audit.get(name, {}).get("read"))]
    return Summary(
        name=p.dataset.name,
        facts=list(_facts(past)),
        audits=[(name, found) for name, found in audits if "read" in found],
        parts=_parts(paths),
        targets=[_of_target(past, target, name) for target, name in p.dataset.targets.items()],
    )


def _facts(past: Past) -> Iterator[tuple[str, str]]:
    yield "posts", f"{len(past):,}"
    if past.users:
        yield "users", f"{len(past.users):,}"
    if TIME in past.frame and past.frame[TIME].notna().any():
        first, last = past.frame[TIME].min(), past.frame[TIME].max()
        yield "posted", f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _parts(paths: Paths) -> dict[str, int]:
    if not paths.splits.exists():
        return {}
    counts = store.read_frame(paths.splits, ["part"])["part"].value_counts()
    return {part: int(counts[part]) for part in PARTS if part in counts}


def _of_target(past: Past, target: str, name: str) -> OfTarget:
    transform = Transform(name)
    good = targets.usable(past.frame, target, name)
    if good.any():
        transform.fit(past.frame.loc[good, target].to_numpy(dtype=np.float64))
    values = past.popularity(target, transform)
    words = partial(say, transform)
    frame = past.frame.assign(popularity=values)[np.isfinite(values)]
    return OfTarget(
        target,
        targets.label(target, name),
        len(frame),
        drawings.histogram(frame["popularity"].to_numpy(), words),
        _drift(frame, words),
        _groups(frame, frame[TIME].dt.hour, transform, 24) if TIME in frame else [],
        _groups(frame, frame["category"], transform, GROUPS) if "category" in frame else [],
    )


def _drift(frame: pd.DataFrame, words: partial[str]) -> Band | None:
    """Quartiles over periods of the same length; None without times, or of fewer than two periods."""
    timed = frame[frame[TIME].notna()] if TIME in frame else frame.iloc[:0]
    if len(timed) < 2 * ENOUGH or timed[TIME].nunique() < 2:
        return None
    periods = pd.cut(timed[TIME].astype("int64"), PERIODS, labels=False)
    groups = [group for _, group in timed.groupby(periods) if len(group) >= ENOUGH]
    if len(groups) < 2:
        return None
    quartiles = [tuple(np.quantile(group["popularity"], (0.25, 0.5, 0.75))) for group in groups]
    return drawings.band(quartiles, [f"{group[TIME].min():%Y-%m}" for group in groups], words)


def _groups(frame: pd.DataFrame, by: pd.Series, transform: Transform, most: int) -> list[Group]:
    """The most frequent groups, in order of what they have in common where that is a number, else of their size."""
    found = frame.groupby(by)["popularity"].agg(["size", "median"])
    largest = found.sort_values("size", ascending=False, kind="stable").head(most)
    ordered = largest.sort_index() if pd.api.types.is_numeric_dtype(largest.index) else largest
    way_back = transform.name not in targets.PER_DAY
    medians = transform.inverse(ordered["median"].to_numpy()) if way_back else ordered["median"].to_numpy()
    names = [f"{name:g}" if isinstance(name, float) else str(name) for name in ordered.index]
    return [Group(*row) for row in zip(names, ordered["size"].tolist(), medians.tolist(), strict=True)]
