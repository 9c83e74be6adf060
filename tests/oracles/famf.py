"""Plain-NumPy `famf`: matrix factorisation learnt with the criterion BPR of Rendle et al.

x_ui = b_i + p_u · q_i, L = -ln σ(x_ui - x_uj) + λ‖·‖². No bias of the user: it cancels. Readings: `pairwise`.

| name | shape |
|---|---|
| `p` | [users, k] |
| `q` | [items, k] |
| `b`, perhaps | [items]; without it x_ui = p_u · q_i |
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tests.oracles.layers import Parameters
from tests.oracles.pairwise import Touched, Triple, add_penalty, pair_loss, pair_slope, penalty, sgd, zeros


def score(weights: Parameters, u: int, i: int) -> float:
    """x_ui."""
    x = sum(weights["p"][u][f] * weights["q"][i][f] for f in range(weights["p"].shape[1]))
    return x + (weights["b"][i] if "b" in weights else 0.0)


def _touched(weights: Parameters, triple: Triple, penalties: Mapping[str, float]) -> Touched:
    u, i, j = triple
    rows = [("p", u), ("q", i), ("q", j), ("b", i), ("b", j)]
    return [(name, row, penalties.get(name, 0.0)) for name, row in rows if name in weights]


def loss(weights: Parameters, triple: Triple, penalties: Mapping[str, float], *, half: bool = False) -> float:
    """L of one triple; `penalties` is λ by the weights' name, 0 where it is left out."""
    u, i, j = triple
    touched = _touched(weights, triple, penalties)
    return pair_loss(score(weights, u, i) - score(weights, u, j)) + penalty(weights, touched, half)


def gradients(
    weights: Parameters, triple: Triple, penalties: Mapping[str, float], *, half: bool = False
) -> dict[str, np.ndarray]:
    """The gradient of `loss`, zero in the rows that the triple does not touch."""
    u, i, j = triple
    slope = pair_slope(score(weights, u, i) - score(weights, u, j))
    g = zeros(weights)
    g["p"][u] += slope * (weights["q"][i] - weights["q"][j])
    g["q"][i] += slope * weights["p"][u]
    g["q"][j] -= slope * weights["p"][u]
    if "b" in weights:
        g["b"][i] += slope
        g["b"][j] -= slope
    add_penalty(g, weights, _touched(weights, triple, penalties), half)
    return g


def bpr_steps(
    weights: Parameters,
    triples: Sequence[Triple],
    rate: float,
    penalties: Mapping[str, float],
    *,
    batch: int = 1,
    mean: bool = False,
    half: bool = False,
) -> dict[str, np.ndarray]:
    """The weights after one pass over the triples in their order; `batch` and `mean` are those of `pairwise.sgd`."""
    return sgd(
        weights,
        triples,
        lambda now, triple: gradients(now, triple, penalties, half=half),
        rate=rate,
        batch=batch,
        mean=mean,
    )
