"""Plain-NumPy `dsn_released`: what the authors' code of DSN does instead of its paper's equations.

From a description of that code, none of its lines. Against `tests.oracles.dsn`: convolutions without bias; categories
gated and concatenated, two times, and nothing after; two dense layers before the LSTM; σ(W1 x) ⊙ (W2 x) alone in place
of 12, whose residual and LayerNorm the code overwrites; additive attention whose query cancels; no 20. Zeros stand
for posts that are not there (vectors of zeros, the first category of each level), and count as posts: convolution,
LSTM and attention see them.

Readings of ours, where the description is silent. All gates and linear maps may have a bias (left out: zero). q and k
of the attention's w·[q; k] are parts of Φ_l W^Q and Φ_j W^K, w is shared by the heads, values are parts of Φ_j W^V;
there is no scale and the target itself is not attended to. The residual "+ q" is Φ_l, before W^Q. GRN is 14-16.

Row vectors: x W. d of a hidden layer, w of the first of the two dense layers (512), f = 5d, the rest as in `dsn`.

| name | shape | |
|---|---|---|
| `K_v3`, `K_v1`, `K_t3`, `K_t1` | [d, v, 3], [d, v, 1], [d, t, 3], [d, t, 1] | adapters, as in `dsn` |
| `E_1`, `E_2`, `E_3` | [categories of the level, d] | category, subcategory, concept |
| `W_l2`, `W_t2`; perhaps `b_l2`, `b_t2` | [d, d]; [d] | gate of the category, by the subcategory |
| `W_l3`, `W_t3`; perhaps `b_l3`, `b_t3` | [2d, 2d], [d, d]; [2d], [d] | gate of both, by the concept twice |
| `W_f1`, `b_f1`, `W_f2`, `b_f2` | [f, w], [w], [w, d], [d] | dense layers, ReLU between |
| `W_x`, `W_h`, `b_x`, `b_h` | [4d, d], [4d, d], [4d], [4d] | LSTM, as PyTorch has it |
| `W1_o`, `W2_o`; perhaps `b1_o`, `b2_o` | [d, d]; [d] | σ(W1 x) ⊙ (W2 x) |
| `W1_g` … `b2_theta`, `gamma_14`, `beta_14` | as in `dsn` | GRN |
| `W_Q`, `W_K`, `W_V`; perhaps `b_Q`, `b_K`, `b_V` | [d, d]; [d] | attention |
| `w` | [2d / heads] | its score; a bias would cancel |
| `W_a`, `b_a`, `gamma_a`, `beta_a` | [d, d], [d], [d], [d] | LayerNorm(ReLU(h W_a + b_a) + Φ_l) |
| `E_u`, `W_n`, `b_n` | [users, e], [m, d], [d] | user's embedding, ReLU(numbers W_n + b_n) |
| `W_m1`, `b_m1`, `W_m2`, `b_m2` | [d + e + d, d], [d], [d, 1], [1] | head |
"""

import numpy as np

from tests.oracles.dsn import adapter, grn
from tests.oracles.layers import Parameters, layer_norm, recurrent, relu, sigmoid, softmax


def predict_released(
    weights: Parameters,
    images: np.ndarray,
    texts: np.ndarray,
    categories: np.ndarray,
    present: np.ndarray,
    users: np.ndarray,
    numbers: np.ndarray,
    **options,
) -> np.ndarray:
    """Predictions [n]; inputs as those of `dsn.predict`, options those of `_post`."""
    posts = zip(images, texts, categories, present, users, numbers, strict=True)
    return np.array([_post(weights, *post, **options)[0] for post in posts])


def attention_released(
    weights: Parameters,
    images: np.ndarray,
    texts: np.ndarray,
    categories: np.ndarray,
    present: np.ndarray,
    users: np.ndarray,
    numbers: np.ndarray,
    **options,
) -> np.ndarray:
    """Attention to each earlier step, padding among them [n, l - 1], the mean of the heads."""
    posts = zip(images, texts, categories, present, users, numbers, strict=True)
    return np.array([_post(weights, *post, **options)[1] for post in posts])


def linear(x: np.ndarray, weights: Parameters, name: str) -> np.ndarray:
    """X W_name, and b_name where there is one."""
    return x @ weights[f"W_{name}"] + weights.get(f"b_{name}", 0.0)


def fused(levels: np.ndarray, weights: Parameters) -> np.ndarray:
    """Category, subcategory and concept of one post [3] -> [3d]."""
    cat, sub, con = (weights[f"E_{k}"][row] for k, row in enumerate(levels, start=1))
    shared = linear(con, weights, "t3")  # [d]
    first = np.concatenate([sub, cat * sigmoid(linear(cat, weights, "l2") + linear(sub, weights, "t2"))])  # [2d]
    opened = sigmoid(linear(first, weights, "l3") + np.concatenate([shared, shared]))  # [2d]
    return np.concatenate([con, first * opened])


def _attend(Phi: np.ndarray, weights: Parameters, heads: int) -> tuple[np.ndarray, np.ndarray]:
    """Φ [l, d] -> h [d], attention of each head [heads, l - 1]."""
    d = Phi.shape[1]
    h, a = np.zeros(d), np.zeros((heads, len(Phi) - 1))
    size = d // heads
    for i in range(heads if len(Phi) > 1 else 0):
        columns = slice(i * size, (i + 1) * size)
        q = linear(Phi[-1], weights, "Q")[columns]
        K = [linear(post, weights, "K")[columns] for post in Phi[:-1]]
        V = [linear(post, weights, "V")[columns] for post in Phi[:-1]]
        a[i] = softmax(np.array([np.dot(weights["w"], np.concatenate([q, k])) for k in K]))
        h[columns] = sum(share * value for share, value in zip(a[i], V, strict=True))
    return h, a


def _post(
    weights: Parameters,
    images: np.ndarray,
    texts: np.ndarray,
    categories: np.ndarray,
    present: np.ndarray,
    user: int,
    numbers: np.ndarray,
    *,
    alpha: float = 0.2,
    beta: float = 0.6,
    heads: int = 4,
) -> tuple[float, np.ndarray]:
    there = present[:, None]
    pictures = adapter(np.where(there, images, 0.0), weights, "v", alpha)  # [l, d]
    words = adapter(np.where(there, texts, 0.0), weights, "t", beta)  # [l, d]
    levels = np.array([fused(row, weights) for row in np.where(there, categories, 0)])  # [l, 3d]
    joined = np.concatenate([pictures, words, levels], axis=1)  # [l, 5d]
    f = np.array([linear(relu(linear(row, weights, "f1")), weights, "f2") for row in joined])  # [l, d]
    states = recurrent(f, weights["W_x"], weights["W_h"], weights["b_x"] + weights["b_h"])  # [l, d]
    Phi = np.array([grn(_gate(o, weights), weights) for o in states])  # [l, d]
    h, a = _attend(Phi, weights, heads)
    z = layer_norm(relu(linear(h, weights, "a")) + Phi[-1], weights["gamma_a"], weights["beta_a"])  # [d]
    head = np.concatenate([z, weights["E_u"][user], relu(linear(numbers, weights, "n"))])  # [d + e + d]
    return linear(relu(linear(head, weights, "m1")), weights, "m2").item(), sum(a) / heads


def _gate(x: np.ndarray, weights: Parameters) -> np.ndarray:
    opened = sigmoid(x @ weights["W1_o"] + weights.get("b1_o", 0.0))
    return opened * (x @ weights["W2_o"] + weights.get("b2_o", 0.0))
