"""The layers the oracles are made of, in plain NumPy and one post at a time, float64.

Slow on purpose: each function is its textbook equation and nothing else, so that it shares no code, no
vectorising trick and no mistake with the networks that are compared to it.
"""

from collections.abc import Mapping

import numpy as np

Parameters = Mapping[str, np.ndarray]

EPSILON = 1e-5
"""Added to the variance by batch and layer normalisation."""


def relu(x: np.ndarray) -> np.ndarray:
    """max(0, x), any shape."""
    return np.where(x > 0, x, 0.0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), any shape."""
    return 1.0 / (1.0 + np.exp(-x))


def elu(x: np.ndarray) -> np.ndarray:
    """x where it is positive, exp(x) - 1 elsewhere, any shape."""
    return np.where(x > 0, x, np.exp(np.minimum(x, 0.0)) - 1.0)


def softmax(x: np.ndarray) -> np.ndarray:
    """exp(x) over its sum, [n]; shifted by the maximum, which changes nothing but overflow."""
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def batch_norm(x: np.ndarray, parameters: Parameters, i: int) -> np.ndarray:
    """Batch normalisation number `i` in evaluation mode, a channel a row of `x` [c] or [c, n]."""
    y = np.empty(x.shape)
    for channel in range(len(x)):
        deviation = np.sqrt(parameters[f"var_{i}"][channel] + EPSILON)
        scaled = (x[channel] - parameters[f"mu_{i}"][channel]) / deviation
        y[channel] = parameters[f"gamma_{i}"][channel] * scaled + parameters[f"beta_{i}"][channel]
    return y


def layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Layer normalisation of one vector [d]: its own mean and variance, then scale and shift [d]."""
    mean = np.sum(x) / len(x)
    variance = np.sum((x - mean) ** 2) / len(x)
    return gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta


def bias(parameters: Parameters, name: str, size: int) -> np.ndarray:
    """A bias that may be left out, as before a batch normalisation: zeros then, [size]."""
    return parameters.get(name, np.zeros(size))


def conv1d(x: np.ndarray, K: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Cross-correlation along the last axis, zero padding to the same length: [i, n], [o, i, k], [o] -> [o, n]."""
    half = K.shape[2] // 2
    y = np.zeros((K.shape[0], x.shape[1]))
    for o in range(y.shape[0]):
        y[o] = c[o]
        for i in range(y.shape[1]):
            for t in range(K.shape[2]):
                if 0 <= i + t - half < x.shape[1]:
                    y[o, i] += np.dot(K[o, :, t], x[:, i + t - half])
    return y


def conv2d(x: np.ndarray, K: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Cross-correlation, zero padding to the same size, plus bias: [i, h, w], [o, i, k, k], [o] -> [o, h, w]."""
    half = K.shape[2] // 2
    padded = np.zeros((x.shape[0], x.shape[1] + 2 * half, x.shape[2] + 2 * half))
    padded[:, half : half + x.shape[1], half : half + x.shape[2]] = x
    y = np.empty((K.shape[0], x.shape[1], x.shape[2]))
    for o in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                y[o, i, j] = np.sum(padded[:, i : i + K.shape[2], j : j + K.shape[3]] * K[o]) + c[o]
    return y


def max_pool(x: np.ndarray) -> np.ndarray:
    """Largest of each 2x2 square, stride 2; an odd last row or column is left out: [c, h, w] -> [c, h/2, w/2]."""
    y = np.empty((x.shape[0], x.shape[1] // 2, x.shape[2] // 2))
    for c in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                y[c, i, j] = np.max(x[c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    return y


def lstm(words: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Hidden states [l, k] of the real words (rows of `W_W`) of one post. UHAN's equation 1, then `recurrent`.

    The weights are `W_Wifgo` [4k, e], `W_Hifgo` [4k, k], `b_ifgo` and perhaps `b_Hifgo` [4k].
    """
    if len(words) == 0:
        return np.empty((0, 0))
    b = parameters["b_ifgo"] + bias(parameters, "b_Hifgo", len(parameters["b_ifgo"]))
    rows = np.array([parameters["W_W"][row] for row in words])  # (1) [l, e]
    return recurrent(rows, parameters["W_Wifgo"], parameters["W_Hifgo"], b)


def recurrent(vectors: np.ndarray, W: np.ndarray, H: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hidden states [l, k] of an LSTM over `vectors` [l, e]; h_0 = c_0 = 0. Numbers are those of UHAN's equations.

    `W` [4k, e], `H` [4k, k] and `b` [4k] stack the gates as PyTorch does: input, forget, cell, output. `b` is the
    sum of PyTorch's two.
    """
    k = H.shape[1]
    h, c = np.zeros(k), np.zeros(k)
    states = np.empty((len(vectors), k))
    for t, w in enumerate(vectors):
        gates = W @ w + H @ h + b
        i = sigmoid(gates[:k])  # (2)
        f = sigmoid(gates[k : 2 * k])  # (3)
        o = sigmoid(gates[3 * k :])  # (4)
        c = f * c + i * np.tanh(gates[2 * k : 3 * k])  # (5)
        h = o * np.tanh(c)  # (6)
        states[t] = h
    return states


def dense_layers(x: np.ndarray, parameters: Parameters, weight: str = "W_{}", b: str = "b_{}") -> float:
    """Dense layers 1, 2, … with ReLU between them and one linear output: [d] -> a number."""
    last = sum(weight.format(i) in parameters for i in range(1, 100))
    for i in range(1, last + 1):
        x = parameters[weight.format(i)] @ x + parameters[b.format(i)]
        x = relu(x) if i < last else x
    return x.item()


def region_vectors(parameters: Parameters, V: np.ndarray, projection: str | None) -> np.ndarray:
    """Real regions [m, r] as they are, or [m, k] after the dense layer `W_I`: "linear", or "tanh" around it."""
    if projection is None or len(V) == 0:
        return V
    rows = [parameters["W_I"] @ v for v in V]
    rows = [np.tanh(row) for row in rows] if projection == "tanh" else rows
    return np.array(rows).reshape(len(V), len(parameters["W_I"]))


def attention(scores: np.ndarray, mask: np.ndarray, masking: str) -> np.ndarray:
    """UHAN's equations 10 and 14: scores of the real positions -> weights of all of them, zero on padding."""
    alpha = np.zeros(len(mask))
    if not mask.any():
        return alpha
    if masking == "before":
        alpha[mask] = softmax(scores)
        return alpha
    padded = np.zeros(len(mask))
    padded[mask] = scores
    alpha = softmax(padded) * mask
    return alpha / alpha.sum()


def weighted_sum(weights: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
    """UHAN's equations 11 and 15, and 8 and 12 with equal weights: [m], [m, k] -> [k]; zero where there are none."""
    total = np.zeros(k)
    for weight, vector in zip(weights, vectors, strict=True):
        total = total + weight * vector
    return total
