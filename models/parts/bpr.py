"""Bayesian personalised ranking: a user's shared posts above the others, by steps over triples.

Rendle, Freudenthaler, Gantner and Schmidt-Thieme, BPR: Bayesian Personalized Ranking from Implicit Feedback (UAI
2009): (1) x_ui = b_i + p_u . q_i, (2) L = -ln sigma(x_ui - x_uj) + penalty ||.||^2 over the parameters of a triple.
What a user adds to all posts alike cancels.

A post's vector here is [b_i, q_i] and a user's [1, p_u], the first number of which never moves; [0, p_u] is the model
without biases. Shapes: k users, p posts, b triples a batch, f numbers a vector.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import torch

from models.parts.descent import Course, Descent, descend
from models.parts.draws import Draw, Triples
from models.parts.factors import Seen, Table
from pipeline.storage.feed import Feed

DEVIATION = 0.1
"""Of the first factors, as in the authors' own library."""
AHEAD = 2**14
"""Triples drawn at once: many cost little more than few."""


@dataclass(frozen=True)
class Vectors:
    """What BPR learns: vectors of users [k, f] and of posts [p, f]."""

    users: np.ndarray
    posts: np.ndarray

    @classmethod
    def draw(
        cls, rng: np.random.Generator, users: int, posts: int, factors: int, *, item_bias: bool, dtype: str = "float32"
    ) -> "Vectors":
        """Small random factors, biases of zero."""
        p, q = (rng.normal(0, DEVIATION, (rows, 1 + factors)).astype(dtype) for rows in (users, posts))
        p[:, 0], q[:, 0] = float(item_bias), 0
        return cls(p, q)


def step(vectors: Vectors, triples: Triples, *, learning_rate: float, penalty: float) -> float:
    """One step down (2), in place, from where all triples [b] of a batch stand; their loss without the penalty, summed.

    A batch takes the sum of the steps of its triples: the learning rate means what it means a triple at a time.
    """
    return _compiled(vectors.users, vectors.posts, *triples, learning_rate, 2 * learning_rate * penalty)


def _step_of_triples(
    users: np.ndarray, posts: np.ndarray, u: np.ndarray, i: np.ndarray, j: np.ndarray, rate: float, decay: float
) -> float:
    """`step`, where what a triple reads shrinks by `decay`."""
    b, f, loss, number = len(u), users.shape[1], 0.0, users.dtype.type
    moves, shrink = np.empty((b, 3, f), users.dtype), number(decay)  # of p, q_i and q_j, all from where they stand
    for n in range(b):
        p, q_i, q_j, move = users[u[n]], posts[i[n]], posts[j[n]], moves[n]
        x = number(0)
        for k in range(f):
            x += p[k] * (q_i[k] - q_j[k])  # (1)
        e = np.exp(-np.abs(x))
        loss += np.log1p(e) + max(-x, 0)
        g = number(rate) * (e if x > 0 else number(1)) / (number(1) + e)  # how far from x to go up
        for k in range(f):
            move[0, k] = g * (q_i[k] - q_j[k]) - shrink * p[k]
            move[1, k] = g * p[k] - shrink * q_i[k]
            move[2, k] = -g * p[k] - shrink * q_j[k]
        move[0, 0] = 0
    for n in range(b):
        p, q_i, q_j, move = users[u[n]], posts[i[n]], posts[j[n]], moves[n]
        for k in range(f):
            p[k] += move[0, k]
        for k in range(f):
            q_i[k] += move[1, k]
        for k in range(f):
            q_j[k] += move[2, k]
    return loss


_compiled = numba.njit(cache=True, fastmath={"reassoc", "contract"})(inspect.unwrap(_step_of_triples))
"""A triple is too little work for calls of NumPy; what checks types while tests run cannot be compiled."""


def add_at(table: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """Add values [b, f] to rows [b] of a table in place, rows that stand there twice both times.

    PyTorch does it at a tenth of the time of NumPy's `add.at`.
    """
    torch.from_numpy(table).index_add_(0, torch.from_numpy(rows), torch.from_numpy(values))


def passes(
    draw: Draw,
    take: Callable[[Triples], float],
    *,
    rng: np.random.Generator,
    shares: int,
    batch_size: int,
    ahead: int = AHEAD,
) -> Callable[[], float]:
    """An epoch: as many triples drawn as there are shares, `take` called with each batch; gives their mean loss.

    So many batches are drawn at once as make `ahead` triples; where draws depend on what was learned, one.
    """
    size = max(1, ahead // batch_size) * batch_size

    def epoch() -> float:
        total, drawn = 0.0, 0
        for start in range(0, shares, size):
            triples = draw(rng, min(size, shares - start))
            drawn += len(triples[0])
            for first in range(0, len(triples[0]), batch_size):
                total += take(tuple(rows[first : first + batch_size] for rows in triples))
        return total / max(1, drawn)

    return epoch


class Fitted(NamedTuple):
    """What a training ends with."""

    users: Table
    posts: Table
    course: Course


def fit(
    train: Feed,
    validation: Feed,
    draw: Callable[[Vectors], Draw],
    touched: np.ndarray,
    *,
    factors: int,
    item_bias: bool,
    penalty: float,
    batch_size: int,
    descent: Descent,
    seed: int,
    ahead: int = AHEAD,
) -> Fitted:
    """Train on triples of `draw`, which is told the vectors that move; an epoch is as many as there are shares.

    `touched` [p] says which of the posts it can give; `ahead` is as `passes` takes it.
    """
    rng, seen = np.random.default_rng(seed), Seen(train, posts=touched)
    vectors = Vectors.draw(rng, len(train.users), len(train.posts), factors, item_bias=item_bias)
    shares, own = train.shares.shape[1], draw(vectors)

    def take(triples: Triples) -> float:
        return step(vectors, triples, learning_rate=descent.learning_rate, penalty=penalty)

    epoch = passes(own, take, rng=rng, shares=shares, batch_size=batch_size, ahead=ahead)
    validate = (lambda: seen.auc(validation, vectors.users, vectors.posts)) if len(validation) else None
    course = descend({"users": vectors.users, "posts": vectors.posts}, epoch, validate, descent, label="bpr")
    return Fitted(*seen.tables(vectors.users, vectors.posts), course)
