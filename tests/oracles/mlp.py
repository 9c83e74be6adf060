"""Plain-NumPy `mlp`, the multiple layer perceptron that DSN's paper takes as a rival.

Ding, Wang and Wang, Social Media Popularity Prediction: A Multiple Feature Fusion Approach with Deep Neural Networks,
by what DSN's paper says of it: vectors of picture and text, an aesthetics score and an intrinsic popularity score of
the picture, and the user, fed together into dense layers.

Readings of ours. The order is picture, the two scores, text, user. Without the authors' scoring networks a score is
one linear output over the picture's vector (`W_A` aesthetics, `W_I` intrinsic popularity).

v wide a picture, t a text, m numbers of a user, d a hidden layer.

| name | shape | |
|---|---|---|
| `W_A`, `b_A`; `W_I`, `b_I` | [1, v], [1]; the same | the two scores |
| `W_1`, `b_1`; `W_2`, `b_2`; … | [d, v + 2 + t + m], [d]; [1, d], [1]; the last has one row | dense layers |
"""

import numpy as np

from tests.oracles.layers import Parameters, dense_layers


def forward(
    parameters: Parameters,
    images: np.ndarray,
    texts: np.ndarray,
    users: np.ndarray,
    scores: np.ndarray | None = None,
) -> np.ndarray:
    """Predictions [n] from pictures [n, v], texts [n, t], users [n, m]; `scores` [n, 2] if they come from outside."""
    if scores is None:
        scores = np.array([[_score(parameters, image, name) for name in "AI"] for image in images])
    posts = zip(images, scores, texts, users, strict=True)
    return np.array([dense_layers(np.concatenate(post), parameters) for post in posts])


def _score(parameters: Parameters, image: np.ndarray, name: str) -> float:
    return (parameters[f"W_{name}"] @ image + parameters[f"b_{name}"]).item()
