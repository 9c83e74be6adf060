"""Plain-NumPy `adabpr`: BPR with negatives drawn by their rank in a factor (Rendle and Freudenthaler, 2014).

A factor f is drawn with p(f | u) ∝ |p_uf| · sd_i(q_if), a rank r with p(r) ∝ exp(-r / λ). The item is the r-th of
the descending order of q_·f if p_uf > 0, else the r-th from the end; one that u shared is rejected. Orders and
deviations are computed anew every |I| ln|I| draws. Weights and loss are those of `famf`.

Readings of ours. The bias of items takes no part in the draw. p(r) is over the |I| ranks there are, so that it is the
same whether they are counted from 0 or from 1. Of equal q_if the earlier row comes first, and the order from the end
is the reverse of that. A rejected draw is repeated from the factor on. Only an accepted draw counts towards |I| ln|I|,
rounded up. p_u is the current one while orders and deviations are old. Factors that all weigh zero are equally likely.
λ is a number of ranks; whoever gives it as a share of |I| multiplies first.
"""

from collections.abc import Mapping, Sequence
from math import ceil, exp, log
from typing import NamedTuple

import numpy as np

from tests.oracles import famf
from tests.oracles.layers import Parameters


class Tables(NamedTuple):
    """What is computed anew now and then."""

    orders: list[list[int]]
    """By factor: the items, largest q_if first."""
    deviations: list[float]
    """By factor: sd_i(q_if), the root of the mean square from the mean."""


def tables(q: np.ndarray) -> Tables:
    """Orders and deviations of `q` [items, k]."""
    orders, deviations = [], []
    for f in range(q.shape[1]):
        column = [float(row[f]) for row in q]
        mean = sum(column) / len(column)
        deviations.append((sum((x - mean) ** 2 for x in column) / len(column)) ** 0.5)
        orders.append(sorted(range(len(column)), key=lambda i, column=column: (-column[i], i)))
    return Tables(orders, deviations)


def renew_every(items: int) -> int:
    """|I| ln|I|, rounded up, and 1 at least."""
    return max(1, ceil(items * log(items)))


def factor_distribution(p_u: np.ndarray, deviations: Sequence[float]) -> np.ndarray:
    """p(f | u) [k]."""
    shares = [abs(x) * sd for x, sd in zip(p_u, deviations, strict=True)]
    if sum(shares) == 0:
        return np.full(len(shares), 1 / len(shares))
    return np.array([share / sum(shares) for share in shares])


def rank_distribution(items: int, lam: float) -> np.ndarray:
    """p(r) [items] of r = 1, 2, …; the first is the top of the order."""
    shares = [exp(-r / lam) for r in range(1, items + 1)]
    return np.array([share / sum(shares) for share in shares])


def ranked(order: Sequence[int], r: int, p_uf: float) -> int:
    """The item of rank r = 1, 2, … for a user whose factor is `p_uf`."""
    return order[r - 1] if p_uf > 0 else order[len(order) - r]


def adaptive_distribution(p_u: np.ndarray, table: Tables, lam: float) -> np.ndarray:
    """p(j | u) [items] of one draw before rejection: over every factor and rank, one after the other."""
    ranks = rank_distribution(len(table.orders[0]), lam)
    p = np.zeros(len(ranks))
    for f, share in enumerate(factor_distribution(p_u, table.deviations)):
        for r, rank_share in enumerate(ranks, start=1):
            p[ranked(table.orders[f], r, p_u[f])] += share * rank_share
    return p


def pick(p: np.ndarray, uniform: float) -> int:
    """The first place whose cumulated probability is above `uniform`, of [0, 1)."""
    total = 0.0
    for place, share in enumerate(p):
        total += share
        if uniform < total:
            return place
    return len(p) - 1


def draw(
    p_u: np.ndarray, table: Tables, lam: float, uniforms: Sequence[tuple[float, float]], observed: set[int]
) -> int | None:
    """The first drawn item that is not observed; none if the uniform numbers (factor, rank) are used up."""
    for of_factor, of_rank in uniforms:
        f = pick(factor_distribution(p_u, table.deviations), of_factor)
        r = pick(rank_distribution(len(table.orders[f]), lam), of_rank) + 1
        j = ranked(table.orders[f], r, p_u[f])
        if j not in observed:
            return j
    return None


def steps(
    weights: Parameters,
    pairs: Sequence[tuple[int, int]],
    uniforms: Sequence[Sequence[tuple[float, float]]],
    observed: Mapping[int, set[int]],
    *,
    lam: float,
    rate: float,
    penalties: Mapping[str, float],
    every: int,
    half: bool = False,
) -> tuple[dict[str, np.ndarray], list[int | None]]:
    """The weights after one step for each pair (u, i), and the negatives drawn; a pair that got none makes no step."""
    weights = {name: np.array(value, dtype=float) for name, value in weights.items()}
    drawn, table, since = [], tables(weights["q"]), 0
    for (u, i), numbers in zip(pairs, uniforms, strict=True):
        if since == every:
            table, since = tables(weights["q"]), 0
        j = draw(weights["p"][u], table, lam, numbers, observed[u])
        drawn.append(j)
        if j is not None:
            weights, since = famf.bpr_steps(weights, [(u, i, j)], rate, penalties, half=half), since + 1
    return weights, drawn
