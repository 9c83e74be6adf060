"""Plain-NumPy `dual_att`, the dual attention rival of UHAN (its paper, section 4.1.3).

The one-step version of Nam, Ha and Kim, Dual Attention Networks for Multimodal Reasoning and Matching, with the user
embedding as the memory that guides both attentions, each modality on its own:

    r_V,m = W_V (tanh(W_Vv v_m) ∘ tanh(W_Vu ǔ))    α_V = softmax(r_V)    v̇ = Σ α_V,m v_m
    r_T,t = W_T (tanh(W_Tt h_t) ∘ tanh(W_Tu ǔ))    α_T = softmax(r_T)    ḣ = Σ α_T,t h_t
    s = ǔ + v̇ ∘ ḣ                                  ŷ = UHAN's equation 22 of s

Readings of ours: the sum with ǔ is the memory's update of that paper; no further dense layer behind v̇, no bias in the
attentions. A modality that a post lacks is no factor of v̇ ∘ ḣ; with neither, s = ǔ.

k width of a region, of a hidden state and of a user embedding (regions of another width r need `projection`), e of a
word embedding, d of the attention space, m of the head.

| name | shape | |
|---|---|---|
| `W_W` | [words, e] | word embedding, a row a word |
| `W_Wifgo`, `W_Hifgo`, `b_ifgo`, perhaps `b_Hifgo` | [4k, e], [4k, k], [4k], [4k] | see `layers.lstm` |
| `W_U` | [users, k] | user embedding, a row a user |
| `W_Vv`, `W_Vu`, `W_V` | [d, k], [d, k], [1, d] | visual attention |
| `W_Tt`, `W_Tu`, `W_T` | [d, k], [d, k], [1, d] | textual attention |
| `W_I` | [k, r] | `projection="tanh"` and `"linear"` alone: regions pass it first, as in `uhan` |
| `W1_F`, `b1_F`; `W2_F`, `b2_F`; … | [m, k], [m]; [1, m], [1] | head |
"""

from typing import NamedTuple

import numpy as np

from tests.oracles.layers import Parameters, attention, dense_layers, lstm, region_vectors, weighted_sum


class Output(NamedTuple):
    """What the network says of n posts; attention is zero on padding."""

    prediction: np.ndarray
    """ŷ [n]"""
    visual: np.ndarray
    """α_V [n, regions]"""
    textual: np.ndarray
    """α_T [n, words]"""


def forward(
    parameters: Parameters,
    regions: np.ndarray,
    region_mask: np.ndarray,
    words: np.ndarray,
    word_mask: np.ndarray,
    users: np.ndarray,
    **options,
) -> Output:
    """Predictions and attention; inputs as those of `uhan.forward`, options those of `_post`."""
    posts = zip(regions, region_mask, words, word_mask, users, strict=True)
    return Output(
        *(np.array(column) for column in zip(*(_post(parameters, *p, **options) for p in posts), strict=True))
    )


def _score(parameters: Parameters, x: np.ndarray, u: np.ndarray, modality: str, own: str) -> float:
    space = np.tanh(parameters[f"W_{modality}{own}"] @ x) * np.tanh(parameters[f"W_{modality}u"] @ u)  # [d]
    return (parameters[f"W_{modality}"] @ space).item()


def _post(
    parameters: Parameters,
    V: np.ndarray,
    region_mask: np.ndarray,
    words: np.ndarray,
    word_mask: np.ndarray,
    user_row: int,
    *,
    projection: str | None = None,
    masking: str = "before",
) -> tuple[float, np.ndarray, np.ndarray]:
    u = parameters["W_U"][user_row]  # [k]
    X = region_vectors(parameters, V[region_mask], projection)  # [M, k]
    H = lstm(words[word_mask], parameters)  # [l, k]
    alpha_V = attention(np.array([_score(parameters, x, u, "V", "v") for x in X]), region_mask, masking)
    alpha_T = attention(np.array([_score(parameters, h, u, "T", "t") for h in H]), word_mask, masking)
    v = weighted_sum(alpha_V[region_mask], X, len(u))  # [k]
    h = weighted_sum(alpha_T[word_mask], H, len(u))  # [k]
    joined = v * h if len(X) and len(H) else v + h  # where one is absent it is zero, and the other stands alone
    return dense_layers(u + joined, parameters, "W{}_F", "b{}_F"), alpha_V, alpha_T
