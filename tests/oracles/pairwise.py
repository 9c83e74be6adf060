"""Descent on sampled triples (u, i, j), user u having shared i and not j, for the oracles of the rankers.

A ranker gives `gradients(weights, triple)`, the gradient of its loss on one triple, as a dict of arrays like its
weights; here they are added up triple by triple.

Readings of ours. All of a step's gradients are taken at the weights before it, also those of one triple: q moves by the
old p. What is penalised on a triple is what the triple's scores are made of, each row once. λ‖·‖² is taken as it is
written, so that its gradient is 2 λ θ; `half=True` is λ/2 ‖·‖², gradient λ θ. A batch sums its triples' gradients, or
takes their mean, penalties with them; the last batch may be short, and its mean is over what it has.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tests.oracles.layers import Parameters, sigmoid

Triple = tuple[int, int, int]
Gradients = Callable[[Parameters, Triple], Parameters]
Touched = Sequence[tuple[str, object, float]]
"""What one triple penalises: (name of the weights, row of them, λ); the row `...` is all of them."""


def pair_loss(difference: float) -> float:
    """-ln σ(x) of x = x_ui - x_uj, which is ln(1 + exp(-x))."""
    return -np.log(sigmoid(difference))


def pair_slope(difference: float) -> float:
    """Its derivative: -σ(-x)."""
    return -sigmoid(-difference)


def penalty(weights: Parameters, touched: Touched, half: bool) -> float:
    """Σ λ ‖θ‖² over the touched rows, or half of it."""
    return sum(lam * np.sum(weights[name][row] ** 2) for name, row, lam in touched) * (0.5 if half else 1.0)


def add_penalty(gradients: Parameters, weights: Parameters, touched: Touched, half: bool) -> None:
    """Adds the gradient of `penalty` to `gradients`, in place."""
    for name, row, lam in touched:
        gradients[name][row] += (1.0 if half else 2.0) * lam * weights[name][row]


def zeros(weights: Parameters) -> dict[str, np.ndarray]:
    return {name: np.zeros(np.shape(value)) for name, value in weights.items()}


def batch_gradients(weights: Parameters, triples: Sequence[Triple], gradients: Gradients, mean: bool) -> Parameters:
    """Sum or mean of the triples' gradients, all at the same weights."""
    total = zeros(weights)
    for triple in triples:
        for name, gradient in gradients(weights, triple).items():
            total[name] = total[name] + gradient
    return {name: value / len(triples) if mean else value for name, value in total.items()}


def sgd(
    weights: Parameters, triples: Sequence[Triple], gradients: Gradients, *, rate: float, batch: int, mean: bool
) -> dict[str, np.ndarray]:
    """The weights after one pass over the triples in their order, θ <- θ - rate · gradient; `batch=1` one by one."""
    weights = {name: np.array(value, dtype=float) for name, value in weights.items()}
    for start in range(0, len(triples), batch):
        slopes = batch_gradients(weights, triples[start : start + batch], gradients, mean)
        weights = {name: value - rate * slopes[name] for name, value in weights.items()}
    return weights


def adam(
    weights: Parameters,
    triples: Sequence[Triple],
    gradients: Gradients,
    *,
    rate: float,
    batch: int,
    mean: bool,
    epsilon: float = 1e-8,
) -> dict[str, np.ndarray]:
    """The weights after one pass with Adam (β .9 and .999, corrected for the start); every weight moves every step."""
    weights = {name: np.array(value, dtype=float) for name, value in weights.items()}
    first, second = zeros(weights), zeros(weights)
    for t, start in enumerate(range(0, len(triples), batch), start=1):
        slopes = batch_gradients(weights, triples[start : start + batch], gradients, mean)
        for name, slope in slopes.items():
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            m, v = first[name] / (1 - 0.9**t), second[name] / (1 - 0.999**t)
            weights[name] = weights[name] - rate * m / (np.sqrt(v) + epsilon)
    return weights
