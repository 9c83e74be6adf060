"""Why a trained system predicts what it does: what each group of inputs adds, of posts that have their features.

Shapes: n posts.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from features.base import GROUPS, feature_class
from models.parts import reasons
from models.parts.reasons import BASE, Groups
from models.trained import Trained
from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.storage.examples import Examples, read_posts

TRAINED_ON = 1000
"""Training posts, evenly thinned, whose mean stands for a post of which nothing is known."""
SAID = {
    "user_id": "new user",
    "words": "no text",
    "picture": "no picture",
    "posted_at": "no time",
}
"""What is said of a draft that lacks something."""
TEXTS = ("title", "text", "tags")


def told(paths: Paths, trained: Trained, systems: Sequence[Any], posts: Examples) -> pd.DataFrame:
    """A row a post: `base`, what each group adds, and their sum, the `prediction`; mean over `systems`, those of seeds.

    On the scale of training. Groups are those the system reads, in the order of `features.base.GROUPS`.
    """
    groups = groups_of(trained, posts)
    background = partial(_nobody, paths, trained, posts.target)
    found = [reasons.by_group(system, posts, groups, background) for system in systems]
    columns = [BASE, *(name for name in GROUPS if name in groups.names)]
    table = {name: np.mean([of_seed[name] for of_seed in found], axis=0) for name in columns}
    return pd.DataFrame({**table, "prediction": np.sum(list(table.values()), axis=0)})


def groups_of(trained: Trained, posts: Examples) -> Groups:
    """The group of each number and column that a system reads of posts."""
    features = {}
    for name, made in trained.features.items():
        cls, values = feature_class(made["module"]), posts.features[name]
        of = [cls.group] * values.width if values.names is None else [cls.group_of(column) for column in values.names]
        features[name] = np.array(of, dtype=object)
    return Groups(features, reasons.of_columns(trained.needs(posts.target)))


def _nobody(paths: Paths, trained: Trained, target: str) -> Examples:
    """What stands for a post of which nothing is known. Raises `UserError` where features changed since training."""
    trained.check_features(paths)
    every = read_posts(paths, features=list(trained.features), columns=trained.needs(target))
    splits = store.read_frame(paths.splits, ["post_id", "part"]).set_index("post_id")["part"]
    rows = np.flatnonzero(splits.reindex(every.posts["post_id"]).to_numpy() == "train")
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), TRAINED_ON)).round().astype(int))]
    return reasons.mean_of(every.take(chosen))


def unknown(frame: pd.DataFrame, groups: Sequence[str], users: Sequence[str], status: pd.Series | None) -> pd.Series:
    """In words [n] what is not known of drafts that a system would read; of no draft where all is.

    `groups` are those of the system, `users` those of training posts, `status` that of pictures, if it looks at them.
    """
    lacks = {SAID["user_id"]: ~_column(frame, "user_id").isin(list(users))} if len(users) else {}
    if "words" in groups:
        lacks[SAID["words"]] = np.all([_column(frame, text).fillna("").str.strip() == "" for text in TEXTS], axis=0)
    if status is not None:
        lacks[SAID["picture"]] = (status != "ok").to_numpy()
    if {"when", "history"} & set(groups):
        lacks[SAID["posted_at"]] = _column(frame, "posted_at").isna()
    told = pd.DataFrame({words: np.asarray(of) for words, of in lacks.items()}, index=range(len(frame)))
    return pd.Series([", ".join(told.columns[row]) for row in told.to_numpy(dtype=bool)], dtype="str")


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype="str")
