"""Which posts the pictures of attention show: rules that the same numbers always answer the same way.

All choose among candidates, a row a test post with `post_id`, `user_id` (where there are users), `y` and
`prediction`, ties by post_id.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

GOOD, BAD = 2, 2
"""Cases with the smallest and the largest absolute error."""
COMPARED = 2
"""Posts shown as several systems see them."""
USERS, POSTS = 2, 4
"""Users, and the posts of each that are shown."""


def ordinary(posts: pd.DataFrame) -> list[str]:
    """The post whose absolute error is the median: neither luck nor failure."""
    ranked = _by_error(posts)
    return ranked[(len(ranked) - 1) // 2 : (len(ranked) - 1) // 2 + 1]


def cases(posts: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Posts with the smallest absolute errors, and those with the largest, the worst first."""
    ranked = _by_error(posts)
    good = ranked[: min(GOOD, len(ranked) - len(ranked) // 2)]
    return good, ranked[len(good) :][::-1][:BAD]


def disputed(posts: pd.DataFrame, predictions: Mapping[str, pd.Series]) -> list[str]:
    """Posts on which predictions of the systems differ most; `predictions` of each system, by post_id."""
    table = pd.DataFrame({name: of_system.reindex(posts["post_id"]) for name, of_system in predictions.items()})
    spread = table.std(axis=1, ddof=0).rename("spread").rename_axis("post_id").reset_index()
    ranked = spread.sort_values(["spread", "post_id"], ascending=[False, True])
    return ranked["post_id"].head(COMPARED).tolist()


def of_users(posts: pd.DataFrame) -> dict[str, list[str]]:
    """Posts of the users with most of them, evenly through their posts in order; none if fewer than two have two."""
    if "user_id" not in posts:
        return {}
    counts = posts.groupby("user_id").size().rename("n").reset_index()
    most = counts[counts["n"] > 1].sort_values(["n", "user_id"], ascending=[False, True])["user_id"].head(USERS)
    if len(most) < USERS:
        return {}
    return {user: _evenly(posts.loc[posts["user_id"] == user, "post_id"].tolist()) for user in most}


def _by_error(posts: pd.DataFrame) -> list[str]:
    error = (posts["prediction"] - posts["y"]).abs()
    return posts.assign(error=error).sort_values(["error", "post_id"])["post_id"].tolist()


def _evenly(posts: list[str]) -> list[str]:
    at = np.unique(np.linspace(0, len(posts) - 1, min(len(posts), POSTS)).round().astype(int))
    return [posts[i] for i in at]
