"""data/posts.parquet -> data/splits.parquet: the part of each post, `train`, `validation`, `test` or `unused`.

| method | parts |
| --- | --- |
| random | by chance |
| chronological | oldest, then newer, then newest; posts of one instant stay together |
| chronological_shuffled | the oldest train; the newest are dealt to validation and test by chance |
| users | by chance, all posts of a user together |

Chance is a hash of the id and the seed, so the order of the rows changes nothing.
"""

import hashlib
import logging
import math
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.base import params
from pipeline.base.errors import UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.base.sections import NEEDS
from pipeline.storage import store

log = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")


def main(paths: Paths = Paths()) -> None:
    """Split the posts as the `split` section says."""
    p = params.load(paths.params)
    column = p.split.column
    if column and column not in store.columns_of(paths.posts):
        raise UserError(
            f"split.method: {p.split.method} needs column '{column}', which the data lacks; random does not"
        )
    posts = store.read_frame(paths.posts, ["post_id", *([column] if column else [])])
    splits = assign(posts, seed=p.seed, **vars(p.split))
    store.write_frame(paths.splits, splits)
    counts = splits["part"].value_counts()
    log.info("split %s: %s", p.split.method, ", ".join(f"{counts.get(p, 0)} {p}" for p in (*PARTS, "unused")))
    if counts.get("unused"):
        log.warning("split: %d posts have no %s and belong to no part", counts["unused"], column)


def assign(
    posts: pd.DataFrame,
    *,
    seed: int,
    method: Literal["random", "chronological", "chronological_shuffled", "users"],
    ratios: list[float],
) -> pd.DataFrame:
    """The part of each post, `post_id` and `part`, in the order of `posts`.

    `method` decides what stays together; `ratios` are the shares of posts in train, validation and test.
    Raises `UserError` for shares that are none, and where a part would be empty.
    """
    check_ratios("split.ratios", ratios)
    what = {"random": "posts", "users": "users"}.get(method, "distinct times")
    few = f"split: {{}} {what} cannot be split into {{}}; change split.method"
    part = np.full(len(posts), "unused", dtype=object)
    known = posts[NEEDS[method]].notna().to_numpy() if method in NEEDS else np.ones(len(posts), dtype=bool)
    rows = np.flatnonzero(known)
    ids = posts["post_id"].to_numpy(dtype=object)[rows]
    if method == "random":
        part[rows] = deal(chance(ids, seed), ratios, few)
    elif method == "users":
        part[rows] = deal(chance(posts["user_id"].to_numpy(dtype=object)[rows], seed), ratios, few)
    elif method == "chronological":
        part[rows] = deal(_instants(posts, rows), ratios, few)
    else:
        newest = [ratios[0], 0, ratios[1] + ratios[2]]
        part[rows] = deal(_instants(posts, rows), newest, few)
        late = np.flatnonzero(part == "test")
        order = chance(posts["post_id"].to_numpy(dtype=object)[late], seed)
        part[late] = deal(order, [0, *(r / newest[2] for r in ratios[1:])], few)
    return pd.DataFrame({"post_id": posts["post_id"].to_numpy(dtype=object), "part": part})


def check_ratios(where: str, ratios: list[float]) -> None:
    """Raise `UserError` for shares that are none; `where` is their key."""
    positive = len(ratios) == 3 and ratios[0] > 0 and ratios[1] >= 0 and ratios[2] > 0
    if not positive or not math.isclose(sum(ratios), 1, abs_tol=1e-6):
        raise UserError(
            f"{where}: {ratios}: expected the shares of train, validation and test; "
            "they sum to 1 and only validation may be 0"
        )


def _instants(posts: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    return posts["posted_at"].to_numpy()[rows]


def chance(ids: np.ndarray, seed: int) -> np.ndarray:
    """A key [n] to sort by, the same for equal ids."""
    return np.array([hashlib.sha256(f"{seed}:{i}".encode()).hexdigest() for i in ids], dtype=object)


def deal(keys: np.ndarray, ratios: list[float], few: str) -> np.ndarray:
    """Parts [n] by ascending `keys`: equal keys stay together, sizes come as near the shares as that allows.

    Each part with a share above 0 gets at least one key. Raises `UserError` where there are too `few` keys; it says
    how many and which parts they were for.
    """
    groups, group = np.unique(keys, return_inverse=True)
    wanted = [part for part, ratio in zip(PARTS, ratios, strict=True) if ratio > 0]
    if len(groups) < len(wanted):
        raise UserError(few.format(len(groups), ", ".join(wanted)))
    shares = np.cumsum([ratio for ratio in ratios if ratio > 0])
    filled = np.cumsum(np.bincount(group))
    part_of_group, start = np.empty(len(groups), dtype=object), 0
    for i, part in enumerate(wanted):
        last = len(groups) - (len(wanted) - 1 - i)  # leave one group for each part to come
        ends = np.arange(start + 1, last + 1)
        end = ends[np.argmin(np.abs(filled[ends - 1] - shares[i] * len(keys)))] if part != wanted[-1] else last
        part_of_group[start:end] = part
        start = end
    return part_of_group[group]


if __name__ == "__main__":
    run_stage(main)
