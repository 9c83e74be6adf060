"""Plain-NumPy `amnl`, `amnl_plus` and their ablations, one post and one user at a time.

Image Retweet Prediction via Attentional Multi-Faceted Ranking Network Learning, sections II-B and III-A, whose
equations have no numbers. A post is a picture and sentences; a user is a preference and followees.

Readings of ours. y_ij is the LSTM's state after the last word of a sentence; the maximum is over the sentences there
are, and a post without any has y = 0, one without a picture f = 0 and x = 0. A user without followees has h = 1.
f of `amnl_plus` is given or the mean of x. A location is a number each along the columns and rows of the map:
-1.7159 and 1.7159, the ends of g, are the two edges of the picture, and a number between the centres of regions reads
both by how near they are; beyond the outer centres are the outer regions. Around a location, η is `window` x `window`
such readings a region apart. The second recurrent network is an LSTM, whose output c is its state h; W(j), W(c) and
W_j^(c) are the same in every step; the last z is the post's. With fewer sentences than steps, the last one is read
again. `text=False` (AMNL+i) has the mean of x in place of the attended features in every step.

d is the preference's width, k a state's, v that of f and of a region, e a word's, a and b those of the attentions.

| name | shape |
|---|---|
| `W_W`, `W_Wifgo`, `W_Hifgo`, `b_ifgo`, `b_Hifgo` | [words, e], [4k, e], [4k, k], [4k], [4k], see `layers.lstm` |
| `W_i`, `W_d` | [d, v], [d, k] |
| `U` | [users, d] |
| `W_s`, `W_n`, `b_s`, `p_s` | [a, d], [a, d], [a], [a] |
| `W_t`, `W_u`, `b_t`, `p_t` | [b, k], [b, v], [b], [b] |
| `R_W`, `R_H`, `R_b` | [4k, v], [4k, k], [4k] |
| `W_j`, `W_c`, `W_z`, `l_0` | [2, v], [2, k], [d, k], [2] |
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tests.oracles.layers import Parameters, lstm, recurrent, softmax

AMPLITUDE, SLOPE = 1.7159, 2 / 3
Sentence = Sequence[int]


def g(x: np.ndarray) -> np.ndarray:
    """The scaled hyperbolic tangent of [19], 1.7159 tanh(2 x / 3)."""
    return AMPLITUDE * np.tanh(SLOPE * x)


def ends(parameters: Parameters, sentences: Sequence[Sentence]) -> list[np.ndarray]:
    """y_i1, y_i2, …: the last state [k] of each sentence."""
    return [lstm(np.array(sentence), parameters)[-1] for sentence in sentences]


def summed(
    parameters: Parameters,
    f: np.ndarray | None,
    sentences: Sequence[Sentence],
    *,
    image: bool = True,
    text: bool = True,
) -> np.ndarray:
    """z_i = g(W(i) f_i + W(d) y_i), [d]; y_i is the maximum over sentences."""
    total = np.zeros(parameters["U"].shape[1])
    if image and f is not None:
        total = total + parameters["W_i"] @ f
    if text and len(sentences):
        y = [max(column) for column in zip(*ends(parameters, sentences), strict=True)]
        total = total + parameters["W_d"] @ np.array(y)
    return g(total)


class Guided(NamedTuple):
    """What the textually guided fusion gives of one post."""

    z: np.ndarray
    """[d]"""
    locations: list[np.ndarray]
    """l_0, l_1, … of each step, [2]: along columns, along rows."""
    seen: list[np.ndarray]
    """How much each step took from each region, [s, s]; sums to one."""


def nearness(location: float, offset: float, side: int) -> np.ndarray:
    """How much a reading at one coordinate takes from each of `side` regions along it; sums to one."""
    place = (location / AMPLITUDE + 1) / 2 * side - 0.5 + offset
    place = min(max(place, 0.0), side - 1.0)
    return np.array([max(0.0, 1 - abs(place - i)) for i in range(side)])


def around(location: np.ndarray, side: int, window: int) -> list[np.ndarray]:
    """For each reading around a location how much it takes from each region, [s, s]."""
    offsets = [i - (window - 1) / 2 for i in range(window)]
    columns = [nearness(location[0], offset, side) for offset in offsets]
    rows = [nearness(location[1], offset, side) for offset in offsets]
    return [np.outer(row, column) for row in rows for column in columns]


def guided(
    parameters: Parameters,
    x: np.ndarray | None,
    sentences: Sequence[Sentence],
    *,
    f: np.ndarray | None = None,
    steps: int,
    window: int,
    text: bool = True,
) -> Guided:
    """The last z_ij of the process G over a map `x` [s, s, v]."""
    v = parameters["R_W"].shape[1]
    x = np.zeros((1, 1, v)) if x is None else x
    side, mean = len(x), np.mean([region for row in x for region in row], axis=0)
    f = mean if f is None else f
    y = ends(parameters, sentences) if text else []
    y = y or [np.zeros(parameters["W_z"].shape[1])]
    location, inputs = parameters["l_0"], []
    locations, seen = [], []
    for j in range(steps):
        readings = around(location, side, window)
        if text:
            eta = [np.sum(reading[..., None] * x, axis=(0, 1)) for reading in readings]
            scores = [_score(parameters, "tu", y[min(j, len(y) - 1)], one) for one in eta]
            alpha = softmax(np.array(scores))
            inputs.append(sum(a * one for a, one in zip(alpha, eta, strict=True)))
            seen.append(sum(a * one for a, one in zip(alpha, readings, strict=True)))
        else:
            inputs.append(mean)
            seen.append(np.full((side, side), 1 / side**2))
        locations.append(location)
        h = recurrent(np.array(inputs), parameters["R_W"], parameters["R_H"], parameters["R_b"])[-1]
        location = g(parameters["W_j"] @ f + parameters["W_c"] @ h) if text else location
    return Guided(parameters["W_z"] @ h, locations, seen)


def _score(parameters: Parameters, names: str, one: np.ndarray, other: np.ndarray) -> float:
    """p · tanh(W one + W other + b)."""
    first, second = (parameters[f"W_{name}"] for name in names)
    inside = first @ one + second @ other + parameters[f"b_{names[0]}"]
    return parameters[f"p_{names[0]}"] @ np.tanh(inside)


def impact(parameters: Parameters, user: int, followees: Sequence[int]) -> np.ndarray:
    """α_q of each followee."""
    u = parameters["U"]
    return softmax(np.array([_score(parameters, "sn", u[user], u[q]) for q in followees]))


def score(parameters: Parameters, user: int, followees: Sequence[int], z: np.ndarray, *, social: bool = True) -> float:
    """F_u(z) = f_u(z) h_N(z)."""
    u = parameters["U"]
    f, h = u[user] @ z, 1.0
    if social and len(followees):
        h = sum(a * (u[q] @ z) for a, q in zip(impact(parameters, user, followees), followees, strict=True))
    return f * h


def loss(c: float, shared: float, other: float) -> float:
    """max(0, c + F(z_k) - F(z_i)) of a post i that was shared and another, k."""
    return max(0.0, c + other - shared)
