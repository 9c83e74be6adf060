"""Who inside the network of the sample retweets, likes and comments on a post, and when.

Only followers of the author react, each with a weight of exp(taste): 1.5 for a post of the favourite category, 1.5
more for one that shows the prop they love. They do so up to six days after it, after half a day on average. Of the
followers, 20 % at most retweet a post and 30 % like it, never more than the post's own counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.readers.parts.drawn import words

_SHARE_OF_AUDIENCE = {"retweet": 0.2, "like": 0.3}
"""Of the followers inside the network, how many react to a post; all other reactions are the world's."""


@dataclass(frozen=True)
class Audience:
    """Users, who posts when, what posts show, and edges [2, m] follower -> followee, all by row."""

    people: pd.DataFrame
    moments: pd.DataFrame
    look: pd.DataFrame
    follows: np.ndarray

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The followers [a] of the author of each post, and how much the post is to the taste of each [a]."""
        favourite, loved = self.people["favourite"].to_numpy(), self.people["loved_prop"].to_numpy()
        category = self.look["concept"].to_numpy() // (len(words.CONCEPTS) // len(words.TREE))
        prop = self.look["prop"].to_numpy()
        for i, author in enumerate(self.moments["user"]):
            followers = self.follows[0][self.follows[1] == author]
            yield followers, 1.5 * (favourite[followers] == category[i]) + 1.5 * (loved[followers] == prop[i])


def interactions(audience: Audience, posts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Retweets and likes by followers inside the network, never more than the post has."""
    names, ids = audience.people["user_id"].to_numpy(dtype=object), posts["post_id"].to_numpy(dtype=object)
    posted, rows = audience.moments["posted"].to_numpy(), []
    counts = {"retweet": posts["retweets"].to_numpy(), "like": posts["likes"].to_numpy()}
    for i, (followers, taste) in enumerate(audience):
        for kind, share in _SHARE_OF_AUDIENCE.items():
            number = rng.binomial(min(counts[kind][i], len(followers)), share)
            chosen, delay = _react(taste, number, rng)
            rows += [(names[followers[c]], ids[i], kind, posted[i] + d) for c, d in zip(chosen, delay, strict=True)]
    frame = pd.DataFrame(rows, columns=["user_id", "post_id", "kind", "at"])
    frame = frame.sort_values(["at", "post_id", "user_id", "kind"], ignore_index=True)
    return frame.assign(at=iso(frame["at"].astype("datetime64[s]")))


def comments(audience: Audience, posts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A row each comment of the posts: by a follower of the author, or by nobody we know where there are too few."""
    names, ids = audience.people["user_id"].to_numpy(dtype=object), posts["post_id"].to_numpy(dtype=object)
    posted, rows = audience.moments["posted"].to_numpy(), []
    for i, (followers, taste) in enumerate(audience):
        texts = posts["comments"].iloc[i]
        chosen, _ = _react(taste, min(len(texts), len(followers)), rng)
        users = [*names[followers[chosen]], *[None] * (len(texts) - len(chosen))]
        rows += [(ids[i], u, posted[i] + d, t) for u, d, t in zip(users, _delay(len(texts), rng), texts, strict=True)]
    frame = pd.DataFrame(rows, columns=["post_id", "user_id", "at", "text"])
    frame = frame.sort_values(["at", "post_id", "text"], ignore_index=True)
    return frame.assign(at=iso(frame["at"].astype("datetime64[s]")))


def iso(times: pd.Series) -> pd.Series:
    """Times as text."""
    return times.dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def _react(taste: np.ndarray, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Who of the audience reacts and how long after; by exp(taste), without replacement."""
    chosen = np.argsort(-(taste + rng.gumbel(size=len(taste))), kind="stable")[:number]  # the Gumbel trick
    return chosen, _delay(number, rng)


def _delay(number: int, rng: np.random.Generator) -> np.ndarray:
    """Times after the post, at most six days."""
    return np.minimum(rng.exponential(12 * 3600, number), 6 * 86_400).astype("timedelta64[s]")
