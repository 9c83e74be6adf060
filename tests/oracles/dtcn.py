"""Plain-NumPy `dtcn`, the deep temporal context network that DSN's paper takes as a rival.

Wu, Cheng, Zhang, Huang, Li and Mei, Sequential Prediction of Social Media Popularity with Deep Temporal Context
Networks, by a description of the authors' code and of the paper's attention over time scales, neither of them at hand.

A context is at most ten posts of one user, the target last. Each post is two dense layers with tanh for the user's
numbers and two for the picture, of which the second is the same; then an LSTM a context, whose states the time between
the posts weights, and attention over the contexts.

Readings of ours. There are two contexts, neighbouring and periodic, each with its own LSTM; dense layers are shared by
both. User comes before picture. Time weights are a softmax over the posts there are, and h_s is the sum of the LSTM's
states so weighted. t_s, what is known of a context's time, is given from outside. The output has a bias.

Row vectors: x W. m numbers of a user, v wide a picture, p (32) and q (16) the dense layers, k (128) an LSTM, a the
attention's space, c numbers of t_s.

| name | shape | |
|---|---|---|
| `W_u`, `b_u`; `W_v`, `b_v` | [m, p], [p]; [v, p], [p] | first dense layer of user and of picture |
| `W_2`, `b_2` | [p, q], [q] | the second of both |
| `W_x1`, `W_h1`, `b_x1`, `b_h1` | [4k, 2q], [4k, k], [4k], [4k] | LSTM, neighbouring, as PyTorch has it |
| `W_x2`, `W_h2`, `b_x2`, `b_h2` | the same | LSTM, periodic |
| `W`, `U`, `v` | [k, a], [c, a], [a] | e_s = v · tanh(h_s W + t_s U), α = softmax(e) |
| `w`, `b` | [k], [1] | ŷ = w · Σ α_s h_s + b |
"""

import itertools

import numpy as np

from tests.oracles.layers import Parameters, recurrent, softmax

HOUR = 3600
DAY = 24 * HOUR
WINDOW = 18 * DAY
BLOCK = 4 * HOUR
STEPS = 10
"""Posts of a context, the target among them."""


def time_blocks(times: np.ndarray, target_time: float) -> tuple[list[int], list[int]]:
    """Which earlier posts of a user are the contexts, neighbouring and periodic: rows of `times`, oldest first.

    `times` and `target_time` are seconds since 1970 (UTC). Blocks are of the hours 2-6, 6-10, 10-14, 14-18, 18-22 and
    22-2. The newest post of each is chosen (ours; the authors draw one), strictly earlier than the target and at most
    18 days. Neighbouring are the nine last blocks with posts, that of the target among them; periodic the same hours
    of earlier days, the nine last. A block is of the day it begins.
    """
    newest: dict[int, int] = {}
    for row, time in enumerate(times):
        if target_time - WINDOW <= time < target_time:
            block = int((time - 2 * HOUR) // BLOCK)
            if block not in newest or time >= times[newest[block]]:
                newest[block] = row
    own = int((target_time - 2 * HOUR) // BLOCK)
    neighbouring = sorted(newest)
    periodic = [block for block in neighbouring if block != own and (own - block) % 6 == 0]
    earlier = STEPS - 1
    return [newest[block] for block in neighbouring[-earlier:]], [newest[block] for block in periodic[-earlier:]]


def time_weights(times: np.ndarray) -> np.ndarray:
    """Softmax of exp(-Δt / 1e5 s), Δt to the post that follows; of 1 for the last: [k] seconds -> [k]."""
    w = [np.exp(-(after - before) / 1e5) for before, after in itertools.pairwise(times)]
    return softmax(np.array([*w, 1.0]))


def predict(
    weights: Parameters,
    users: np.ndarray,
    images: np.ndarray,
    times: np.ndarray,
    present: np.ndarray,
    scales: np.ndarray,
) -> np.ndarray:
    """Predictions ŷ [n].

    Args:
        weights: As in the table above.
        users: Numbers of the user at each post [n, 2, l, m]: of each context, oldest first, the target last.
        images: [n, 2, l, v].
        times: [n, 2, l], seconds.
        present: [n, 2, l], true where there is a post; the target is always there.
        scales: t_s [n, 2, c].
    """
    posts = zip(users, images, times, present, scales, strict=True)
    return np.array([_post(weights, *post)[0] for post in posts])


def attention(
    weights: Parameters,
    users: np.ndarray,
    images: np.ndarray,
    times: np.ndarray,
    present: np.ndarray,
    scales: np.ndarray,
) -> np.ndarray:
    """α [n, 2], of the neighbouring context and of the periodic one."""
    posts = zip(users, images, times, present, scales, strict=True)
    return np.array([_post(weights, *post)[1] for post in posts])


def _step(weights: Parameters, user: np.ndarray, image: np.ndarray) -> np.ndarray:
    """A post [m], [v] -> [2q]."""
    first = [np.tanh(x @ weights[f"W_{i}"] + weights[f"b_{i}"]) for x, i in ((user, "u"), (image, "v"))]
    return np.concatenate([np.tanh(x @ weights["W_2"] + weights["b_2"]) for x in first])


def _post(
    weights: Parameters,
    users: np.ndarray,
    images: np.ndarray,
    times: np.ndarray,
    present: np.ndarray,
    scales: np.ndarray,
) -> tuple[float, np.ndarray]:
    h = []
    for s in (0, 1):
        there = present[s]
        steps = np.array([_step(weights, *post) for post in zip(users[s][there], images[s][there], strict=True)])
        W, H, b, c = (weights[f"{name}{s + 1}"] for name in ("W_x", "W_h", "b_x", "b_h"))
        states = recurrent(steps, W, H, b + c)  # [l, k]
        h.append(sum(w * state for w, state in zip(time_weights(times[s][there]), states, strict=True)))  # [k]
    e = [weights["v"] @ np.tanh(h[s] @ weights["W"] + scales[s] @ weights["U"]) for s in (0, 1)]
    alpha = softmax(np.array(e))
    return (weights["w"] @ (alpha[0] * h[0] + alpha[1] * h[1]) + weights["b"]).item(), alpha
