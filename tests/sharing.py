"""A small network whose users share what they saw: posts, interactions and follows as the stage `posts` leaves them."""

import numpy as np
import pandas as pd

TIME = "datetime64[us, UTC]"
START = pd.Timestamp("2021-01-01", tz="UTC")


def build_sharing(users=12, posts=60, shares=200, seed=0, timed=True):
    """Every user follows half of the others; shares come after posts, of followees' posts mostly."""
    rng = np.random.default_rng(seed)
    names = np.array([f"u{i:02d}" for i in range(users)], dtype=object)
    author, hours = rng.integers(0, users, posts), np.sort(rng.integers(0, 24 * posts, posts))
    frame = pd.DataFrame(
        {
            "post_id": [f"p{i:03d}" for i in range(posts)],
            "user_id": names[author],
            "posted_at": START + pd.to_timedelta(hours, unit="h"),
            "likes": rng.integers(1, 100, posts).astype(float),
        }
    ).astype({"posted_at": TIME})
    edges = np.argwhere((rng.random((users, users)) < 0.5) & ~np.eye(users, dtype=bool))
    who, what = rng.integers(0, users, shares), rng.integers(0, posts, shares)
    delay = pd.to_timedelta(rng.integers(1, 24 * 20, shares), unit="h")
    at = frame["posted_at"].iloc[what].reset_index(drop=True) + delay
    interactions = pd.DataFrame(
        {"user_id": names[who], "post_id": frame["post_id"].to_numpy()[what], "kind": "retweet", "at": at}
    ).astype({"at": TIME})
    if not timed:
        interactions["at"] = pd.Series(pd.NaT, index=interactions.index, dtype=TIME)
        frame["posted_at"] = pd.Series(pd.NaT, index=frame.index, dtype=TIME)
    follows = pd.DataFrame({"follower_id": names[edges[:, 0]], "followee_id": names[edges[:, 1]]})
    return frame, interactions.drop_duplicates(["user_id", "post_id"], ignore_index=True), follows
