"""Plain-NumPy `xgb_mlp`.

Castagnino Rossi and Shlamovitz, Social Media Popularity Prediction, section IV-C: the prediction of a booster
beside the vector of the picture, a first dense layer of 128 followed by batch normalisation and ReLU, a second
of 64 likewise, one linear output. Dropout (half, in the first two layers) is off when predicting.

Reading of ours, where the paper is silent: the base prediction is the first input.

d numbers a picture; a hidden widths (128 and 64 in the paper).

| name | shape | |
|---|---|---|
| `W_1` | [a1, 1 + d] | first dense layer |
| `b_1` | [a1] | its bias; may be left out, batch normalisation takes it away again |
| `gamma_1`, `beta_1`, `mu_1`, `var_1` | [a1] | scale, shift, running mean, running variance |
| `W_2` | [a2, a1] | second dense layer |
| `b_2` | [a2] | its bias; may be left out |
| `gamma_2`, `beta_2`, `mu_2`, `var_2` | [a2] | as above |
| `W_3`, `b_3` | [1, a2], [1] | output |
"""

import numpy as np

from tests.oracles.layers import Parameters, batch_norm, bias, relu


def forward(parameters: Parameters, base: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Predictions [n] from base predictions [n] and pictures [n, d]."""
    return np.array([_post(parameters, b, row) for b, row in zip(base, x, strict=True)])


def _post(parameters: Parameters, base: float, x: np.ndarray) -> float:
    a = np.concatenate([[base], x])  # [1 + d]
    for i in (1, 2):
        W = parameters[f"W_{i}"]
        a = relu(batch_norm(W @ a + bias(parameters, f"b_{i}", len(W)), parameters, i))  # [a1], [a2]
    return (parameters["W_3"] @ a + parameters["b_3"]).item()
