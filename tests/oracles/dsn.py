"""Plain-NumPy `dsn` and its ablations.

Zhang, Xie, Yang, Tian, Jiang and Cui, Improving Social Media Popularity Prediction with Multiple Post Dependencies,
equations 3-21. One target at a time, over the real posts of its sequence only: beyond their ends a convolution sees
zeros, the LSTM starts at the first of them, and what stands where no post is cannot matter.

Readings of ours. The "3x3" filters of 3 are one-dimensional along the sequence, of three posts. f_c^{0*} is zero, so
that of Gate_1's first factor the bias is left. Equations 15 and 16, which write W x, are x W as everywhere else; they
give two of Gate_θ's weights the same names, which are `_g` here. Each of the heads of 17 has d / heads neighbouring
columns of W^Q, W^K and W^V and divides by the root of that many; the heads are joined in order, without a W^O and
without biases, since the paper writes none. h is zero without an earlier post. u is the embedding of the user, then
the numbers. The MLP of 21 is a dense layer of d with ReLU and a linear one.

Ablations. f of 10 joins the `inputs` there are, in the paper's order, and W and the LSTM are as wide as it is; with
no input the MLP has u alone. `category` "first", "second" or "third" is one level's embedding, "summation" the sum of
the three, "concatenation" the three side by side, 3d numbers of f. `short_term=False` leaves out the LSTM, Gate_o
and GRN: Φ = LayerNorm(f W). `long_term=False` leaves out h: W_1 of 20 is [d, d].

Row vectors and matrices as in the paper: x W. d of every hidden layer, v and t wide the vectors of a picture and of a
text, f the number of columns of 10 (3d), e of a user's embedding, m numbers of a user.

| name | shape | equation |
|---|---|---|
| `K_v3`, `K_v1`; perhaps `c_v3`, `c_v1` | [d, v, 3], [d, v, 1]; [d] | 3, 4: [out, in, post before, itself, after] |
| `K_t3`, `K_t1`; perhaps `c_t3`, `c_t1` | [d, t, 3], [d, t, 1]; [d] | 5 |
| `E_1`, `E_2`, `E_3` | [categories of the level, d] | f_c^k of 6 |
| `W1_c1`, `b1_c1`, `W2_c1`, `W3_c1`, `b2_c1`; … `_c3` | [d, d], [d], [d, d], [d, d], [d] | 7, 8 |
| `W_c1`, `W_c2`, `W_c3` | [2d, d] | 9 |
| `W_x`, `W_h`, `b_x`, `b_h` | [4d, f], [4d, d], [4d], [4d] | 11, as PyTorch has them: W x, gates i, f, c, o |
| `W1_o`, `b1_o`, `W2_o`, `b2_o` | [d, d], [d], … | Gate_o of 12 |
| `W` | [f, d] | 12 |
| `gamma_12`, `beta_12` | [d] | LayerNorm of 12 |
| `W1_g`, `b1_g`, `W2_g`, `b2_g` | [d, d], [d], … | Gate_θ of 14 |
| `gamma_14`, `beta_14` | [d] | LayerNorm of 14 |
| `W1_theta`, `b1_theta`, `W2_theta`, `b2_theta` | [d, d], [d], … | 15, 16 |
| `W_Q`, `W_K`, `W_V` | [d, d] | 18 |
| `W_1`, `b_1`, `W_2`, `b_2` | [2d, d], [d], [d, d], [d] | 20 |
| `E_u` | [users, e] | u of 21 |
| `W_m1`, `b_m1`, `W_m2`, `b_m2` | [d + e + m, d], [d], [d, 1], [1] | 21 |
"""

import numpy as np

from tests.oracles.layers import Parameters, bias, conv1d, elu, layer_norm, recurrent, relu, sigmoid, softmax

INPUTS = ("image", "text", "category")
LEVELS = {"first": [1], "second": [2], "third": [3], "concatenation": [1, 2, 3], "summation": [1, 2, 3]}


def predict(
    weights: Parameters,
    images: np.ndarray,
    texts: np.ndarray,
    categories: np.ndarray,
    present: np.ndarray,
    users: np.ndarray,
    numbers: np.ndarray,
    **options,
) -> np.ndarray:
    """Predictions ŝ [n]; the options are those of `_post`.

    Args:
        weights: As in the table above.
        images: f_v^origin [n, l, v], oldest first, the target last.
        texts: f_t^origin [n, l, t].
        categories: Rows of `E_1`, `E_2`, `E_3` [n, l, 3].
        present: [n, l], true where there is a post; the target is always there.
        users: Rows of `E_u`, of the targets [n].
        numbers: What else is known of the targets' users [n, m], one-hot or scaled already.
        **options: Which ablation.
    """
    posts = zip(images, texts, categories, present, users, numbers, strict=True)
    return np.array([_post(weights, *post, **options)[0] for post in posts])


def attention(
    weights: Parameters,
    images: np.ndarray,
    texts: np.ndarray,
    categories: np.ndarray,
    present: np.ndarray,
    users: np.ndarray,
    numbers: np.ndarray,
    **options,
) -> np.ndarray:
    """Attention of 17 to each earlier post [n, l - 1], the mean of the heads; zero where there is none."""
    posts = zip(images, texts, categories, present, users, numbers, strict=True)
    return np.array([_post(weights, *post, **options)[1] for post in posts])


def adapter(x: np.ndarray, weights: Parameters, name: str, ratio: float) -> np.ndarray:
    """Equations 3-5: [l, v] -> [l, d]."""
    K3, K1 = weights[f"K_{name}3"], weights[f"K_{name}1"]
    adapted = relu(conv1d(x.T, K3, bias(weights, f"c_{name}3", len(K3)))).T  # [l, d]
    kept = conv1d(x.T, K1, bias(weights, f"c_{name}1", len(K1))).T  # [l, d]
    return (1 - ratio) * adapted + ratio * kept  # (3)


def hierarchical(levels: np.ndarray, weights: Parameters) -> np.ndarray:
    """Equations 6-9 for one post: categories of three levels [3] -> f_c^{3*} [d]."""
    above = np.zeros(weights["E_1"].shape[1])  # f_c^{0*} [d]
    for k, row in enumerate(levels, start=1):
        W1, b1, W2, W3, b2 = (weights[f"{name}_c{k}"] for name in ("W1", "b1", "W2", "W3", "b2"))
        own = weights[f"E_{k}"][row]  # f_c^k [d]
        passed = (above @ W1 + b1) * sigmoid(above @ W2 + own @ W3 + b2)  # (7), (8) [d]
        above = np.concatenate([own, passed]) @ weights[f"W_c{k}"]  # (6), (9) [d]
    return above


def gate(x: np.ndarray, weights: Parameters, name: str) -> np.ndarray:
    """Equation 7 with one input [d], as in 12 and 14."""
    linear = x @ weights[f"W1_{name}"] + weights[f"b1_{name}"]
    return linear * sigmoid(x @ weights[f"W2_{name}"] + weights[f"b2_{name}"])


def grn(x: np.ndarray, weights: Parameters) -> np.ndarray:
    """Equations 14-16, [d]."""
    eta_2 = elu(x @ weights["W2_theta"] + weights["b2_theta"])  # (16)
    eta_1 = eta_2 @ weights["W1_theta"] + weights["b1_theta"]  # (15)
    return layer_norm(x + gate(eta_1, weights, "g"), weights["gamma_14"], weights["beta_14"])  # (14)


def _category(levels: np.ndarray, weights: Parameters, category: str) -> np.ndarray:
    if category == "hierarchical":
        return hierarchical(levels, weights)
    embeddings = [weights[f"E_{k}"][levels[k - 1]] for k in LEVELS[category]]
    return np.concatenate(embeddings) if category == "concatenation" else sum(embeddings)


def _attend(Phi: np.ndarray, weights: Parameters, heads: int) -> tuple[np.ndarray, np.ndarray]:
    """Equations 17-19: Φ [l, d] -> h [d], attention of each head [heads, l - 1]."""
    d, earlier = Phi.shape[1], len(Phi) - 1
    h, a = np.zeros(d), np.zeros((heads, earlier))
    size = d // heads
    for i in range(heads if earlier else 0):
        columns = slice(i * size, (i + 1) * size)
        q = (Phi[-1] @ weights["W_Q"])[columns]  # (18)
        K = [(post @ weights["W_K"])[columns] for post in Phi[:-1]]
        V = [(post @ weights["W_V"])[columns] for post in Phi[:-1]]
        a[i] = softmax(np.array([np.dot(q, k) / np.sqrt(size) for k in K]))  # (17)
        h[columns] = sum(share * value for share, value in zip(a[i], V, strict=True))  # (19)
    return h, a


def _local(f: np.ndarray, weights: Parameters, short_term: bool) -> np.ndarray:
    """Equations 11-13: f [l, f] -> Φ [l, d]."""
    residual = [row @ weights["W"] for row in f]
    if not short_term:
        return np.array([layer_norm(row, weights["gamma_12"], weights["beta_12"]) for row in residual])
    states = recurrent(f, weights["W_x"], weights["W_h"], weights["b_x"] + weights["b_h"])  # (11) [l, d]
    gated = [gate(o, weights, "o") + row for o, row in zip(states, residual, strict=True)]
    Theta = [layer_norm(row, weights["gamma_12"], weights["beta_12"]) for row in gated]  # (12)
    return np.array([grn(row, weights) for row in Theta])  # (13)


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
    inputs: tuple[str, ...] = INPUTS,
    category: str = "hierarchical",
    short_term: bool = True,
    long_term: bool = True,
) -> tuple[float, np.ndarray]:
    a, parts = np.zeros(len(present) - 1), []
    u = np.concatenate([weights["E_u"][user], numbers])  # [e + m]
    if "image" in inputs:
        parts.append(adapter(images[present], weights, "v", alpha))  # (4) [l, d]
    if "text" in inputs:
        parts.append(adapter(texts[present], weights, "t", beta))  # (5) [l, d]
    if "category" in inputs:
        parts.append(np.array([_category(levels, weights, category) for levels in categories[present]]))
    if parts:
        f = np.concatenate(parts, axis=1)  # (10) [l, f]
        Phi = _local(f, weights, short_term)  # [l, d]
        target = Phi[-1]
        if long_term:
            h, each = _attend(Phi, weights, heads)
            a[present[:-1]] = sum(each) / heads
            target = np.concatenate([h, Phi[-1]])
        h_tilde = relu(target @ weights["W_1"] + weights["b_1"]) @ weights["W_2"] + weights["b_2"]  # (20) [d]
        u = np.concatenate([h_tilde, u])
    hidden = relu(u @ weights["W_m1"] + weights["b_m1"])  # (21) [d]
    return (hidden @ weights["W_m2"] + weights["b_m2"]).item(), a
