"""The three files of Flickr179K that go line by line together, checked and joined to one table by url."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.base.errors import UserError
from pipeline.readers.parts.audit import Audit
from pipeline.readers.parts.texts import read_text

URLS, LABELS, NUMBERS, ZONES = "train_url.txt", "train_label.txt", "train_data.txt", "TimeZone.txt"

BEFORE = ("has_people", "title_length", "description_length", "tag_count", "group_count", "average_member_count")
"""Numbers known before a post is published."""
AFTER = ("comment_count", "average_views")
"""Numbers that publication brings; the average is over views of all posts of the user, tested ones too."""
FIELDS = (
    "pid",
    "uid",
    "posted_at",
    "comment_count",
    "has_people",
    "title_length",
    "description_length",
    "tag_count",
    "average_views",
    "group_count",
    "average_member_count",
)
"""Columns of train_data.txt."""

_HEADERS = {URLS: "url", LABELS: "popularityscore", NUMBERS: "pid"}
_ADDRESS = re.compile(r"([^/\s]+/[^/\s]+)/?$")
_ZONE = re.compile(r"([+-]?\d{1,2})(?::?(\d\d))?")


def key_of(url: Any) -> str | None:
    """`user/post`, the last two parts of a photo's address; None where it has no such parts."""
    match = _ADDRESS.search(url.strip()) if isinstance(url, str) else None
    return match[1] if match else None


def read_lines(folder: Path, audit: Audit, *, labelled: bool) -> pd.DataFrame:
    """A row a url: `row`, `user`, `post`, `FIELDS`, `score` where `labelled`, indexed by `user/post`.

    `fault` says why a row cannot be used, and is empty where it can. Raises `UserError` where the files have
    different lengths or one is missing.
    """
    first, urls = _lines(folder, URLS, audit)
    others = {name: _lines(folder, name, audit)[1] for name in ((NUMBERS, LABELS) if labelled else (NUMBERS,))}
    for name, found in others.items():
        if len(found) != len(urls):
            raise UserError(
                f"{folder / name}: {len(found)} lines, but {URLS} has {len(urls)}; they go together line by line, "
                "is one of them incomplete?"
            )
    table = _table(urls, others[NUMBERS])
    table.insert(0, "row", np.arange(first, first + len(table)))
    if labelled:
        table["score"] = pd.Series(others[LABELS], dtype=object)
    table["fault"] = _faults(table)
    unusable = table["key"].isna().to_numpy()
    audit.read += int(unusable.sum())
    audit.drop(f"{URLS}: no address of a photo", URLS, table["row"][unusable])
    table = table[~unusable]
    twice = table["key"].duplicated().to_numpy()
    audit.read += int(twice.sum())
    audit.drop(f"{URLS}: a second line for a url", URLS, table["row"][twice])
    return table[~twice].set_index("key")


def read_zones(folder: Path, audit: Audit) -> dict[str, float]:
    """Hours east of UTC by uid; empty where the file is not there."""
    if not (folder / ZONES).exists():
        return {}
    zones, broken = {}, []
    for row, line in enumerate(read_text(folder / ZONES, audit).split("\n"), 1):
        uid, _, zone = line.strip().partition(" ")
        match = _ZONE.fullmatch(zone.strip())
        if match:
            hours, minutes = match[1], int(match[2] or 0) / 60
            zones[uid] = int(hours) + (-minutes if hours.startswith("-") else minutes)
        elif line.strip():
            broken.append(row)
    audit.tag(f"{ZONES}: no `uid zone`", ZONES, broken)
    return zones


def _lines(folder: Path, name: str, audit: Audit) -> tuple[int, list[str]]:
    """The number of the first line, and all lines without a header, if there is one, and empty ones at the end."""
    found = [line.strip() for line in read_text(folder / name, audit).split("\n")]
    while found and not found[-1]:
        found.pop()
    headed = bool(found) and found[0].split()[:1] == [_HEADERS[name]]
    return (2, found[1:]) if headed else (1, found)


def _table(urls: list[str], numbers: list[str]) -> pd.DataFrame:
    keys = [key_of(url) for url in urls]
    ids = [key.split("/") if key else [None, None] for key in keys]
    fields = [f if len(f) == len(FIELDS) else [None] * len(FIELDS) for f in (line.split() for line in numbers)]
    whole = [[key, *own, *rest] for key, own, rest in zip(keys, ids, fields, strict=True)]
    return pd.DataFrame(whole, columns=["key", "user", "post", *FIELDS], dtype=object)


def _faults(table: pd.DataFrame) -> np.ndarray:
    """Why each row cannot be used, the first of several reasons; empty where it can."""
    twice = table["key"].notna() & table["key"].duplicated(keep=False)
    return np.select(
        [table["uid"].isna(), twice, ~_same_user(table)],
        [
            f"{NUMBERS}: not {len(FIELDS)} values",
            f"url: stands twice in {URLS}",
            f"{NUMBERS}: another user or post than the url's",
        ],
        default="",
    ).astype(object)


def _same_user(table: pd.DataFrame) -> np.ndarray:
    """Whether url and numbers of each row speak of the same user and, where they share ids, the same post."""
    same = (table["uid"] == table["user"]).to_numpy()
    if same.any():
        return same & (table["pid"] == table["post"]).to_numpy()
    pairs = table.groupby(["user", "uid"], sort=False).size().reset_index(name="n").sort_values("n", kind="stable")
    best = pairs.drop_duplicates("user", keep="last").merge(pairs.drop_duplicates("uid", keep="last"))
    agreed = pd.MultiIndex.from_frame(best[["user", "uid"]])
    return pd.MultiIndex.from_frame(table[["user", "uid"]]).isin(agreed)
