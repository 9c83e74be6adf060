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
    rate, decay = learning_rate, 2 * learning_rate * penalty
    x = _compiled_margins(vectors.users, vectors.posts, *triples)  # [b]
    e = np.exp(-np.abs(x))
    _compiled_move(vectors.users, vectors.posts, *triples, rate * np.where(x > 0, e, x.dtype.type(1)) / (1 + e), decay)
    return float(np.sum(np.log(1 + e) + np.maximum(-x, 0), dtype=np.float64))


def _margins(users: np.ndarray, posts: np.ndarray, u: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """x_ui - x_uj of triples, [b], by (1)."""
    x = np.empty(len(u), users.dtype)
    for n in range(len(u)):
        p, q_i, q_j, total = users[u[n]], posts[i[n]], posts[j[n]], users.dtype.type(0)
        for k in range(users.shape[1]):
            total += p[k] * (q_i[k] - q_j[k])
        x[n] = total
    return x


def _move(
    users: np.ndarray, posts: np.ndarray, u: np.ndarray, i: np.ndarray, j: np.ndarray, g: np.ndarray, decay: float
) -> None:
    """Move what triples read by `g` [b] times its slope of x, and shrink it by `decay`; all from where they stand."""
    b, f, shrink = len(u), users.shape[1], users.dtype.type(decay)
    moves = np.empty((b, 3, f), users.dtype)  # of p, q_i and q_j
    for n in range(b):
        p, q_i, q_j, move = users[u[n]], posts[i[n]], posts[j[n]], moves[n]
        for k in range(f):
            move[0, k] = g[n] * (q_i[k] - q_j[k]) - shrink * p[k]
            move[1, k] = g[n] * p[k] - shrink * q_i[k]
            move[2, k] = -g[n] * p[k] - shrink * q_j[k]
        move[0, 0] = 0
    for n in range(b):
        p, q_i, q_j, move = users[u[n]], posts[i[n]], posts[j[n]], moves[n]
        for k in range(f):
            p[k] += move[0, k]
        for k in range(f):
            q_i[k] += move[1, k]
        for k in range(f):
            q_j[k] += move[2, k]


# A triple is too little work for calls of NumPy; what checks types while tests run cannot be compiled. Exponentials and
# logarithms are NumPy's, which takes several at once.
_compile = numba.njit(cache=True, fastmath={"reassoc", "contract"})
_compiled_margins, _compiled_move = _compile(inspect.unwrap(_margins)), _compile(inspect.unwrap(_move))


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
