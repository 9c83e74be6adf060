"""Plain-NumPy parts of `multi_view`, `ttc_vlt` and `catboost_window`, rivals in DSN's paper.

Attention of Linformer (Wang et al.) and Performer (Choromanski et al.) over one sequence, which `multi_view` runs over
a user's earlier posts; averages of a sliding window over a user's posts, as `catboost_window` and `multi_view` have
them; the contrastive loss of title and tags of `ttc_vlt` (all of it our reading: InfoNCE in both directions).
"""

import numpy as np

from tests.oracles.layers import softmax


def softmax_attention(Q: np.ndarray, K: np.ndarray, V: np.ndarray) -> np.ndarray:
    """Softmax(Q Kᵀ / √d) V, a row at a time: [l, d], [n, d], [n, v] -> [l, v]."""
    rows = []
    for q in Q:
        a = softmax(np.array([np.dot(q, k) / np.sqrt(len(q)) for k in K]))
        rows.append(sum(share * value for share, value in zip(a, V, strict=True)))
    return np.array(rows)


def linformer(Q: np.ndarray, K: np.ndarray, V: np.ndarray, E: np.ndarray, F: np.ndarray) -> np.ndarray:
    """Softmax attention over k mixtures of the n posts, K̃ = Eᵀ K and Ṽ = Fᵀ V: E and F are [n, k]."""
    return softmax_attention(Q, E.T @ K, F.T @ V)


def performer(Q: np.ndarray, K: np.ndarray, V: np.ndarray, omega: np.ndarray, epsilon: float = 1e-4) -> np.ndarray:
    """φ(Q)(φ(K)ᵀ V) / (φ(Q) · Σ φ(K)), which tends to softmax attention as the m rows of ω [m, d] grow many.

    φ(x) = m^-½ (exp(ω x - ‖x‖²/2 - c) + ε), x divided by d^¼ first. c is the largest ω x: of one query its own, of
    keys that of all of them.
    """
    scale = Q.shape[1] ** -0.25
    queries = [_phi(q * scale, omega, max(omega @ (q * scale)), epsilon) for q in Q]
    largest = max(max(omega @ (k * scale)) for k in K)
    keys = [_phi(k * scale, omega, largest, epsilon) for k in K]
    rows = []
    for q in queries:
        a = np.array([np.dot(q, k) for k in keys])  # [n]
        rows.append(sum(share * value for share, value in zip(a / a.sum(), V, strict=True)))
    return np.array(rows)


def _phi(x: np.ndarray, omega: np.ndarray, c: float, epsilon: float) -> np.ndarray:
    return (np.exp(omega @ x - np.dot(x, x) / 2 - c) + epsilon) / np.sqrt(len(omega))


def moving_average(
    x: np.ndarray, users: np.ndarray, times: np.ndarray, *, window: int, fill: str = "present", least: int = 0
) -> np.ndarray:
    """Each post's vector averaged with those of its user's `window` - 1 posts before it: [n, d] -> [n, d].

    Before means strictly earlier. Where there are fewer, `fill` "present" divides by how many there are (ours), and
    "zero" by `window`, as if zeros had been posted. Posts of users with fewer than `least` posts in all stay as they
    are; the released code has `least` = `window` (3 for texts, 5 for pictures).
    """
    averages = np.array(x, dtype=float)
    for row in range(len(x)):
        own = [other for other in range(len(x)) if users[other] == users[row]]
        if len(own) < least:
            continue
        earlier = sorted((other for other in own if times[other] < times[row]), key=lambda other: times[other])
        chosen = [row, *(earlier[1 - window :] if window > 1 else [])]
        averages[row] = sum(x[other] for other in chosen) / (window if fill == "zero" else len(chosen))
    return averages


def info_nce(z_title: np.ndarray, z_tag: np.ndarray, tau: float = 0.07) -> float:
    """L_c of a batch [b, d], [b, d]: the mean of how ill each title finds its tags and each tags their title.

    s = cos(z_title, z_tag) / τ; L_c = ½ (cross-entropy of rows + of columns), and ln b - L_c is a lower bound of
    mutual information.
    """
    s = np.array([[_cosine(title, tag) / tau for tag in z_tag] for title in z_title])  # [b, b]
    rows = [-np.log(softmax(s[i])[i]) for i in range(len(s))]
    columns = [-np.log(softmax(s[:, i])[i]) for i in range(len(s))]
    return (sum(rows) / len(s) + sum(columns) / len(s)) / 2


def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    return np.dot(x, y) / np.sqrt(np.dot(x, x) * np.dot(y, y))
