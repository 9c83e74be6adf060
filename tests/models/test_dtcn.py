"""DTCN against plain NumPy, and what time decides in it."""

import numpy as np
import pandas as pd
import pytest
import torch

from models.dtcn import DTCNNetwork
from pipeline.base.errors import UserError
from pipeline.storage.examples import Examples, FeatureValues
from tests.models.pictures import drawn
from tests.models.small import build, make, make_examples, rmse
from tests.oracles import dtcn as oracle

N, LENGTH, V, M = 6, 5, 7, 3
NAMES = {
    "user": ("W_u", "b_u"), "image": ("W_v", "b_v"), "second": ("W_2", "b_2"), "state": ("W", ""), "time": ("U", ""),
    "score": ("v", ""), "output": ("w", "b"),
}  # fmt: skip
LSTM = {"weight_ih_l0": "W_x", "weight_hh_l0": "W_h", "bias_ih_l0": "b_x", "bias_hh_l0": "b_h"}


def network(contexts=2):
    """A small network of random weights, in double precision."""
    sizes = {"user": M, "image": V, "contexts": contexts, "dense": (5, 4), "hidden": 6, "space": 3, "dropout": 0.5}
    return drawn(DTCNNetwork(**sizes))


def parameters(made):
    """The network's weights under the oracle's names, matrices as they multiply rows."""
    taken = {}
    for name, value in made.state_dict().items():
        stem, _, kind = name.rpartition(".")
        if stem.startswith("recurrent"):
            taken[f"{LSTM[kind]}{int(stem.split('.')[1]) + 1}"] = value.numpy()
        else:
            taken[NAMES[stem][kind == "bias"]] = (value.T if kind == "weight" else value).numpy()
    return {**taken, "v": taken["v"].ravel(), "w": taken["w"].ravel()}


def draw():
    """Steps of two contexts, of which the first posts have fewer; the target, the last, is the same in both."""
    rng = np.random.default_rng(4)
    there = np.minimum(rng.integers(0, 4, (N, 2, 1)) + np.arange(N)[:, None, None] // 2, LENGTH - 1)
    posts = {
        "users": rng.normal(size=(N, 2, LENGTH, M)), "images": rng.normal(size=(N, 2, LENGTH, V)),
        "times": np.sort(rng.uniform(0, 5e5, (N, 2, LENGTH)), axis=-1), "scales": rng.normal(size=(N, 2, 3)),
        "present": np.arange(LENGTH) >= LENGTH - 1 - there,
    }  # fmt: skip
    for name in ("users", "images"):
        posts[name][:, 1, -1] = posts[name][:, 0, -1]
        posts[name][~posts["present"]] = np.nan
    return posts


def as_batch(posts):
    """The same as the network is fed: the posts of both contexts, and then the target."""
    weights = np.zeros(posts["present"].shape)
    for at in np.ndindex(weights.shape[:2]):
        there = posts["present"][at]
        weights[at][there] = oracle.time_weights(posts["times"][at][there])
    laid = {
        role: np.concatenate([posts[name][:, 0, :-1], posts[name][:, 1, :-1], posts[name][:, 0, -1:]], axis=1)
        for role, name in {"user": "users", "image": "images"}.items()
    }
    return {k: torch.tensor(v) for k, v in {**laid, "weights": weights, "times": posts["scales"]}.items()}


def test_equals_plain_numpy():
    made, posts = network(), draw()
    with torch.no_grad():
        looked = made.look(**as_batch(posts))
    np.testing.assert_allclose(looked.prediction.numpy(), oracle.predict(parameters(made), **posts), atol=1e-9)
    np.testing.assert_allclose(looked.contexts.numpy(), oracle.attention(parameters(made), **posts), atol=1e-9)


def test_every_parameter_is_used_and_gradients_are_finite():
    made = network()
    made(**as_batch(draw())).square().sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def planted(n, seed, *, hours):
    """Posts of six users, `hours` apart, whose popularity is what the picture two posts before showed."""
    rng = np.random.default_rng(seed)
    shown = rng.normal(size=(n, 2)).astype(np.float32)
    posts = pd.DataFrame(
        {
            "post_id": [f"p{seed}-{i}" for i in range(n)],
            "user_id": pd.Series([f"u{i % 6}" for i in range(n)], dtype="str"),
            "posted_at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(n) // 6 * hours, unit="h"),
        }
    )
    posts["posted_at"] = posts["posted_at"].dt.as_unit("us")
    y = np.roll(shown[:, 0], 12) + rng.normal(0, 0.1, n)
    features = {"image": FeatureValues(shown), "user": FeatureValues(rng.normal(size=(n, 2)).astype(np.float32))}
    return Examples(posts, features, y, "likes", past=Examples(posts, features))


def score(*, hours, **options):
    """RMSE on new posts, in deviations of their target."""
    features = {"user": ["user"], "image": ["image"]}
    entry = {"features": features, "length": 4, "hidden": 16, "dense": [16, 16], **options}
    training = {"epochs": 20, "batch_size": 32, "learning_rate": 0.01, "patience": None, "dropout": 0.0}
    system = build("dtcn", **entry, **training)
    system.fit(planted(700, 1, hours=hours), planted(2, 2, hours=hours))
    test = planted(300, 3, hours=hours)
    return rmse(system.predict(test), test) / test.y.std()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hours", "context", "finds"),
    [
        (4, "neighbouring", True),
        (4, "periodic", False),  # the posts of that hour were a day ago, not two posts
        (24, "periodic", True),
    ],
)
def test_finds_what_depends_on_posts_of_its_contexts(hours, context, finds):
    measured = score(hours=hours, contexts=[context])
    assert measured < 0.5 if finds else measured > 0.75


def test_reports_what_posts_took_from_each_context():
    system = make("dtcn", epochs=1)
    system.fit(make_examples(40, 1), make_examples(20, 2))
    shares = [system.report()[f"weight_{context}"] for context in ("neighbouring", "periodic")]
    assert sum(shares) == pytest.approx(1)
    system.fit(make_examples(40, 1), make_examples(0, 2))
    assert "weight_periodic" not in system.report()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"contexts": []}, "contexts"),
        ({"contexts": ["periodic", "periodic"]}, "contexts"),
        ({"contexts": ["weekly"]}, "contexts"),
        ({"dense": [32]}, "dense"),
        ({"days": 0}, "days"),
        ({"features": {"image": ["a"]}}, "features.user: expected one feature, not none"),
        ({"features": {"image": ["a", "b"], "user": ["c"]}}, "features.image: expected one feature, not a, b"),
        ({"features": {"image": ["a"], "user": ["b"], "text": ["c"]}}, "features.text: nothing reads this role"),
    ],
)
def test_what_cannot_be_is_said(entry, problem):
    with pytest.raises(UserError, match=f"systems.dtcn.*{problem}"):
        build("dtcn", **{"features": {"image": ["a"], "user": ["b"]}, **entry})
