"""data/interactions.parquet, follows, posts -> data/candidates.parquet: the lists that rankers put in order.

A list is one shared post and some that the user saw and did not share; drawn once, so that all rankers are scored on
the same. Shares are dealt to the parts by time; by chance, a hash of user and post, where none has a time. A user saw
what a followee published or shared strictly before, `window` days at most, and no other post; without times, what one
published, or shared in the training part.

Ours, where the paper is silent: a negative is no post that the user shares in this part or an earlier one, so that
what is trained does not know later shares; nor is it one of their own; and no post stands twice among the lists of a
user and part, so that a user's metrics are of posts that differ.

Columns: `list`, `user_id`, `post_id`, `relevant`, `part`, `at`, the time of the share; the shared post stands first.
data/shares.parquet has each user's first share of each post of somebody else, with its part; data/candidates.json
counts what was left out.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from pipeline.base import params
from pipeline.base.errors import run_stage
from pipeline.base.paths import Paths
from pipeline.split import PARTS, chance, check_ratios, deal
from pipeline.storage import store

log = logging.getLogger(__name__)

TIME = "datetime64[us, UTC]"
COLUMNS = {"list": "int64", "user_id": "str", "post_id": "str", "relevant": "bool", "part": "str", "at": TIME}
SHARES = {"user_id": "str", "post_id": "str", "at": TIME, "part": "str"}
FEW = "ranking.ratios: {} distinct times or shares cannot be split into {}; change them"
UNKNOWN = np.iinfo(np.int64).min
"""A time that is not known, as pandas stores it."""
DAY = 86_400 * 10**6
"""In microseconds."""


class List(NamedTuple):
    """One list: the shared post first, then the others."""

    at: pd.Timestamp
    user: str
    posts: list[str]
    part: str


def main(paths: Paths = Paths()) -> None:
    """Draw the lists as the `ranking` section says, or none where no system of params.yaml is to rank."""
    p = params.load(paths.params)
    frame, shares, audit = _frame([]), pd.DataFrame(columns=list(SHARES)).astype(SHARES), {}
    if store.read_json(paths.plan("candidates", "ranking"))["run"]:
        columns = ["post_id", *(c for c in ("user_id", "posted_at") if c in store.columns_of(paths.posts))]
        posts, others = store.read_frame(paths.posts, columns), (paths.interactions, paths.follows)
        section = {key: value for key, value in vars(p.ranking).items() if key != "comments"}
        frame, shares, audit = draw(posts, *map(store.read_frame, others), seed=p.seed, **section)
        _report(audit)
    store.write_frame(paths.candidates, frame)
    store.write_frame(paths.shares, shares)
    store.write_json(paths.drawn, audit)


def draw(
    posts: pd.DataFrame,
    interactions: pd.DataFrame,
    follows: pd.DataFrame,
    *,
    seed: int,
    ratios: list[float],
    kinds: Sequence[str],
    negatives: int,
    exposure: Literal["both", "negatives"],
    window: float | None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """The lists; the shares with their parts; and how many of these were left out of the lists, by part and reason.

    Raises `UserError` for ratios that are none, and where there are too few shares for them.
    """
    check_ratios("ranking.ratios", ratios)
    shares, audit = first_shares(posts, interactions, kinds)
    timed = bool(shares["at"].notna().any())
    if timed:
        audit["without a time"] = int(shares["at"].isna().sum())
        shares = shares[shares["at"].notna()]
    keys = shares["at"].to_numpy() if timed else chance((shares["user_id"] + "\n" + shares["post_id"]).tolist(), seed)
    shares = shares.assign(part=deal(keys, ratios, FEW) if len(shares) else "")
    seen, rows = Seen(posts, shares, follows, timed=timed, window=window), []
    counts: dict[str, Counter[str]] = {part: Counter() for part in PARTS}
    for user, own in shares.groupby("user_id", sort=True):
        rows += _of_user(str(user), own, seen, seed, negatives, exposure, counts)
    parts = {part: dict(counts[part]) for part in PARTS}
    told = {"shares": len(shares), "timed": timed, "left_out": dict(audit), **parts}
    return _frame(rows), shares.astype(SHARES).reset_index(drop=True), told


def first_shares(
    posts: pd.DataFrame, interactions: pd.DataFrame, kinds: Sequence[str]
) -> tuple[pd.DataFrame, Counter[str]]:
    """Each user's first share of each post of somebody else: `user_id`, `post_id`, `at`, in order of time.

    `kinds` of interactions are shares, all where none is named. And how many are no share, by reason.
    """
    audit: Counter[str] = Counter()
    named = interactions["kind"].isin(kinds) if kinds else pd.Series(True, index=interactions.index)
    audit["of another kind"] = int((~named).sum())
    shares = interactions[named].sort_values(["at", "user_id", "post_id"], kind="stable")
    again = shares.duplicated(["user_id", "post_id"])
    audit["shared again"] = int(again.sum())
    shares = shares.loc[~again, ["user_id", "post_id", "at"]].reset_index(drop=True)
    own = shares["user_id"] == shares["post_id"].map(_authors(posts))
    audit["of the user's own posts"] = int(own.sum())
    return shares[~own].reset_index(drop=True), audit


def _authors(posts: pd.DataFrame) -> dict[str, Any]:
    return dict(zip(posts["post_id"], posts["user_id"], strict=True)) if "user_id" in posts else {}


class Seen:
    """Which posts users saw, and when: what their followees published or shared.

    Posts are numbered in the order of their ids. Times are microseconds; without times all is seen before any share.
    """

    def __init__(
        self, posts: pd.DataFrame, shares: pd.DataFrame, follows: pd.DataFrame, *, timed: bool, window: float | None
    ):
        """`window` is how long, in days, something counts as seen; None is for ever."""
        posts = posts.sort_values("post_id", ignore_index=True)
        self.post_id = posts["post_id"].to_numpy(dtype=object)
        self.author = posts["user_id"].to_numpy(dtype=object) if "user_id" in posts else np.full(len(posts), None)
        self.timed = timed
        self._window = int(window * DAY) if window is not None and timed else None
        posted = _numbers(posts["posted_at"]) if timed and "posted_at" in posts else np.full(len(posts), UNKNOWN)
        if not timed:
            shares = shares[shares["part"] == "train"]
        post = np.concatenate([np.arange(len(posts)), self.rows(shares["post_id"])])
        by = np.concatenate([self.author, shares["user_id"].to_numpy(dtype=object)])
        since = np.maximum(np.concatenate([posted, _numbers(shares["at"])]), posted[post])
        use = ~pd.isna(by) & ((since != UNKNOWN) | (not timed))
        self._post, self._since = post[use], since[use]
        self._of = pd.Series(by[use], dtype=object).groupby(by[use]).indices
        self._followees = follows.groupby("follower_id")["followee_id"].agg(list).to_dict()

    def rows(self, post_ids: pd.Series) -> np.ndarray:
        """The numbers of posts."""
        return np.searchsorted(self.post_id, post_ids.to_numpy(dtype=object))

    def times(self, shares: pd.DataFrame) -> np.ndarray:
        """When shares were made [n]; without times, after all that is seen."""
        return _numbers(shares["at"]) if self.timed else np.full(len(shares), UNKNOWN + 1)

    def of(self, user: str) -> tuple[np.ndarray, np.ndarray]:
        """What a user was shown: posts [k], some more than once, and when [k]; in order of time, then of posts."""
        places = [self._of[f] for f in self._followees.get(user, ()) if f in self._of]
        at = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
        at = at[np.lexsort((self._post[at], self._since[at]))]
        return self._post[at], self._since[at]

    def spans(self, since: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where in `since` [k] that begins and ends [n] which was seen lately at the times `at` [n]."""
        ends = np.searchsorted(since, at)
        if self._window is None:
            return np.zeros_like(ends), ends
        return np.searchsorted(since, at - self._window), ends


def _numbers(times: pd.Series) -> np.ndarray:
    """Microseconds since 1970; `UNKNOWN` where there is no time."""
    return times.astype(TIME).to_numpy(dtype="datetime64[us]").astype(np.int64)


def _of_user(
    user: str, own: pd.DataFrame, seen: Seen, seed: int, negatives: int, exposure: str, counts: dict[str, Counter[str]]
) -> Iterator[List]:
    """The lists of one user, whose shares are `own`, in order of time; `counts` what was left out, by part."""
    rng = np.random.default_rng([seed, int.from_bytes(hashlib.sha256(user.encode()).digest()[:8])])
    posts, since = seen.of(user)
    shared, at, part = seen.rows(own["post_id"]), seen.times(own), own["part"].to_numpy()
    spans = [slice(*span) for span in zip(*seen.spans(since, at), strict=True)]
    exposed = np.array([(posts[span] == post).any() for span, post in zip(spans, shared, strict=True)])
    for i, name in enumerate(PARTS):
        mine = part == name
        if not mine.any():
            continue
        free = ~np.isin(posts, shared[np.isin(part, PARTS[: i + 1])]) & (seen.author[posts] != user)
        asked = np.flatnonzero(mine & exposed if exposure == "both" else mine)
        lists = {}
        for row in asked:
            there = np.unique(posts[spans[row]][free[spans[row]]])
            if len(there) >= negatives:
                lists[row] = rng.choice(there, negatives, replace=False)
                free &= ~np.isin(posts, lists[row])
        counts[name].update(
            {
                "shares": int(mine.sum()),
                "not seen before": int((mine & ~exposed).sum()),
                "too few posts seen and not shared": len(asked) - len(lists),
                "lists": len(lists),
                "users": int(len(lists) > 0),
                "users without a list": int(not lists),
            }
        )
        for row, others in lists.items():
            yield List(own["at"].iloc[row], user, seen.post_id[[shared[row], *others]].tolist(), name)


def _frame(lists: Sequence[List]) -> pd.DataFrame:
    """A row a post, lists in order of time, user and shared post."""
    ordered = sorted(lists, key=lambda one: (str(one.at), one.user, one.posts[0]))
    rows = [
        (number, one.user, post, place == 0, one.part, one.at)
        for number, one in enumerate(ordered)
        for place, post in enumerate(one.posts)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True)).astype(COLUMNS)


def _report(audit: dict[str, Any]) -> None:
    if not audit["timed"]:
        log.warning("candidates: no share has a time: parts are by chance, and what was seen when is not known")
    for name in PARTS:
        log.info("candidates, %s: %s", name, ", ".join(f"{n} {what}" for what, n in audit[name].items()) or "no share")


if __name__ == "__main__":
    run_stage(main)
