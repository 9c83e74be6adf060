"""Plain-NumPy `citing`, the context-aware image tweet model of Chen et al.: an item is its words and visual words.

ŷ(u, i) = p_u · (|W_i|^-½ Σ_w n_w q_w + |V_i|^-½ Σ_v q_v), L = ln(1 + exp(ŷ_neg - ŷ_pos)) + penalties. n_w is how often
a word stands in the item, |W_i| = Σ n_w; |V_i| is the number of its visual words. An item with no text has the one
special word. No item bias and no free vector of an item.

Readings of ours, beside those of `pairwise`. An item without visual words has no second term. A word of both items is
penalised once, and its gradient is that of both. A visual word listed twice counts twice. The loss that the bold driver
compares is the sum over an epoch of each triple's loss before its own step, without penalties; the first epoch has
nothing to compare with; a loss as large as before has not fallen. How the decay goes with the bold driver is not told:
here it multiplies the rate after it, and 1 leaves it out.

| name | shape |
|---|---|
| `p` | [users, k] |
| `q` | [words, k], the special word among them |
| `v` | [visual words, k] |
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from tests.oracles.layers import Parameters
from tests.oracles.pairwise import Touched, Triple, add_penalty, pair_loss, pair_slope, penalty, sgd, zeros


class Item(NamedTuple):
    """What is known of an item."""

    words: Mapping[int, int]
    """Rows of `q`, and how often each stands there; none where there is no text."""
    visual: Sequence[int] = ()
    """Rows of `v`."""


def shares(item: Item, special: int) -> dict[tuple[str, int], float]:
    """What each row of `q` and `v` counts in the item's vector; `special` is the word of items with no text."""
    words = item.words or {special: 1}
    found = {("q", w): n / sum(words.values()) ** 0.5 for w, n in words.items()}
    for v in item.visual:
        found["v", v] = found.get(("v", v), 0.0) + 1 / len(item.visual) ** 0.5
    return found


def score(weights: Parameters, item: Item, u: int, special: int) -> float:
    """ŷ(u, i)."""
    vector = np.zeros(weights["p"].shape[1])
    for (name, row), share in shares(item, special).items():
        vector = vector + share * weights[name][row]
    return float(weights["p"][u] @ vector)


def _touched(items: Sequence[Item], triple: Triple, special: int, penalties: Mapping[str, float]) -> Touched:
    u, i, j = triple
    rows = {("p", u), *shares(items[i], special), *shares(items[j], special)}
    return [(name, row, penalties.get(name, 0.0)) for name, row in sorted(rows)]


def loss(
    weights: Parameters,
    items: Sequence[Item],
    triple: Triple,
    special: int,
    penalties: Mapping[str, float],
    *,
    half: bool = False,
) -> float:
    """L of one triple; `penalties` is λ by the weights' name."""
    u, i, j = triple
    difference = score(weights, items[i], u, special) - score(weights, items[j], u, special)
    return pair_loss(difference) + penalty(weights, _touched(items, triple, special, penalties), half)


def gradients(
    weights: Parameters,
    triple: Triple,
    *,
    items: Sequence[Item],
    special: int,
    penalties: Mapping[str, float],
    half: bool = False,
) -> dict[str, np.ndarray]:
    """The gradient of `loss`."""
    u, i, j = triple
    slope = pair_slope(score(weights, items[i], u, special) - score(weights, items[j], u, special))
    g = zeros(weights)
    for item, sign in ((items[i], 1), (items[j], -1)):
        for (name, row), share in shares(item, special).items():
            g["p"][u] += sign * slope * share * weights[name][row]
            g[name][row] += sign * slope * share * weights["p"][u]
    add_penalty(g, weights, _touched(items, triple, special, penalties), half)
    return g


def epoch(
    weights: Parameters,
    items: Sequence[Item],
    triples: Sequence[Triple],
    rate: float,
    *,
    special: int,
    penalties: Mapping[str, float],
    half: bool = False,
) -> tuple[dict[str, np.ndarray], float]:
    """The weights after a step for each triple in turn, and the loss the bold driver looks at."""
    slopes = partial(gradients, items=items, special=special, penalties=penalties, half=half)
    total = 0.0
    for triple in triples:
        total += loss(weights, items, triple, special, {})
        weights = sgd(weights, [triple], slopes, rate=rate, batch=1, mean=False)
    return dict(weights), total


def bold_driver(rate: float, before: float | None, after: float, *, decay: float = 1.0) -> tuple[float, bool]:
    """The next rate, and whether the epoch is undone: ×1.05 where the loss fell, ×.5 and undone where it did not."""
    if before is None:
        return rate * decay, False
    fell = after < before
    return rate * (1.05 if fell else 0.5) * decay, not fell
