"""Who will share it: drafts put in order for a user, or the followers of a user for each draft, by a trained ranker.

`python -m pipeline.rank --system followees --user u1 --posts drafts.csv` writes drafts.ranking.csv, a row a draft in
their order; with `--followers-of u1` it has a row a draft and follower, the most likely to share it first. A draft
with the `post_id` of a post of the dataset is that post, with all that the ranker knows of it; others are new. Of new
posts and users it knows what they have in common with those it was trained on.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from models.base import Ranker
from models.trained import Trained
from pipeline.asking.command import command, output, write
from pipeline.asking.drafts import Drafts, read
from pipeline.asking.featured import Featured
from pipeline.asking.forecaster import find
from pipeline.base import params
from pipeline.base.errors import MissingColumn, UserError, require, run_stage
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.readers.parts.clean import KINDS
from pipeline.storage import store
from pipeline.storage.examples import Examples

log = logging.getLogger(__name__)

PAIRS = 2**14
"""Pairs of a user and a post that are scored at once: the memory for a post's vectors."""


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line, rank, write the table."""
    parser = command("rank", __doc__)
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user", help="put the drafts in order for this user")
    whom.add_argument("--followers-of", help="put the followers of this user in order for each draft")
    asked = parser.parse_args(arguments)
    out, p = output(asked, "ranking"), params.load(paths.params)
    rank, who = (for_user, asked.user) if asked.followers_of is None else (for_followers, asked.followers_of)
    frame = rank(paths, p, asked.system, asked.posts, who, days=asked.days)
    write(frame, out)
    log.info("%s: %d scores of %s", out, len(frame), asked.system)


def for_user(
    paths: Paths, p: Params, system: str, drafts: Path, user: str, *, days: float | None = None
) -> pd.DataFrame:
    """Drafts for a user, a row each in their order.

    Columns: `post_id`; `image`, the status of the picture, where the ranker looks at pictures; `score`, on the scale
    of the ranker (mean over seeds); `rank`, 1 for what the user is most likely to share, the same for equal scores.
    `days` is how long posts are online where features count that. Raises `UserError` where drafts lack a column.
    """
    trained, user = _ranker(paths, system), _cleaned(user)
    _warn_of_stranger(paths, user)
    read_in = read(paths, p, drafts, days=days)
    posts, status = _posts(paths, p, trained, read_in)
    rows = np.arange(len(posts))
    table = pd.DataFrame({"post_id": read_in.post_id})
    if status is not None:
        table["image"] = status
    table["score"] = scores(trained, np.full(len(posts), user, dtype=object), posts, rows)
    return table.assign(rank=_places(table["score"]))


def for_followers(
    paths: Paths, p: Params, system: str, drafts: Path, author: str, *, days: float | None = None
) -> pd.DataFrame:
    """The followers of a user for each draft: drafts in their order, followers from the most likely to share it on.

    Columns: `post_id`, `user_id`, `score` and, for each draft, `rank`, as `for_user` has them. Drafts that do not say
    whose they are, are this user's. Raises `UserError` where nobody follows the user.
    """
    trained, author = _ranker(paths, system), _cleaned(author)
    followers = _followers(paths, author)
    read_in = read(paths, p, drafts, days=days)
    own = read_in.frame["user_id"] if "user_id" in read_in.frame else pd.Series(None, index=read_in.frame.index)
    read_in.frame["user_id"] = own.astype(object).fillna(author).astype("str")
    posts, _ = _posts(paths, p, trained, read_in)
    rows = np.repeat(np.arange(len(posts)), len(followers))
    users = np.tile(followers, len(posts))
    table = pd.DataFrame({"post_id": read_in.post_id.to_numpy()[rows], "user_id": users, "draft": rows})
    table["score"] = scores(trained, users, posts, rows)
    table["rank"] = _places(table.groupby("draft")["score"])
    return table.sort_values(["draft", "rank"], kind="stable", ignore_index=True).drop(columns="draft")


def _ranker(paths: Paths, system: str) -> Trained:
    trained = find(paths, system)
    if not trained.kind.ranks:
        raise UserError(f"--system {system}: it predicts counts and ranks nothing; ask python -m pipeline.predict")
    return trained


def _cleaned(user: str) -> str:
    """The id of a user as the stage `posts` spells it."""
    return KINDS["id"]([user])[0][0] or user


def _warn_of_stranger(paths: Paths, user: str) -> None:
    """Say that a user is new to every ranker, for a typing error looks the same."""
    shares = store.read_frame(paths.shares, ["user_id", "part"])
    known = [shares.loc[shares["part"] == "train", "user_id"], *_columns(paths.follows)]
    if "user_id" in store.columns_of(paths.posts):
        known += _columns(paths.posts, "user_id")
    if not any((column == user).any() for column in known):
        log.warning(
            "--user %s: no share, follow or post of theirs to learn from: they are ranked for as a new user", user
        )


def _columns(path: Path, *names: str) -> list[pd.Series]:
    frame = store.read_frame(path, list(names) or None)
    return [frame[column] for column in frame]


def _followers(paths: Paths, author: str) -> np.ndarray:
    """Ids [k] of those who follow a user, sorted."""
    follows = store.read_frame(paths.follows)
    found = follows.loc[follows["followee_id"] == author, "follower_id"]
    if not len(found):
        raise UserError(f"--followers-of {author}: nobody in the dataset follows that user; name another")
    return np.unique(found.to_numpy(dtype=object))


def _posts(paths: Paths, p: Params, trained: Trained, drafts: Drafts) -> tuple[Examples, pd.Series | None]:
    """The drafts as a ranker is fed posts, and the status of their pictures where it looks at them."""
    columns = trained.unfitted().columns
    try:
        require(columns, drafts.frame, f"the system {trained.name} needs")
        values, status = Featured(paths, p, trained)(drafts)
    except MissingColumn as error:
        raise error.within(str(drafts.file)) from None
    shown = drafts.frame[list(dict.fromkeys([*(c for c in ("user_id",) if c in drafts.frame), *columns]))]
    return Examples(shown.assign(post_id=_ids(paths, drafts)).reset_index(drop=True), values), status


def _ids(paths: Paths, drafts: Drafts) -> np.ndarray:
    """The ids [n] of posts of the dataset, for drafts that bear one alone; of others such as no post has."""
    known = drafts.named & drafts.post_id.isin(store.read_frame(paths.posts, ["post_id"])["post_id"]).to_numpy()
    known &= ~drafts.post_id.duplicated(keep=False).to_numpy()
    if known.any():
        log.info("%s: %d of %d drafts are posts of the dataset", drafts.file, known.sum(), len(known))
    unknown = " " + drafts.frame["post_id"]  # no clean id begins with a blank
    return np.where(known, drafts.post_id, unknown)


def scores(ranker: Trained | Ranker, users: np.ndarray, posts: Examples, rows: np.ndarray) -> np.ndarray:
    """Scores [n] of users [n] and the posts at `rows` [n], `PAIRS` at a time."""
    blocks = [slice(start, start + PAIRS) for start in range(0, len(rows), PAIRS)]
    return np.concatenate([ranker.score(users[block], posts.take(rows[block])) for block in blocks])


def _places(scores: pd.Series) -> pd.Series:
    """Places, of each group where they are grouped: one more than there are higher scores."""
    return scores.rank(method="min", ascending=False).astype("int64")


if __name__ == "__main__":
    run_stage(main, writes=False)
