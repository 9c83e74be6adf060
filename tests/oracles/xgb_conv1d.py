"""Plain-NumPy `xgb_conv1d`.

Castagnino Rossi and Shlamovitz, Social Media Popularity Prediction, section IV-D: the 20 principal components
of a picture go through 1-D convolutions, each followed by batch normalisation and ReLU; what comes out is
joined with the prediction of a booster and goes through an MLP with ReLU and one linear output. Dropout is off
when predicting. The paper gives neither channels nor kernels nor widths: they follow from the shapes here.

Readings of ours: the components are a sequence of one channel; odd kernels, zero padding to the same length, no
pooling, stride 1; flattened channel by channel ([c, p], positions running fastest); the base prediction last.

p components, c_i channels and k_i kernel width of convolution i, a_i width of dense layer i.

| name | shape | |
|---|---|---|
| `K_1`, `K_2`, … | [c_i, c_(i-1), k_i], c_0 = 1 | convolutions |
| `c_1`, `c_2`, … | [c_i] | their biases; may be left out |
| `gamma_i`, `beta_i`, `mu_i`, `var_i` | [c_i] | scale, shift, running mean, running variance after convolution i |
| `W_1` | [a_1, c_last · p + 1] | first dense layer |
| `W_2`, … | [a_i, a_(i-1)] | further ones; the last has one row and no ReLU |
| `b_1`, `b_2`, … | [a_i] | their biases |
"""

import numpy as np

from tests.oracles.layers import Parameters, batch_norm, bias, conv1d, dense_layers, relu


def forward(parameters: Parameters, base: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Predictions [n] from base predictions [n] and principal components [n, p]."""
    return np.array([_post(parameters, b, row) for b, row in zip(base, x, strict=True)])


def _post(parameters: Parameters, base: float, x: np.ndarray) -> float:
    a = x[None, :]  # [1, p]
    for i in range(1, sum(name.startswith("K_") for name in parameters) + 1):
        K = parameters[f"K_{i}"]
        y = conv1d(a, K, bias(parameters, f"c_{i}", len(K)))  # [c_i, p]
        a = relu(batch_norm(y, parameters, i))
    flat = [value for channel in a for value in channel]
    return dense_layers(np.array([*flat, base]), parameters)
