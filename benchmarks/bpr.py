"""Training BPR against Cornac's and implicit's, on the same shares, with as many factors and one thread each.

`uv pip install --group bench` installs both; without one of them, what is measured against it is left out.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from benchmarks.measure import Measure, seconds
from models.famf import FAMF
from models.parts import bpr, draws
from models.parts.descent import Descent
from pipeline import rank
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feed

USERS, POSTS, TASTES, SHARES = 3_000, 10_000, 12, 300_000
READERS = 1_000
FACTORS, EPOCHS, RATE, PENALTY = 16, 10, 0.05, 0.005
Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Scores [n] of users and posts [n]."""


def run(folder: Path) -> Iterator[Measure]:
    """Triples a second, and what they are worth: the AUC on a tenth of the shares, which none has seen."""
    torch.set_num_threads(1)
    shares, held = make()
    trainings = {"ours": ours(shares), **{name: make(shares) for name, make in OTHERS.items() if find_spec(name)}}
    learned: dict[str, Scores] = {}

    def train(name: str) -> None:
        learned[name] = trainings[name]()

    times = seconds(*(lambda name=name: train(name) for name in trainings))
    speeds = {name: EPOCHS * shares.shape[1] / time for name, time in zip(trainings, times, strict=True)}
    quality = {name: auc(scores, shares, held) for name, scores in learned.items()}
    for name in trainings:
        if name != "ours":
            yield Measure("BPR, triples", f"{name}'s", speeds["ours"], speeds[name], "/s", "aim 1")
            yield Measure("BPR, AUC on shares held out", f"{name}'s", quality["ours"], quality[name], "", "aim 1")
    yield scoring(feed_of(shares))


def scoring(feed: Feed) -> Measure:
    """Pairs a second of `READERS` users and all posts; the limit is to gather their vectors, as many at a time."""
    ranker = FAMF(factors=FACTORS, descent=Descent(epochs=1, patience=None))
    ranker.fit(feed, feed)
    rows = np.repeat(np.arange(POSTS), READERS)
    readers = np.tile(np.arange(READERS), POSTS)
    users, posts = np.random.default_rng(0).normal(size=(2, POSTS, FACTORS + 1))
    bare = of(users, posts)
    blocks = [slice(start, start + rank.PAIRS) for start in range(0, len(rows), rank.PAIRS)]
    said, limit = seconds(
        lambda: rank.scores(ranker, feed.users[readers], feed.posts, rows),
        lambda: np.concatenate([bare(readers[block], rows[block]) for block in blocks]),
    )
    return Measure(
        f"scoring {READERS:,} users x {POSTS:,} posts", "gather and product", len(rows) / said, len(rows) / limit, "/s"
    )


def make() -> tuple[np.ndarray, np.ndarray]:
    """Users and posts [2, n] of shares, by taste and by how good posts are; and of those held out."""
    rng = np.random.default_rng(0)
    liked, kind = rng.integers(0, TASTES, USERS), rng.integers(0, TASTES, POSTS)
    good = rng.lognormal(0, 1, POSTS)
    users = np.sort(rng.integers(0, USERS, SHARES))
    posts = rng.choice(POSTS, SHARES, p=good / good.sum())
    of_kind = [np.flatnonzero(kind == k) for k in range(TASTES)]
    for k in range(TASTES):
        by_taste = np.flatnonzero((liked[users] == k) & (rng.random(SHARES) < 0.6))
        posts[by_taste] = rng.choice(of_kind[k], len(by_taste), p=good[of_kind[k]] / good[of_kind[k]].sum())
    pairs = np.unique(np.stack([users, posts]), axis=1)
    later = rng.random(pairs.shape[1]) < 0.1
    return pairs[:, ~later], pairs[:, later]


def auc(scores: Scores, shares: np.ndarray, held: np.ndarray) -> float:
    """Share of posts held out that score above one the user did not share."""
    shared = draws.Shared(np.concatenate([shares, held], axis=1), USERS, POSTS)
    others = np.random.default_rng(1).integers(0, POSTS, held.shape[1])
    use = ~shared.has(held[0], others)
    return float(np.mean(scores(held[0][use], held[1][use]) > scores(held[0][use], others[use])))


def feed_of(shares: np.ndarray) -> Feed:
    """The shares as rankers are fed them, without lists and follows."""
    nothing, users = np.empty(0, dtype=np.int64), np.arange(USERS).astype(str).astype(object)
    return Feed(
        posts=Examples(pd.DataFrame({"post_id": np.arange(POSTS).astype(str)})),
        users=users,
        lists=nothing.reshape(0, 3),
        numbers=nothing,
        viewers=nothing,
        at=nothing,
        authors=np.full(POSTS, -1),
        follows=nothing.reshape(2, 0),
        shares=shares,
        shared_at=nothing,
        comments=pd.DataFrame(),
        known=POSTS,
    )


def ours(shares: np.ndarray) -> Callable[[], Scores]:
    """As `famf` trains."""
    feed = feed_of(shares)

    def train() -> Scores:
        fitted = bpr.fit(
            feed,
            feed,
            lambda _: draws.of_catalogue(feed),
            draws.touched(feed, "catalogue"),
            factors=FACTORS,
            item_bias=True,
            penalty=PENALTY,
            batch_size=1024,
            descent=Descent(learning_rate=RATE, epochs=EPOCHS, patience=None),
            seed=0,
        )
        return of(fitted.users.vectors, fitted.posts.vectors)

    return train


def cornac(shares: np.ndarray) -> Callable[[], Scores]:
    """Cornac's; its `lambda_reg` is the slope of the penalty."""
    from cornac.data import Dataset
    from cornac.models import BPR

    data = Dataset.from_uir([(int(u), int(i), 1.0) for u, i in shares.T])

    def train() -> Scores:
        options = {"learning_rate": RATE, "lambda_reg": 2 * PENALTY, "use_bias": True, "num_threads": 1, "seed": 0}
        model = BPR(k=FACTORS, max_iter=EPOCHS, **options).fit(data)
        users, posts = (
            pd.Series(known).reindex(range(n)) for known, n in ((data.uid_map, USERS), (data.iid_map, POSTS))
        )
        vectors = np.column_stack([np.ones(len(model.u_factors)), model.u_factors])
        others = np.column_stack([model.i_biases, model.i_factors])
        return of(_at(vectors, users), _at(others, posts))

    return train


def implicit(shares: np.ndarray) -> Callable[[], Scores]:
    """Implicit's, which has a bias, too."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    data = sparse.csr_matrix((np.ones(shares.shape[1], dtype=np.float32), tuple(shares)), shape=(USERS, POSTS))

    def train() -> Scores:
        options = {"learning_rate": RATE, "regularization": 2 * PENALTY, "num_threads": 1, "random_state": 0}
        model = BayesianPersonalizedRanking(factors=FACTORS, iterations=EPOCHS, **options)
        model.fit(data, show_progress=False)
        return of(model.user_factors, model.item_factors)

    return train


OTHERS: dict[str, Callable[[np.ndarray], Callable[[], Scores]]] = {"cornac": cornac, "implicit": implicit}


def _at(vectors: np.ndarray, rows: pd.Series) -> np.ndarray:
    """Vectors in our order; zero where it knows none."""
    known = rows.notna().to_numpy()
    return np.where(known[:, None], vectors[rows.fillna(0).to_numpy(dtype=np.int64)], 0)


def of(users: np.ndarray, posts: np.ndarray) -> Scores:
    """Scores by vectors of all users and posts."""
    return lambda u, i: np.einsum("nf,nf->n", users[u], posts[i])
