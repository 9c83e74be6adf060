"""Posts with regions, words and users for the networks over them, and their parameters by the papers' names."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from pipeline.storage.examples import Examples, FeatureValues

FEATURES = {"regions": ["regions"], "words": ["words"]}
LSTM = {
    "words.table.weight": "W_W",
    "words.lstm.weight_ih_l0": "W_Wifgo",
    "words.lstm.weight_hh_l0": "W_Hifgo",
    "words.lstm.bias_ih_l0": "b_ifgo",
    "words.lstm.bias_hh_l0": "b_Hifgo",
    "users.table.weight": "W_U",
    "regions.dense.weight": "W_I",
}


def parameters(network, names):
    """What the oracles take: the parameters by the names of the papers, all of them."""
    names = {**LSTM, **names}
    for i in range(len(network.head.layers) // 2 + 1):
        names |= {f"head.layers.{2 * i}.weight": f"W{i + 1}_F", f"head.layers.{2 * i}.bias": f"b{i + 1}_F"}
    given = {names[name]: value.numpy() for name, value in network.state_dict().items()}
    if "W_U" in given:  # users unseen in training have the mean of the others
        given["W_U"] = np.concatenate([given["W_U"].mean(0, keepdims=True), given["W_U"]])
    return given


def drawn(network, seed=0):
    """The network in float64, evaluated, with weights of which none is near zero."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.double().eval().parameters():
        torch.nn.init.normal_(parameter, std=0.7, generator=generator)
    return network


def draw_batch(numbers, vocabulary=11, users=6, seed=0, n=8, regions=5, words=9):
    """Batch of n posts; the first four lack regions, words, both, neither; the others some of each."""
    rng = np.random.default_rng(seed)
    V = rng.normal(size=(n, regions, numbers))
    region_mask, length = rng.random((n, regions)) < 0.7, rng.integers(1, words, n)
    region_mask[:4], length[:4] = [[False], [True], [False], [True]], [3, 0, 0, words]
    V[~region_mask] = np.nan
    word_mask = np.arange(words) < length[:, None]
    numbers_of_words = np.where(word_mask, rng.integers(1, vocabulary, (n, words)), 0)
    return {
        "regions": torch.tensor(V),
        "words": torch.tensor(numbers_of_words),
        "users": torch.tensor(rng.integers(0, users, n)),
    }


def for_oracle(batch):
    """The arguments of an oracle."""
    regions, words, users = (batch[name].numpy() for name in ("regions", "words", "users"))
    return regions, ~np.isnan(regions).any(-1), words, words > 0, users


def planted(n, seed, users=4, regions=6, noise=0.1):
    """Posts where popularity is what the region of the user's favourite kind shows, a kind a region.

    Returns the examples and the position [n] of that region. A region's numbers: its kind, what it shows.
    """
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users, n)
    kind = np.argsort(rng.random((n, regions)), axis=1)
    shown = rng.normal(size=(n, regions))
    where = np.argmax(kind == user[:, None], axis=1)
    values = np.concatenate([np.eye(regions)[kind], shown[:, :, None]], axis=2).astype(np.float16)
    posts = pd.DataFrame(
        {"post_id": [f"p{i}" for i in range(n)], "user_id": pd.Series([f"u{u}" for u in user], dtype="str")}
    )
    words = rng.integers(1, 9, (n, 4)).astype(np.int32)
    y = 3 + 2 * shown[np.arange(n), where] + rng.normal(0, noise, n)
    return Examples(posts, {"regions": FeatureValues(values), "words": FeatureValues(words)}, y, "likes"), where


def of_user(posts, user):
    """The same posts, all by one user."""
    return replace(posts, posts=posts.posts.assign(user_id=user))
