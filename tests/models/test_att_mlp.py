"""Att-MLP against plain NumPy, and what it says of the modalities."""

import numpy as np
import pandas as pd
import pytest
import torch

from models.att_mlp import AttMLPNetwork
from pipeline.base.errors import UserError
from pipeline.storage.examples import Examples, FeatureValues
from tests.models.pictures import drawn
from tests.models.small import build, make, make_examples, with_features, with_posts
from tests.oracles import att_mlp as oracle

N, V, T, M, D = 6, 5, 3, 4, 8
SIZES = (4, 6)
SEEN = ("image", "text", "category", "user")
NAMES = {"score.0": ("W", "b"), "score.2": ("w", ""), "head.0": ("W_1", "b_1"), "head.3": ("W_2", "b_2")}


def network(**changes):
    sizes = {"image": V, "text": T, "levels": SIZES, "users": 3, "numbers": M, "hidden": D, "dropout": 0.25}
    return drawn(AttMLPNetwork(**{**sizes, **changes}))


def draw():
    rng = np.random.default_rng(0)
    batch = {"image": rng.normal(size=(N, V)), "text": rng.normal(size=(N, T)), "numbers": rng.normal(size=(N, M))}
    batch |= {
        "category": np.stack([rng.integers(1, size, N) for size in SIZES], axis=1),
        "users": rng.integers(1, 3, N),
    }
    return {name: torch.tensor(values) for name, values in batch.items()}


def for_oracle(made, batch):
    """The network's weights by the oracle's names, and the vectors of the modalities it has."""
    weights, state = {}, {name: value.numpy() for name, value in made.state_dict().items()}
    for place, (weight, bias) in NAMES.items():
        weights |= {weight: state[f"{place}.weight"]} | ({bias: state[f"{place}.bias"]} if bias else {})
    weights["w"] = weights["w"].ravel()
    weights |= {f"W_{modality}": state[f"layers.{modality}.weight"] for modality in made.layers}
    rows = [state[f"category.levels.tables.{i}.table.weight"][batch["category"][:, i] - 1] for i in range(len(SIZES))]
    user = [state["users.table.weight"][batch["users"] - 1], batch["numbers"].numpy()]
    vectors = {"image": batch["image"].numpy(), "text": batch["text"].numpy()}
    vectors |= {"category": np.concatenate(rows, axis=1), "user": np.concatenate(user, axis=1)}
    return weights, {modality: vectors[modality] for modality in made.layers}


def test_equals_plain_numpy():
    made, batch = network(), draw()
    said, a = oracle.forward(*for_oracle(made, batch))
    with torch.no_grad():
        seen = made.look(**batch)
    assert tuple(made.layers) == SEEN
    np.testing.assert_allclose(seen.prediction.numpy(), said, atol=1e-9)
    np.testing.assert_allclose(seen.modality.numpy(), a, atol=1e-12)


LACKING = {
    "image": {"image": np.nan},
    "text": {"text": np.nan},
    "category": {"category": 0},
    "user": {"users": 0, "numbers": np.nan},
}


@pytest.mark.parametrize("modality", SEEN)
def test_what_a_post_lacks_has_no_weight(modality):
    """The others share as they would if its units were none of the softmax, and of the layer above."""
    made, batch = network(), draw()
    weights, vectors = for_oracle(made, batch)
    at = SEEN.index(modality)
    others = {name: x for name, x in vectors.items() if name != modality}
    kept = np.delete(weights["W_1"].reshape(D, len(SEEN), D), at, axis=1).reshape(D, -1)
    said, a = oracle.forward({**weights, "W_1": kept}, others)
    for name, value in LACKING[modality].items():
        batch[name] = torch.full_like(batch[name], value)
    with torch.no_grad():
        seen = made.look(**batch)
    np.testing.assert_allclose(seen.modality.numpy(), np.insert(a, at, 0, axis=1), atol=1e-12)
    np.testing.assert_allclose(seen.prediction.numpy(), said, atol=1e-9)


def test_a_post_that_lacks_all_has_no_weights():
    made, batch = network(), draw()
    for lacking in LACKING.values():
        batch |= {name: torch.full_like(batch[name], value) for name, value in lacking.items()}
    with torch.no_grad():
        seen = made.look(**batch)
    assert not seen.modality.any()
    assert seen.prediction.isfinite().all()


def test_a_gap_in_a_vector_is_no_lack():
    made, batch = network(), draw()
    batch["image"][:, 0], batch["numbers"][:, 1:] = np.nan, np.nan
    batch["users"][:], batch["category"][:, 1] = 0, 0
    with torch.no_grad():
        seen = made.look(**batch)
    assert (seen.modality > 0).all()
    assert seen.prediction.isfinite().all()


def test_every_parameter_is_used_and_gradients_are_finite():
    made, batch = network(), draw()
    batch["image"][0] = np.nan
    made(**batch).square().sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def follows(feature, n=400, seed=0):
    """Posts whose target is a number of one feature, the other and everything else noise."""
    rng = np.random.default_rng(seed)
    x = {name: rng.normal(size=(n, 2)).astype(np.float32) for name in ("a", "b")}
    posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(n)], "user_id": "u0", "category": "one"})
    return Examples(posts, {name: FeatureValues(values) for name, values in x.items()}, x[feature][:, 0].astype(float))


@pytest.mark.slow
@pytest.mark.parametrize(("feature", "modality"), [("a", "image"), ("b", "text")])
def test_weighs_most_what_decides(feature, modality):
    entry = {"features": {"image": ["a"], "text": ["b"]}, "levels": ["category"], "hidden": 16, "dropout": 0.0}
    system = build("att_mlp", **entry, epochs=30, batch_size=32, learning_rate=0.01, weight_decay=0.0)
    train = follows(feature)
    system.fit(train, train.take(np.arange(0)))
    report = system.report()
    weights = {name: report[f"weight_{name}"] for name in system.modalities}
    assert max(weights, key=weights.get) == modality
    mean = system.attention(train)["modality"].mean(axis=0)
    np.testing.assert_allclose(list(weights.values()), mean, rtol=1e-5)


def test_tells_its_weights_in_order():
    system, train = make("att_mlp", epochs=1), make_examples(60)
    assert system.modalities == SEEN
    system.fit(train, train.take(np.arange(0)))
    a = system.attention(with_posts(train, category=None))["modality"]
    assert a.shape == (60, 4)
    np.testing.assert_array_equal(a[:, 2], 0)
    np.testing.assert_array_equal(a[:, 0] == 0, np.isnan(train.features["stats"].values).all(axis=1))
    np.testing.assert_allclose(a.sum(axis=1), 1, rtol=1e-5)
    nothing = with_features(with_posts(train, category=None, user_id=None), lambda _, v: np.full_like(v, 0) * np.nan)
    assert not system.attention(nothing)["modality"].any()
    assert system.attention(train.take(np.arange(0))) == {}


def test_an_input_left_out_is_no_modality():
    system = build("att_mlp", features={"text": ["clip"]}, levels=[], hidden=4, epochs=1)
    assert system.modalities == ("text", "user")
    assert system.reads("likes", "log2p1") == ("user_id",)
    train = make_examples(40)
    system.fit(train, train.take(np.arange(0)))
    assert system.attention(train)["modality"].shape == (40, 2)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"levels": ["category", "category"]}, "levels"),
        ({"features": {"image": ["a", "b"]}}, "features.image: expected one feature, not a, b"),
        ({"features": {"words": ["a"]}}, "features.words: nothing reads this role"),
    ],
)
def test_what_cannot_be_is_said(entry, problem):
    with pytest.raises(UserError, match=f"systems.att_mlp.*{problem}"):
        build("att_mlp", **{"features": {"image": ["a"]}, **entry})
