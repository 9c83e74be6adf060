"""Inception-v3's features against torchvision's own forward, with a checkpoint in the real key layout."""

import logging
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import Inception_V3_Weights, inception_v3

from features.inception import Inception
from features.parts.checkpoints import draw
from pipeline.base.errors import UserError
from tests.features.entries import make
from tests.features.pictures import smooth

SMALL = 75

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
picture = partial(smooth, height=60, width=80)


@pytest.fixture(scope="module")
def official():
    """torchvision's Inception-v3, auxiliary classifier and all, with weights as lively as trained ones."""
    with torch.random.fork_rng():
        network = inception_v3(init_weights=False, transform_input=True)
        draw(network, seed=1)
        torch.manual_seed(2)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
    return network.eval()


@pytest.fixture(scope="module")
def checkpoint(official, tmp_path_factory):
    """Its weights as torchvision's downloads hold them."""
    path = tmp_path_factory.mktemp("weights") / "inception_v3.pth"
    torch.save(official.state_dict(), path)
    yield path
    path.unlink()


def pooled(network, pixels):
    """What the network's last pooling layer gives, [b, 2048]."""
    found = []
    hook = network.avgpool.register_forward_hook(lambda module, inputs, output: found.append(output))
    with torch.inference_mode():
        network(pixels)
    hook.remove()
    return found[0].flatten(1).numpy()


def embedded(feature, *pictures):
    return feature.embed([feature.prepare(p) for p in pictures])


def test_equals_torchvision_at_its_own_size(official, checkpoint):
    image = picture(height=200, width=300)
    transforms = Inception_V3_Weights.IMAGENET1K_V1.transforms()
    expected = pooled(official, transforms(Image.fromarray(image))[None])
    found = embedded(Inception(pretrained=str(checkpoint)), image)
    assert found.shape == (1, 2048)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_equals_torchvision_in_batches(official, checkpoint):
    images = [picture(seed, height=50 + seed, width=90) for seed in range(3)]
    feature = Inception(pretrained=str(checkpoint), image_size=SMALL)
    transforms = Inception_V3_Weights.IMAGENET1K_V1.transforms(crop_size=SMALL, resize_size=86)
    expected = pooled(official, torch.stack([transforms(Image.fromarray(i)) for i in images]))
    found = embedded(feature, *images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-3
    assert np.isfinite(found.astype(feature.dtype)).all()
    travelled = pickle.loads(pickle.dumps(feature))
    assert "network" not in vars(travelled)


def test_the_whole_picture_or_its_middle():
    image = picture(height=86, width=200)  # no scaling, so that pixels stay where they are
    wide = np.concatenate([255 - image, image, 255 - image], axis=1)
    middle, whole = (
        Inception(pretrained=None, image_size=SMALL),
        Inception(pretrained=None, image_size=SMALL, crop=False),
    )
    np.testing.assert_array_equal(middle.prepare(wide), middle.prepare(image))
    assert np.abs(whole.prepare(wide).astype(int) - whole.prepare(image)).max() > 50
    assert whole.prepare(wide).shape == middle.prepare(wide).shape == (3, SMALL, SMALL)


def test_random_weights_are_seeded_said_and_marked(caplog):
    feature = Inception(pretrained=None, image_size=SMALL)
    with caplog.at_level(logging.WARNING):
        first = embedded(feature, picture(), 255 - picture())
    assert "RANDOM weights (seed 0)" in caplog.text
    np.testing.assert_array_equal(
        embedded(Inception(pretrained=None, image_size=SMALL), picture(), 255 - picture()), first
    )
    assert (
        np.abs(embedded(Inception(pretrained=None, image_size=SMALL, seed=1), picture()) - first[:1]).max()
        > first.mean()
    )
    assert 1e-3 < first.mean() < 100  # neither vanished nor overflowing
    assert np.abs(first[0] - first[1]).mean() > 0.1 * first.mean()
    assert feature.fingerprint()["weights"] == "random, seed 0"
    assert feature.untrained


def test_fingerprint_follows_the_weights(checkpoint, tmp_path):
    made = Inception(pretrained=str(checkpoint)).fingerprint()
    assert not Inception(pretrained=str(checkpoint)).untrained
    other = tmp_path / "other.pth"
    other.write_bytes(checkpoint.read_bytes()[:1000])
    assert len(made["weights"]) == 64
    assert Inception(pretrained=str(other)).fingerprint()["weights"] != made["weights"]
    assert made["precision"] == "float32"
    assert made["preprocessing"]["mean"] == [0.485, 0.456, 0.406]


def test_another_network_is_one_line(tmp_path):
    path = tmp_path / "vgg.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}, path)
    with pytest.raises(
        UserError, match=r"features\.inception\.pretrained: .*vgg\.pth does not hold weights of inc"
    ) as e:
        _ = Inception(pretrained=str(path)).network
    assert "lacks Conv2d_1a_3x3.conv.weight and" in str(e.value)
    assert "has besides features.0.weight and 1 more" in str(e.value)
    assert "\n" not in str(e.value)


def test_too_small_a_size_is_said():
    with pytest.raises(UserError, match=r"features\.inception\.image_size: 74 cannot be; give 75 or more$"):
        make("inception", {"pretrained": None, "image_size": 74})
