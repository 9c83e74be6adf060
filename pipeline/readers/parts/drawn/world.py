"""The people of the sample and what they post: users, posts, the follow graph."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.readers.parts.drawn import popularity, reactions, words

START = np.datetime64("2023-01-01T00:00:00")
DAYS = 365


@dataclass(frozen=True)
class World:
    """`users` and `posts` a row each; `look` what the picture of each post is drawn from."""

    users: pd.DataFrame
    posts: pd.DataFrame
    look: pd.DataFrame
    effects: pd.DataFrame
    follows: pd.DataFrame
    interactions: pd.DataFrame
    comments: pd.DataFrame


def simulate(*, posts: int, users: int, seed: int) -> World:
    """A network of `users` users and their `posts` posts over a year; the same for the same seed."""
    people = _users(users, _rng(seed, 1))
    moments = _moments(people, posts, _rng(seed, 2))
    look = _look(people, moments["user"].to_numpy(), _rng(seed, 3))
    effects = _effects(people, moments, look, _rng(seed, 4))
    counts = popularity.draw(effects, _rng(seed, 5))
    days = moments["days"].to_numpy()
    frame = pd.concat(
        [_describe(people, moments, look, _rng(seed, 6)), counts, popularity.expectations(effects, days)], axis=1
    )
    follows = _follows(people, _rng(seed, 7))
    audience = reactions.Audience(people, moments, look, follows)
    interactions = reactions.interactions(audience, frame, _rng(seed, 8))
    comments = reactions.comments(audience, frame, _rng(seed, 10))  # 9 draws the pictures
    names = people["user_id"].to_numpy()
    graph = pd.DataFrame({"follower_id": names[follows[0]], "followee_id": names[follows[1]]})
    return World(people, frame, look, effects, graph, interactions, comments)


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])


def _users(n: int, rng: np.random.Generator) -> pd.DataFrame:
    followers = np.exp2(rng.normal(11, 2, n)).round()
    favourite = rng.integers(0, len(words.TREE), n)
    return pd.DataFrame(
        {
            "user_id": [f"u{i:03d}" for i in range(n)],
            "followers": followers,
            "following": np.exp2(rng.normal(8, 1, n)).round(),
            "user_photos": np.exp2(rng.normal(9, 1.5, n)).round(),
            "is_pro": rng.random(n) < 0.33,
            "timezone_offset": rng.integers(-8, 9, n),
            "appeal": rng.standard_normal(n),
            "favourite": favourite,
            "loved_prop": rng.integers(0, len(words.PROPS), n),
            "peak_hour": rng.normal(19, 3, n) % 24,
            "activity": rng.gamma(1.5, 1, n) + 0.3,
        }
    )


def _moments(people: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Who posts when: `user`, `posted` and `collected` (UTC), `days` between, local `hour` and `weekend`."""
    activity = people["activity"].to_numpy()
    user = rng.choice(len(people), size=n, p=activity / activity.sum())
    hour = (people["peak_hour"].to_numpy()[user] + rng.normal(0, 3, n)) % 24
    local = rng.integers(0, DAYS, n) * 86_400 + (hour * 3600).astype(np.int64)
    seconds = local - people["timezone_offset"].to_numpy()[user] * 3600
    order = np.argsort(seconds, kind="stable")
    user, local, seconds = user[order], local[order], seconds[order]
    wait = rng.integers(7 * 86_400, 30 * 86_400, n)
    return pd.DataFrame(
        {
            "user": user,
            "posted": START + seconds.astype("timedelta64[s]"),
            "collected": START + (seconds + wait).astype("timedelta64[s]"),
            "days": wait / 86_400,
            "hour": local % 86_400 / 3600,
            "weekend": _weekend(START + local.astype("timedelta64[s]")),
        }
    )


def _weekend(times: np.ndarray) -> np.ndarray:
    days = times.astype("datetime64[D]").astype(np.int64)
    return (days + 3) % 7 >= 5  # day 0 of the epoch was a Thursday; Monday is 0


def _look(people: pd.DataFrame, user: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """What each post shows and says; two in three stay within the user's favourite category."""
    n, each = len(user), len(words.CONCEPTS) // len(words.TREE)
    category = np.where(rng.random(n) < 0.6, people["favourite"].to_numpy()[user], rng.integers(0, len(words.TREE), n))
    return pd.DataFrame(
        {
            "concept": category * each + rng.integers(0, each, n),
            "prop": rng.integers(0, len(words.PROPS), n),
            "brightness": rng.random(n),
            "colourfulness": rng.random(n),
            "offset": rng.random(n),
            "adjective": rng.choice(list(words.ADJECTIVES), n),
            "closing": rng.choice(list(words.CLOSINGS), n),
        }
    )


def _effects(people: pd.DataFrame, moments: pd.DataFrame, look: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The six effects of `popularity.py` on each post."""
    author = people.iloc[moments["user"]].reset_index(drop=True)
    levels = [{key: rng.normal(0, sd) for key in keys} for keys, sd in zip(_levels(), (0.4, 0.3, 0.3), strict=True)]
    of_concept = np.array([sum(level[key] for level, key in zip(levels, c, strict=True)) for c in words.CONCEPTS])
    of_concept -= of_concept.mean()
    return pd.DataFrame(
        {
            "user": 0.6 * (np.log2(author["followers"]) - 11) / 2
            + 0.6 * author["appeal"]
            + 0.3 * np.where(author["is_pro"], 1.0, -0.5),
            "category": of_concept[look["concept"]],
            "words": look["adjective"].map(words.ADJECTIVES) + look["closing"].map(words.CLOSINGS),
            "moment": 0.4 * np.cos(2 * np.pi * (moments["hour"] - 20) / 24) + np.where(moments["weekend"], 0.25, -0.1),
            "picture": 0.6 * popularity.standard(look["brightness"])
            + 0.5 * popularity.standard(look["colourfulness"])
            - 0.5 * popularity.standard(look["offset"]),
            "taste": np.where(look["prop"] == author["loved_prop"], 0.9, -0.3),
        }
    )


def _levels() -> list[list[str]]:
    return [list(dict.fromkeys(c[i] for c in words.CONCEPTS)) for i in range(3)]


def _describe(
    people: pd.DataFrame, moments: pd.DataFrame, look: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    author = people.iloc[moments["user"]].reset_index(drop=True)
    tree = pd.DataFrame([words.CONCEPTS[c] for c in look["concept"]], columns=["category", "subcategory", "concept"])
    texts = pd.DataFrame(
        words.write(rng, concept=row.concept, prop=words.PROPS[row.prop], adjective=row.adjective, closing=row.closing)
        for row in look.itertuples()
    )
    ids = [f"p{i:05d}" for i in range(len(look))]
    times = pd.DataFrame(
        {"posted_at": reactions.iso(moments["posted"]), "collected_at": reactions.iso(moments["collected"])}
    )
    shown = ["followers", "following", "user_photos", "is_pro", "timezone_offset"]
    first = pd.DataFrame({"post_id": ids, "user_id": author["user_id"]})
    image = pd.DataFrame({"image": [f"images/{i}.jpg" for i in ids]})
    return pd.concat([first, times, texts, tree, image, author[shown]], axis=1)


def _follows(people: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Edges [2, m] follower -> followee: more to those with many followers and with the same favourite."""
    favourite, fame = people["favourite"].to_numpy(), np.log2(people["followers"].to_numpy() + 1)
    chance = 0.15 + 0.15 * (favourite[:, None] == favourite) + 0.03 * (fame - fame.mean())
    np.fill_diagonal(chance, 0)
    return np.array(np.nonzero(rng.random(chance.shape) < chance))
