"""Raw rows of interactions, follows and comments to clean ones that refer to something; judged here, once.

A row is dropped where it lacks an id it needs, names a post that the dataset has not, or stands there twice. A time
that cannot be is emptied and counted, and its row stays.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.readers.judging import GRACE, YEAR_ONE
from pipeline.readers.parts.clean import kinds
from pipeline.readers.parts.links import NEEDED, TABLES, Links
from pipeline.readers.parts.times import TimeForm


def clean(links: Mapping[str, Links], posts: pd.DataFrame, times: TimeForm) -> dict[str, pd.DataFrame]:
    """The tables by name, about `posts` alone; what was dropped or emptied goes into the audit of each."""
    frames = {name: _clean(name, links[name], posts, times) for name in TABLES}
    _tag_silent(frames["follows"], links["follows"], posts, frames["interactions"])
    return {name: frame.drop(columns="row").reset_index(drop=True) for name, frame in frames.items()}


def _clean(name: str, found: Links, posts: pd.DataFrame, times: TimeForm) -> pd.DataFrame:
    """Rows that stay, with their place in `found` under `row`."""
    frame = pd.DataFrame({"row": np.arange(len(found.rows))})
    for column, kind in TABLES[name].items():
        frame[column], problems = kinds(times)[kind](found.frame[column].tolist())
        for problem, mask in problems.items():
            _tag(found, f"{column}: {problem}", mask, column)
    for column in NEEDED[name]:
        frame = _drop(found, frame, f"{column}: missing", frame[column].isna(), column)
    if "post_id" in frame:
        frame = _drop(found, frame, "post_id: no such post", ~frame["post_id"].isin(posts["post_id"]), "post_id")
    if "at" in frame:
        _check_times(found, frame, posts)
    if name == "follows":
        frame = _drop(found, frame, "follows themselves", frame["follower_id"] == frame["followee_id"], "followee_id")
    return _drop(found, frame, "stands there twice", frame.drop(columns="row").duplicated(), None)


def _check_times(found: Links, frame: pd.DataFrame, posts: pd.DataFrame) -> None:
    """Empty times before 1970, still to come, or before the post.

    A day's grace covers zones, and times of which only the day is known; within it, the post's own time stands.
    """
    some = frame["at"].notna().any()
    posted = _posted_at(frame, posts)
    bad = {
        "before 1970": frame["at"] < YEAR_ONE,
        "in the future": frame["at"] > pd.Timestamp.now("UTC") + GRACE,
        "before the post": frame["at"] < posted - GRACE,
    }
    if some:
        _tag(found, "at: missing", _at(found, frame, frame["at"].isna()), "at")
    for problem, mask in bad.items():
        _tag(found, f"at: {problem}", _at(found, frame, mask), "at")
        frame.loc[mask, "at"] = pd.NaT
    early = frame["at"] < posted
    _tag(found, "at: less than a day before the post, taken as its time", _at(found, frame, early), "at")
    frame.loc[early, "at"] = posted[early]


def _posted_at(frame: pd.DataFrame, posts: pd.DataFrame) -> pd.Series:
    """When the post of each row was published, NaT where that is not known."""
    if "posted_at" not in posts:
        return pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    return frame["post_id"].map(posts.set_index("post_id")["posted_at"]).astype("datetime64[us, UTC]")


def _tag_silent(follows: pd.DataFrame, found: Links, posts: pd.DataFrame, interactions: pd.DataFrame) -> None:
    """Count follows of users who neither posted nor shared anything: they expose nobody to any post."""
    known = set(interactions["user_id"]) | (set(posts["user_id"].dropna()) if "user_id" in posts else set())
    silent = ~follows["followee_id"].isin(known)
    _tag(found, "followee_id: no post and no interaction is theirs", _at(found, follows, silent), "followee_id")


def _at(found: Links, frame: pd.DataFrame, mask: pd.Series) -> np.ndarray:
    """The mask of rows that stay as one of all rows."""
    return np.isin(np.arange(len(found.rows)), frame["row"][mask])


def _tag(found: Links, reason: str, mask: np.ndarray, column: str) -> None:
    found.audit.tag(reason, found.source(mask), found.rows[mask], column)


def _drop(found: Links, frame: pd.DataFrame, reason: str, mask: pd.Series, column: str | None) -> pd.DataFrame:
    gone = _at(found, frame, mask)
    found.audit.drop(reason, found.source(gone), found.rows[gone], column)
    return frame[~mask]
