import numpy as np
import pandas as pd
import pytest
import torch

from models.hybrid_cnn import HybridNetwork
from pipeline.base.errors import UserError
from pipeline.storage.examples import Examples, FeatureValues
from tests.models.small import build
from tests.oracles import hybrid_cnn as oracle

FEATURES = {"image": ["pixels"], "context": ["context"]}
NAMES = {
    "convolution.0.weight": "K_1",
    "convolution.0.bias": "c_1",
    "convolution.3.weight": "K_2",
    "convolution.3.bias": "c_2",
    "dense.0.weight": "W_1",
    "dense.0.bias": "b_1",
    "dense.2.weight": "W_2",
    "dense.2.bias": "b_2",
    "output.weight": "W_3",
    "output.bias": "b_3",
}


def examples(n, size=16, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    posts = pd.DataFrame({"post_id": [str(i) for i in range(n)]})
    features = {"pixels": FeatureValues(pixels), "context": FeatureValues(rng.random((n, 2)), ["followers", "hours"])}
    return Examples(posts, features, rng.random(n), "likes", "max")


@pytest.mark.parametrize("head", ["sum", "linear"])
def test_forward_equals_plain_numpy(head):
    torch.manual_seed(0)
    network = HybridNetwork(size=8, context=2, channels=(3, 5), hidden=(7, 4), head=head).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    rng = np.random.default_rng(0)
    pixels, context = rng.uniform(0, 255, (4, 8, 8, 3)), rng.random((4, 2))
    parameters = {NAMES[name]: value.detach().numpy() for name, value in network.named_parameters()}
    expected = oracle.forward(parameters, pixels.transpose(0, 3, 1, 2) / 255, context, head=head)
    got = network(pixels=torch.tensor(pixels), context=torch.tensor(context))
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(got.detach().numpy(), expected, atol=1e-10)


@pytest.mark.parametrize(("head", "count"), [("sum", 1_698_456), ("linear", 1_698_456 + 61)])
def test_parameters_of_the_paper(head, count):
    network = HybridNetwork(size=64, context=2, channels=(32, 64), hidden=(100, 60), head=head)
    assert sum(p.numel() for p in network.parameters()) == count == oracle.count_parameters(head=head)


@pytest.mark.slow
def test_overfits_32_posts():
    posts = examples(32)
    system = build("hybrid_cnn", features=FEATURES, channels=[8, 8], hidden=[32, 16], epochs=150, learning_rate=0.003)
    system.fit(posts, posts.take(np.arange(0)))
    assert np.mean((system.predict(posts) - posts.y) ** 2) < 0.02 * np.var(posts.y)


def test_bytes_and_numbers_of_the_same_picture_score_alike():
    posts = examples(8)
    system = build("hybrid_cnn", features=FEATURES, channels=[2, 2], hidden=[4, 4], epochs=1)
    system.fit(posts, posts.take(np.arange(0)))
    as_numbers = FeatureValues(posts.features["pixels"].values.astype(np.float32))
    other = Examples(posts.posts, {**posts.features, "pixels": as_numbers})
    np.testing.assert_allclose(system.predict(other), system.predict(posts), rtol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"features": {"image": ["pixels"], "context": []}},
        {"features": {"image": ["a", "b"], "context": ["context"]}},
        {"features": FEATURES, "standardize": True},
    ],
)
def test_what_cannot_be_is_refused(arguments):
    with pytest.raises(UserError):
        build("hybrid_cnn", **arguments)


def test_pictures_that_cannot_be_halved_twice_are_refused():
    for size, fits in ((3, False), (4, True)):
        posts = examples(8, size=size)
        system = build("hybrid_cnn", features=FEATURES, channels=[2, 2], hidden=[4, 4], epochs=1)
        if fits:
            system.fit(posts, posts.take(np.arange(0)))
            assert np.isfinite(system.predict(posts)).all()
        else:
            with pytest.raises(UserError, match=r"features\.image: 3 pixels a side are too few"):
                system.fit(posts, posts.take(np.arange(0)))
