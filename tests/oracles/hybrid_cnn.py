"""Plain-NumPy `hybrid_cnn`.

Zhang, Jatowt and Kawai, Picture or Words: Predicting Twitter Image Post Popularity with Deep Learning, sections
3.1 and 3.2: 5x5 convolution, ReLU, 2x2 max-pooling with stride 2, both twice; then, joined with followers and
elapsed hours, two dense layers; "the outputs of the second fully-connected layer are aggregated as sum in the
final node".

Readings of ours: zero padding to the same size (the only one that gives the paper's 16,384 outputs of the second
pooling); ReLU after both dense layers; the flattened picture is [channel, row, column], columns running
fastest, and the two context values come after it. `head="linear"` weights the outputs before it sums them.

s side of the picture, c channels, k kernel size, a widths (64; 32 and 64; 5; 100 and 60 in the paper).

| name | shape | |
|---|---|---|
| `K_1`, `c_1` | [c1, 3, k, k], [c1] | first convolution and its bias |
| `K_2`, `c_2` | [c2, c1, k, k], [c2] | second convolution and its bias |
| `W_1`, `b_1` | [a1, c2 · (s/4)² + 2], [a1] | first dense layer |
| `W_2`, `b_2` | [a2, a1], [a2] | second dense layer |
| `W_3`, `b_3` | [1, a2], [1] | `head="linear"` alone |
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from tests.oracles.layers import Parameters, conv2d, max_pool, relu


def forward(parameters: Parameters, images: np.ndarray, context: np.ndarray, *, head: str = "sum") -> np.ndarray:
    """Predictions [n] from pictures [n, 3, s, s] and context [n, 2] (followers, hours)."""
    return np.array([_post(parameters, x, u, head) for x, u in zip(images, context, strict=True)])


def _post(parameters: Parameters, image: np.ndarray, context: np.ndarray, head: str) -> float:
    a = max_pool(relu(conv2d(image, parameters["K_1"], parameters["c_1"])))  # [c1, s/2, s/2]
    a = max_pool(relu(conv2d(a, parameters["K_2"], parameters["c_2"])))  # [c2, s/4, s/4]
    flat = [value for channel in a for row in channel for value in row]
    x = np.array([*flat, *context])  # [c2 · (s/4)² + 2]
    x = relu(parameters["W_1"] @ x + parameters["b_1"])  # [a1]
    x = relu(parameters["W_2"] @ x + parameters["b_2"])  # [a2]
    if head == "sum":
        return float(sum(x))
    return (parameters["W_3"] @ x + parameters["b_3"]).item()


def shapes(
    *,
    side: int = 64,
    channels: Sequence[int] = (32, 64),
    kernel: int = 5,
    dense: Sequence[int] = (100, 60),
    context: int = 2,
    head: str = "sum",
) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter; the paper's sizes unless told."""
    (c1, c2), (a1, a2) = channels, dense
    convolutions = {"K_1": (c1, 3, kernel, kernel), "c_1": (c1,), "K_2": (c2, c1, kernel, kernel), "c_2": (c2,)}
    flat = c2 * (side // 2 // 2) ** 2 + context
    layers = {"W_1": (a1, flat), "b_1": (a1,), "W_2": (a2, a1), "b_2": (a2,)}
    return {**convolutions, **layers, **({"W_3": (1, a2), "b_3": (1,)} if head == "linear" else {})}


def count_parameters(**sizes) -> int:
    """Numbers that training changes; the arguments are those of `shapes`."""
    return sum(prod(shape) for shape in shapes(**sizes).values())
