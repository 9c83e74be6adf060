"""Tables of posts that are not published yet."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from models.trained import Trained
from pipeline import posts
from pipeline.base.errors import UserError
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage import store

log = logging.getLogger(__name__)

MOST_DAYS = 36_500


@dataclass(frozen=True)
class Drafts:
    """A table of n drafts, in their order."""

    file: Path
    frame: pd.DataFrame
    """Their columns; `post_id` is the number of the row, for in drafts one id may stand twice."""
    post_id: pd.Series
    """What they are called; those that are not have the number of their row in the file."""
    named: np.ndarray
    """Which [n] have an id of their own."""
    image_root: Path
    """The folder that paths of pictures start from."""
    days: float | None = None
    """Days online that were asked for."""

    def __len__(self) -> int:
        return len(self.frame)


def read(paths: Paths, p: Params, file: Path, *, days: float | None = None) -> Drafts:
    """The drafts of a table, looked at after `days` where they do not say when; says how many are by strangers."""
    if days is not None and not 0 < days < MOST_DAYS:
        raise UserError(f"--days {days:g}: expected more than 0 and less than {MOST_DAYS}")
    frame, image_root, _, named = posts.read_drafts(p.dataset, file)
    _count_strangers(paths, frame, file)
    called = frame["post_id"]
    frame["post_id"] = [str(row) for row in range(len(frame))]
    if days is not None:
        look_after(frame, days)
    return Drafts(file, frame, called, named, image_root, days)


def look_after(frame: pd.DataFrame, days: float) -> None:
    """Fill in when drafts are looked at, where neither they nor their time of posting leave it open."""
    if "posted_at" in frame:
        then = (frame["posted_at"] + pd.Timedelta(days=days)).astype(frame["posted_at"].dtype)
        frame["collected_at"] = frame["collected_at"].fillna(then) if "collected_at" in frame else then


def _count_strangers(paths: Paths, frame: pd.DataFrame, drafts: Path) -> None:
    """Say how many drafts are by users that no training post is by: a typing error looks the same."""
    n = posts.strangers(frame, known_users(paths))
    if n:
        log.warning("%s: %d of %d drafts are by users never seen in training", drafts, n, len(frame))


def known_users(paths: Paths) -> Collection[str]:
    """Ids of the users of training posts; none where posts do not say whose they are."""
    if "user_id" not in store.columns_of(paths.posts):
        return []
    known = store.read_frame(paths.posts, ["post_id", "user_id"])
    parts = store.read_frame(paths.splits, ["post_id", "part"])
    trained_on = known["post_id"].isin(parts.loc[parts["part"] == "train", "post_id"])
    return known.loc[trained_on, "user_id"].dropna().unique()


def by_nobody(drafts: Drafts, trained: Trained) -> Drafts:
    """Drafts that do not say whose they are as those of users unseen in training, which all systems predict."""
    if "user_id" in drafts.frame or all("user_id" not in trained.needs(target) for target in trained.targets):
        return drafts
    log.warning("%s: no column 'user_id': all drafts are taken as those of new users", drafts.file)
    nobody = pd.Series(None, index=drafts.frame.index, dtype="str")
    return replace(drafts, frame=drafts.frame.assign(user_id=nobody))
