"""The perceptron against plain NumPy, its scale, and its gaps."""

import numpy as np
import pytest
import torch

from models.mlp import MLPNetwork
from pipeline.base.errors import UserError
from tests.models.pictures import drawn
from tests.models.small import build, make, make_examples, with_features
from tests.oracles import mlp as oracle

N, V, T, M = 6, 5, 4, 3


@pytest.mark.parametrize("hidden", [(7,), (7, 3)])
def test_equals_plain_numpy(hidden):
    """Picture, two scores, text and user, in this order."""
    rng = np.random.default_rng(0)
    images, scores, texts, users = (rng.normal(size=(N, width)) for width in (V, 2, T, M))
    made = drawn(MLPNetwork(V + 2 + T + M, hidden, 0.25))
    weights = {}
    for i in range(len(hidden) + 1):
        weights |= {f"{of}_{i + 1}": made.layers[3 * i].get_parameter(kind).detach().numpy()
                    for of, kind in (("W", "weight"), ("b", "bias"))}  # fmt: skip
    expected = oracle.forward(weights, images, texts, users, scores=scores)
    with torch.no_grad():
        said = made(torch.tensor(np.concatenate([images, scores, texts, users], axis=1))).numpy()
    np.testing.assert_allclose(said, expected, atol=1e-9)


def fitted(train):
    system = make("mlp", epochs=2)
    system.fit(train, train.take(np.arange(0)))
    return system


def test_units_do_not_matter_and_gaps_are_the_training_mean():
    train = make_examples(120)
    system = fitted(train)

    def scaled(name, values):
        return values * 1000 + 50 if name == "tabular" else values

    other = fitted(with_features(train, scaled)).predict(with_features(train, scaled))
    np.testing.assert_allclose(other, system.predict(train), atol=1e-3)
    means = {name: np.nanmean(train.features[name].values.astype(float), axis=0) for name in system.features}
    lacking = with_features(train, lambda name, v: v * np.nan if name in means else v)
    filled = with_features(train, lambda name, v: np.full(v.shape, means[name], v.dtype) if name in means else v)
    np.testing.assert_allclose(system.predict(lacking), system.predict(filled), atol=1e-2)
    assert np.ptp(system.predict(train)) > 0.1


def test_needs_a_feature():
    with pytest.raises(UserError, match=r"systems.mlp: features: a perceptron needs at least one feature"):
        build("mlp", features=[])
