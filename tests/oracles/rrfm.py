"""Plain-NumPy `rrfm`, the relaxed ranking factor model with two levels, as its authors' code is described.

v̄_ih = (Σ_{j∈h} v_j - Σ_{j∈h∩O_i} v_j) / (n_h - |h∩O_i|) is the mean of what user i has not observed of group h; it
is left out if nothing is left. f(x) = max(0, x), its gradient σ(α x), as if f were ln(1 + e^{α x}) / α; α = 5.

L = Σ_i [ Σ_{j∈O_i} f(ρ⁺ - u_i · v_j) + Σ_h f(u_i · v̄_ih - ρ⁻ - r_ih) + Σ_{j∈E_i} f(u_i · v_j - ρ⁻ - r_{i,g(j)}) ]
+ λ_u/2 ‖U‖² + λ_v/2 ‖V‖² + λ_r Σ r_ih, with ρ⁺ = 1, ρ⁻ = 0 and r_ih ≥ ρ⁺ - ρ⁻ = 1. E_i are unobserved items with
u_i · v_j > u_i · (the mean of all of group g(j)).

An iteration takes one step of full gradients for V, then means, then U at the new V, then r at both. The loss told has
no penalties.

Readings of ours. E_i is drawn before the iteration's first step and kept through it; an item drawn twice counts twice.
Among tries, in their order, the first E that qualify are taken. The loss is taken after the step of r with the same
E_i, of max(0, x) itself. r of a group with nothing left feels λ_r alone. The rate changes after the iteration, not
after the first, and nothing is undone; a loss as large as before has not fallen. Relative change is by the loss before.

| name | shape |
|---|---|
| `U`, `V` | [users, k], [items, k] |
| `r` | [users, H] |
"""

from collections.abc import Sequence

import numpy as np

from tests.oracles.layers import Parameters, sigmoid

ALPHA, HIGH, LOW = 5.0, 1.0, 0.0
Groups = Sequence[int]
"""By item: its group, 0 to H - 1."""
Sets = Sequence[set[int]]
"""By user: the items observed, O_i."""
Lists = Sequence[Sequence[int]]
"""By user: the instances drawn, E_i."""


def hinge(x: float, smooth: bool = False) -> float:
    """f, or what its gradient belongs to."""
    return np.log(1 + np.exp(ALPHA * x)) / ALPHA if smooth else max(0.0, x)


def slope(x: float) -> float:
    """f′(x) = σ(α x)."""
    return sigmoid(ALPHA * x)


def left(groups: Groups, observed: Sets, i: int, h: int) -> list[int]:
    """The items of group h that user i has not observed."""
    return [j for j, group in enumerate(groups) if group == h and j not in observed[i]]


def mean_left(V: np.ndarray, groups: Groups, observed: Sets, i: int, h: int) -> np.ndarray | None:
    """v̄_ih [k], from the sums as they are written; none if nothing is left."""
    members = [j for j, group in enumerate(groups) if group == h]
    seen = [j for j in members if j in observed[i]]
    if len(members) == len(seen):
        return None
    total = sum((V[j] for j in members), np.zeros(V.shape[1])) - sum((V[j] for j in seen), np.zeros(V.shape[1]))
    return total / (len(members) - len(seen))


def score(weights: Parameters, u: int, i: int) -> float:
    """u · v."""
    return float(weights["U"][u] @ weights["V"][i])


def loss(weights: Parameters, groups: Groups, observed: Sets, drawn: Lists, *, smooth: bool = False) -> float:
    """L without penalties."""
    U, V, r = weights["U"], weights["V"], weights["r"]
    total = 0.0
    for i in range(len(U)):
        for j in observed[i]:
            total += hinge(HIGH - U[i] @ V[j], smooth)
        for h in range(r.shape[1]):
            mean = mean_left(V, groups, observed, i, h)
            if mean is not None:
                total += hinge(U[i] @ mean - LOW - r[i, h], smooth)
        for j in drawn[i]:
            total += hinge(U[i] @ V[j] - LOW - r[i, groups[j]], smooth)
    return total


def penalties(weights: Parameters, lam: Parameters) -> float:
    """λ_u/2 ‖U‖² + λ_v/2 ‖V‖² + λ_r Σ r_ih, from λ by the weights' name."""
    squares = sum(lam[name] / 2 * np.sum(weights[name] ** 2) for name in ("U", "V"))
    return squares + lam["r"] * np.sum(weights["r"])


def gradient_of_items(weights: Parameters, groups: Groups, observed: Sets, drawn: Lists, lam: Parameters) -> np.ndarray:
    """Of V, [items, k]: what a group's mean feels is shared by those of it that the user has not observed."""
    U, V, r = weights["U"], weights["V"], weights["r"]
    g = lam["V"] * V
    for i in range(len(U)):
        for j in observed[i]:
            g[j] -= slope(HIGH - U[i] @ V[j]) * U[i]
        for h in range(r.shape[1]):
            mean, members = mean_left(V, groups, observed, i, h), left(groups, observed, i, h)
            for j in members:
                g[j] += slope(U[i] @ mean - LOW - r[i, h]) * U[i] / len(members)
        for j in drawn[i]:
            g[j] += slope(U[i] @ V[j] - LOW - r[i, groups[j]]) * U[i]
    return g


def gradient_of_users(weights: Parameters, groups: Groups, observed: Sets, drawn: Lists, lam: Parameters) -> np.ndarray:
    """Of U, [users, k]."""
    U, V, r = weights["U"], weights["V"], weights["r"]
    g = lam["U"] * U
    for i in range(len(U)):
        for j in observed[i]:
            g[i] -= slope(HIGH - U[i] @ V[j]) * V[j]
        for h in range(r.shape[1]):
            mean = mean_left(V, groups, observed, i, h)
            if mean is not None:
                g[i] += slope(U[i] @ mean - LOW - r[i, h]) * mean
        for j in drawn[i]:
            g[i] += slope(U[i] @ V[j] - LOW - r[i, groups[j]]) * V[j]
    return g


def gradient_of_margins(
    weights: Parameters, groups: Groups, observed: Sets, drawn: Lists, lam: Parameters
) -> np.ndarray:
    """Of r, [users, H]."""
    U, V, r = weights["U"], weights["V"], weights["r"]
    g = np.full(r.shape, float(lam["r"]))
    for i in range(len(U)):
        for h in range(r.shape[1]):
            mean = mean_left(V, groups, observed, i, h)
            if mean is not None:
                g[i, h] -= slope(U[i] @ mean - LOW - r[i, h])
        for j in drawn[i]:
            g[i, groups[j]] -= slope(U[i] @ V[j] - LOW - r[i, groups[j]])
    return g


def iteration(
    weights: Parameters, groups: Groups, observed: Sets, drawn: Lists, *, rate: float, lam: Parameters
) -> tuple[dict[str, np.ndarray], float]:
    """The weights after V, U and r have moved in this order, and the loss told."""
    now = {name: np.array(value, dtype=float) for name, value in weights.items()}
    now["V"] = now["V"] - rate * gradient_of_items(now, groups, observed, drawn, lam)
    now["U"] = now["U"] - rate * gradient_of_users(now, groups, observed, drawn, lam)
    now["r"] = np.maximum(now["r"] - rate * gradient_of_margins(now, groups, observed, drawn, lam), HIGH - LOW)
    return now, loss(now, groups, observed, drawn)


def instances(
    weights: Parameters, groups: Groups, observed: Sets, i: int, tries: Sequence[int], wanted: int
) -> list[int]:
    """E_i: of the items drawn uniformly, `tries`, the first that are unobserved and above their group's mean."""
    U, V = weights["U"], weights["V"]
    found: list[int] = []
    for j in tries:
        members = [V[other] for other, group in enumerate(groups) if group == groups[j]]
        above = U[i] @ V[j] > U[i] @ (sum(members) / len(members))
        if len(found) < wanted and j not in observed[i] and above:
            found.append(j)
    return found


def next_rate(rate: float, before: float | None, after: float) -> float:
    """×1.05 where the loss fell, else ×.5, kept in [.001, .003]."""
    if before is None:
        return rate
    return min(max(rate * (1.05 if after < before else 0.5), 1e-3), 3e-3)


def train(
    weights: Parameters,
    groups: Groups,
    observed: Sets,
    tries: Sequence[Lists],
    *,
    wanted: int,
    lam: Parameters,
    rate: float = 1e-3,
) -> tuple[dict[str, np.ndarray], list[float]]:
    """The weights after as many iterations as there are lists of tries, or fewer, and every iteration's loss.

    It stops early once more than five are done and the loss changed by less than 5e-15 of itself.
    """
    losses: list[float] = []
    for lists in tries:
        drawn = [instances(weights, groups, observed, i, own, wanted) for i, own in enumerate(lists)]
        weights, told = iteration(weights, groups, observed, drawn, rate=rate, lam=lam)
        rate = next_rate(rate, losses[-1] if losses else None, told)
        losses.append(told)
        if len(losses) > 5 and abs((losses[-2] - told) / losses[-2]) < 5e-15:
            break
    return dict(weights), losses
