"""Plain-NumPy `vbpr` of He and McAuley: BPR whose score looks at the picture.

x_ui = α + β_u + β_i + γ_u · γ_i + θ_u · (E f_i) + β′ · f_i, L = -ln σ(x_ui - x_uj) + penalties: λ_w on γ and θ, λ_b on
β_i and λ_b / 10 on β_j, λ_e on E and β′.

Readings of ours, beside those of `pairwise`. α and β_u cancel and are not penalised, so that they stay as they are. E
and β′ are penalised as a whole on every triple: once in the mean over a batch, as often as it has triples in the sum.
The loss of a batch is over its triples, each difference with itself alone. Each column of f is standardised over the
items at hand; one that never changes becomes zero.

| name | shape |
|---|---|
| `alpha` | [] |
| `beta_u`, `beta_i` | [users], [items] |
| `gamma_u`, `gamma_i` | [users, k], [items, k] |
| `theta_u` | [users, k2] |
| `E` | [k2, d] |
| `beta_f` | [d], the paper's β′ |
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from tests.oracles import pairwise
from tests.oracles.layers import Parameters
from tests.oracles.pairwise import Touched, Triple, add_penalty, pair_loss, pair_slope, penalty, zeros


def standardise(f: np.ndarray) -> np.ndarray:
    """Every column with mean 0 and variance 1 over the rows: [items, d] -> [items, d]."""
    columns = []
    for column in f.T:
        centred = column - sum(column) / len(column)
        deviation = (sum(centred**2) / len(column)) ** 0.5
        columns.append(centred / deviation if deviation > 0 else np.zeros(len(column)))
    return np.array(columns).T


def score(weights: Parameters, f: np.ndarray, u: int, i: int) -> float:
    """x_ui, from the pictures' vectors `f` [items, d]."""
    visual = sum(weights["theta_u"][u][m] * np.dot(weights["E"][m], f[i]) for m in range(len(weights["E"])))
    latent = np.dot(weights["gamma_u"][u], weights["gamma_i"][i])
    biases = weights["alpha"] + weights["beta_u"][u] + weights["beta_i"][i]
    return biases + latent + visual + np.dot(weights["beta_f"], f[i])


def _touched(triple: Triple, penalties: Mapping[str, float]) -> Touched:
    u, i, j = triple
    w, b, e = (penalties.get(name, 0.0) for name in ("w", "b", "e"))
    rows = [("gamma_u", u, w), ("gamma_i", i, w), ("gamma_i", j, w), ("theta_u", u, w)]
    return [*rows, ("beta_i", i, b), ("beta_i", j, b / 10), ("E", ..., e), ("beta_f", ..., e)]


def loss(
    weights: Parameters, f: np.ndarray, triple: Triple, penalties: Mapping[str, float], *, half: bool = False
) -> float:
    """L of one triple; `penalties` has λ_w, λ_b and λ_e as `w`, `b` and `e`."""
    u, i, j = triple
    difference = score(weights, f, u, i) - score(weights, f, u, j)
    return pair_loss(difference) + penalty(weights, _touched(triple, penalties), half)


def gradients(
    weights: Parameters, triple: Triple, *, f: np.ndarray, penalties: Mapping[str, float], half: bool = False
) -> dict[str, np.ndarray]:
    """The gradient of `loss`."""
    u, i, j = triple
    slope = pair_slope(score(weights, f, u, i) - score(weights, f, u, j))
    d = f[i] - f[j]
    g = zeros(weights)
    g["beta_i"][i] += slope
    g["beta_i"][j] -= slope
    g["gamma_u"][u] += slope * (weights["gamma_i"][i] - weights["gamma_i"][j])
    g["gamma_i"][i] += slope * weights["gamma_u"][u]
    g["gamma_i"][j] -= slope * weights["gamma_u"][u]
    g["theta_u"][u] += slope * (weights["E"] @ d)
    for m in range(len(weights["E"])):
        g["E"][m] += slope * weights["theta_u"][u][m] * d
    g["beta_f"] += slope * d
    add_penalty(g, weights, _touched(triple, penalties), half)
    return g


def steps(
    weights: Parameters,
    f: np.ndarray,
    triples: Sequence[Triple],
    rate: float,
    penalties: Mapping[str, float],
    *,
    batch: int = 1,
    mean: bool = False,
    half: bool = False,
    optimiser: str = "sgd",
) -> dict[str, np.ndarray]:
    """The weights after one pass over the triples in their order, by `pairwise.sgd` or `pairwise.adam`."""
    descend = {"sgd": pairwise.sgd, "adam": pairwise.adam}[optimiser]
    slopes = partial(gradients, f=f, penalties=penalties, half=half)
    return descend(weights, triples, slopes, rate=rate, batch=batch, mean=mean)
