"""Plain-NumPy `dmf`, the deep multi-modal fusion rival of UHAN (its paper, section 4.1.3).

"To integrate visual representation from VGG and textual representation from LSTM", without the user. Readings of
ours: the picture is the mean of its regions (UHAN's equation 12), the text the LSTM's state after its last real word
(`pooling="mean"`: the mean of its states, equation 8), both concatenated in that order, then equation 22. A modality
that a post lacks is zero.

r width of a region, k of a hidden state, e of a word embedding, m of the head.

| name | shape | |
|---|---|---|
| `W_W` | [words, e] | word embedding, a row a word |
| `W_Wifgo`, `W_Hifgo`, `b_ifgo`, perhaps `b_Hifgo` | [4k, e], [4k, k], [4k], [4k] | see `layers.lstm` |
| `W_I` | [k, r] | `projection="tanh"` and `"linear"` alone: regions pass it first, as in `uhan` |
| `W1_F`, `b1_F`; `W2_F`, `b2_F`; … | [m, r + k], [m]; [1, m], [1] | head; k + k numbers come in with `W_I` |
"""

import numpy as np

from tests.oracles.layers import Parameters, dense_layers, lstm, region_vectors


def forward(
    parameters: Parameters,
    regions: np.ndarray,
    region_mask: np.ndarray,
    words: np.ndarray,
    word_mask: np.ndarray,
    **options,
) -> np.ndarray:
    """Predictions [n]; inputs as those of `uhan.forward`, options those of `_post`."""
    posts = zip(regions, region_mask, words, word_mask, strict=True)
    return np.array([_post(parameters, *post, **options) for post in posts])


def _post(
    parameters: Parameters,
    V: np.ndarray,
    region_mask: np.ndarray,
    words: np.ndarray,
    word_mask: np.ndarray,
    *,
    pooling: str = "last",
    projection: str | None = None,
) -> float:
    X = region_vectors(parameters, V[region_mask], projection)  # [M, r]
    H = lstm(words[word_mask], parameters)  # [l, k]
    k = parameters["W_Hifgo"].shape[1]
    v, h = np.zeros(V.shape[1] if projection is None else k), np.zeros(k)
    if len(X):
        v = sum(X) / len(X)
    if len(H):
        h = H[-1] if pooling == "last" else sum(H) / len(H)
    return dense_layers(np.concatenate([v, h]), parameters, "W{}_F", "b{}_F")
