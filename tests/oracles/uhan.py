"""Plain-NumPy `uhan` and its ablations.

Zhang, Wang, Wang and Zha, User-guided Hierarchical Attention Network for Multi-modal Social Image Popularity
Prediction, equations 1-22. One post at a time, over its real regions and words only: what stands in the padding
cannot matter here.

Readings of ours. Equation 9's last factor is h̄ of equation 8. Equation 8 divides by the number of real words.
No bias where the paper writes none. `user=False` takes ǔ away everywhere: its factor in 9, 13, 16 and 17, and
equation 21. `intra=False` puts the means of 8 and 12 in place of 11 and 15. `image=False` takes V away: its factor
in 13, and s = ḣ; `text=False` the other way round. A post that has no region, or no word, is treated as if that
modality were taken away for it alone; with neither, s is zero before 21.

Of the authors' released code: `projection="tanh"` (v_m becomes tanh(W_I v_m)), more than one hidden layer in the head,
and `masking="after"` (softmax over padding too, then masked and divided by its sum: the same numbers).
`projection="linear"` is the "necessary linear transformation" of Figure 3 where regions and LSTM differ in width.

r width of a region, k of a hidden state and of s, e of a word embedding, g of a user embedding, d and q of the two
attention spaces, m of the head (all 512 in the paper). r = k unless `projection` is given.

| name | shape | equation |
|---|---|---|
| `W_W` | [words, e], a row a word: the paper's transposed | 1 |
| `W_Wifgo`, `W_Hifgo`, `b_ifgo`, perhaps `b_Hifgo` | [4k, e], [4k, k], [4k], [4k] | 2-6, see `layers.lstm` |
| `W_U` | [users, g], a row a user: the paper's transposed | 7 |
| `W1_Vv`, `W1_Vu`, `W1_Vt`, `W1_V` | [d, k], [d, g], [d, k], [1, d] | 9 |
| `W1_Tt`, `W1_Tu`, `W1_Tv`, `W1_T` | [d, k], [d, g], [d, k], [1, d] | 13 |
| `W2_V`, `W2_T`, `W2_U`, `W2_UVT` | [q, k], [q, k], [q, g], [1, q] | 16, 17 |
| `W3_U` | [k, g] | 21 |
| `W1_F`, `b1_F`; `W2_F`, `b2_F`; … | [m, k], [m]; [1, m], [1]; the last has one row | 22 |
| `W_I` | [k, r] | none: `projection` |
"""

from typing import NamedTuple

import numpy as np

from tests.oracles.layers import Parameters, attention, dense_layers, lstm, region_vectors, weighted_sum


class Output(NamedTuple):
    """What a network says of n posts; attention is zero on padding and on a modality a post lacks."""

    prediction: np.ndarray
    """ŷ [n]"""
    visual: np.ndarray
    """α_V [n, regions]; the mean's equal weights without intra-attention."""
    textual: np.ndarray
    """α_T [n, words]; likewise."""
    inter: np.ndarray
    """a_1 (picture), a_2 (words) [n, 2]"""


def forward(
    parameters: Parameters,
    regions: np.ndarray,
    region_mask: np.ndarray,
    words: np.ndarray,
    word_mask: np.ndarray,
    users: np.ndarray,
    **options,
) -> Output:
    """Predictions and attention; the options are those of `_post`.

    Args:
        parameters: As in the table above.
        regions: V [n, regions, r].
        region_mask: [n, regions], true where there is a region.
        words: Rows of `W_W` [n, words].
        word_mask: [n, words], true where there is a word.
        users: Rows of `W_U` [n].
        **options: Which ablation or variant.
    """
    posts = zip(regions, region_mask, words, word_mask, users, strict=True)
    return Output(
        *(np.array(column) for column in zip(*(_post(parameters, *p, **options) for p in posts), strict=True))
    )


def _scores(parameters: Parameters, x: np.ndarray, names: list[str], guides: list[np.ndarray | None]) -> np.ndarray:
    """Equations 9 and 13: how important each row of `x` [m, k] is, given the guides there are."""
    last, own, *others = names
    r = np.empty(len(x))
    for m, vector in enumerate(x):
        product = np.tanh(parameters[own] @ vector)  # [d]
        for name, guide in zip(others, guides, strict=True):
            if guide is not None:
                product = product * np.tanh(parameters[name] @ guide)
        r[m] = (parameters[last] @ product).item()
    return r


def _inter(parameters: Parameters, v: np.ndarray, h: np.ndarray, u: np.ndarray | None) -> np.ndarray:
    """Equations 16-19: a_1, a_2 [2]."""
    guide = 1.0 if u is None else np.tanh(parameters["W2_U"] @ u)
    uv = (parameters["W2_UVT"] @ (np.tanh(parameters["W2_V"] @ v) * guide)).item()  # (16)
    ut = (parameters["W2_UVT"] @ (np.tanh(parameters["W2_T"] @ h) * guide)).item()  # (17)
    a1 = np.exp(uv) / (np.exp(uv) + np.exp(ut))  # (18)
    a2 = np.exp(ut) / (np.exp(uv) + np.exp(ut))  # (19)
    return np.array([a1, a2])


def _post(
    parameters: Parameters,
    V: np.ndarray,
    region_mask: np.ndarray,
    words: np.ndarray,
    word_mask: np.ndarray,
    user_row: int,
    *,
    user: bool = True,
    shortcut: bool = True,
    intra: bool = True,
    inter: bool = True,
    image: bool = True,
    text: bool = True,
    projection: str | None = None,
    masking: str = "before",
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    region_mask, word_mask = region_mask & image, word_mask & text
    has_image, has_text = region_mask.any(), word_mask.any()
    k = parameters["W1_F"].shape[1]
    H = lstm(words[word_mask], parameters)  # (1)-(6) [l, k]
    u = parameters["W_U"][user_row] if user else None  # (7) [g]
    X = region_vectors(parameters, V[region_mask], projection)  # [M, k]
    h_mean = weighted_sum(np.full(len(H), 1 / max(len(H), 1)), H, k)  # (8) [k]
    v_mean = weighted_sum(np.full(len(X), 1 / max(len(X), 1)), X, k)  # (12) [k]

    r_V, r_T = np.zeros(len(X)), np.zeros(len(H))
    if intra:
        r_V = _scores(parameters, X, ["W1_V", "W1_Vv", "W1_Vu", "W1_Vt"], [u, h_mean if has_text else None])  # (9)
        r_T = _scores(parameters, H, ["W1_T", "W1_Tt", "W1_Tu", "W1_Tv"], [u, v_mean if has_image else None])  # (13)
    alpha_V = attention(r_V, region_mask, masking)  # (10) [regions]
    alpha_T = attention(r_T, word_mask, masking)  # (14) [words]
    v = weighted_sum(alpha_V[region_mask], X, k)  # (11) [k]
    h = weighted_sum(alpha_T[word_mask], H, k)  # (15) [k]

    a = np.array([float(has_image), float(has_text)])
    if has_image and has_text:
        a = _inter(parameters, v, h, u) if inter else np.array([0.5, 0.5])
    s = a[0] * v + a[1] * h  # (20) [k]
    if user and shortcut:
        s = s + parameters["W3_U"] @ u  # (21)
    return dense_layers(s, parameters, "W{}_F", "b{}_F"), alpha_V, alpha_T, a  # (22)
