"""Plain-NumPy `att_mlp`, the perceptron with attention over modalities that DSN's paper takes as a rival.

Xu, Lin, Zhao, Shi, Deng and Wang, Multimodal Deep Learning for Social Media Popularity Prediction with Attention
Mechanism. No code is known and the paper is not at hand: all of it is our reading of DSN's sentence on it.

h_m = ReLU(W_m x_m), e_m = w · tanh(W h_m + b), a = softmax(e), then dense layers over [a_1 h_1; a_2 h_2; …]. W, w and b
are those of all modalities. Modalities are joined in the order given: image, text, category, user.

d wide every h_m (256), q the attention's space, x_m the width of a modality.

| name | shape | |
|---|---|---|
| `W_image`, `W_text`, …; perhaps `b_image`, … | [d, x_m]; [d] | h_m |
| `W`, `b`, `w` | [q, d], [q], [q] | e_m |
| `W_1`, `b_1`; `W_2`, `b_2` | [d, 4d], [d]; [1, d], [1] | dense layers |
"""

from collections.abc import Mapping

import numpy as np

from tests.oracles.layers import Parameters, bias, dense_layers, relu, softmax


def forward(parameters: Parameters, modalities: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Predictions [n] and attention a [n, modalities] from vectors [n, x_m] by the modality's name, in order."""
    posts = zip(*modalities.values(), strict=True)
    said = [_post(parameters, dict(zip(modalities, post, strict=True))) for post in posts]
    return np.array([y for y, _ in said]), np.array([a for _, a in said])


def _post(parameters: Parameters, x: Mapping[str, np.ndarray]) -> tuple[float, np.ndarray]:
    h, e = [], []
    for name, vector in x.items():
        W = parameters[f"W_{name}"]
        h.append(relu(W @ vector + bias(parameters, f"b_{name}", len(W))))  # [d]
        e.append(parameters["w"] @ np.tanh(parameters["W"] @ h[-1] + parameters["b"]))
    a = softmax(np.array(e))  # [modalities]
    z = np.concatenate([share * vector for share, vector in zip(a, h, strict=True)])  # [4d]
    return dense_layers(z, parameters), a
