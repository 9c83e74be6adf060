"""Posts that others are later than, as features of the posts before a post see them."""

import numpy as np
import pandas as pd

from features.parts.past import Past
from tests.conftest import build_posts

COLUMNS = ["post_id", "user_id", "posted_at", "category"]
LABEL = {"target": "likes", "transform": "log2p1"}


def drawn(n=120, seed=0):
    """Posts of few users and categories, some at one instant, some without a user, a category or a time; y [n]."""
    rng = np.random.default_rng(seed)
    posts = build_posts(n, seed=seed)[COLUMNS]
    posts["user_id"] = rng.choice(["u0", "u1", "u2", "u3"], n, p=[0.5, 0.3, 0.1, 0.1])
    posts["posted_at"] = posts["posted_at"].iloc[0] + pd.to_timedelta(rng.integers(0, n, n), unit="D")
    posts["posted_at"] = posts["posted_at"].astype("datetime64[us, UTC]")
    for column in ("user_id", "category", "posted_at"):
        posts.loc[rng.random(n) < 0.05, column] = None
    return posts, rng.normal(5, 2, n).round(3)


def chronological(posts, ratios=(0.7, 0.15)):
    """Parts by time; those without one are unused."""
    ends = posts["posted_at"].quantile(np.cumsum(ratios)).to_numpy()
    part = np.array(["train", "validation", "test"], dtype=object)[np.searchsorted(ends, posts["posted_at"].to_numpy())]
    return np.where(posts["posted_at"].isna(), "unused", part)


def by_users(posts):
    """Parts in which no user of one is a user of another."""
    parts = {"u0": "train", "u1": "train", "u2": "validation", "u3": "test"}
    return posts["user_id"].map(parts).fillna("train").to_numpy(dtype=object)


def seen(feature, posts, y, part, *, own=True):
    """The feature, shown these posts and the labels of the parts it reads."""
    feature.fit(posts)
    labels = np.where(np.isin(part, list(feature.parts)), y, np.nan)
    feature.see(Past(posts, part, labels, own), LABEL if feature.parts else None)
    return feature
