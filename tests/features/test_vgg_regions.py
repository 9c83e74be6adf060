"""VGG-16's regions and their mean against torchvision's own forward, with a checkpoint in the real key layout."""

import logging
from functools import partial

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import VGG16_Weights, vgg16
from torchvision.transforms.functional import normalize, pil_to_tensor

from features.parts.checkpoints import draw
from features.vgg import Vgg
from features.vgg_regions import VggRegions
from pipeline.base.errors import UserError
from tests.features.entries import make
from tests.features.pictures import smooth

SIZE = 96

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
picture = partial(smooth, height=70, width=110)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Weights as torchvision's download holds them, classifier and all (one number, repeated without a copy)."""
    with torch.device("meta"):
        network = vgg16(init_weights=False)
    network.features.to_empty(device="cpu")
    draw(network.features, seed=1)
    classes = {
        k: torch.zeros(1).expand(v.shape) for k, v in network.classifier.state_dict(prefix="classifier.").items()
    }
    path = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    state = {f"features.{k}": v for k, v in network.features.state_dict().items()}
    for name in list(state):
        if name.endswith("bias"):
            state[name] = torch.linspace(-0.1, 0.1, len(state[name]))
    torch.save({**state, **classes}, path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def official(checkpoint):
    """torchvision's VGG-16 up to its last pooling layer."""
    with torch.device("meta"):
        network = vgg16(init_weights=False)
    network.load_state_dict(torch.load(checkpoint), assign=True)
    assert isinstance(network.features[-1], nn.MaxPool2d)
    return network.features.eval()


def maps(network, image, weights=VGG16_Weights.IMAGENET1K_V1, size=SIZE):
    """Its feature map [512, h, w] of the squeezed picture."""
    transforms = weights.transforms()
    squeezed = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    pixels = normalize(pil_to_tensor(squeezed).float() / 255, transforms.mean, transforms.std)
    with torch.inference_mode():
        return network(pixels[None])[0].numpy()


def embedded(feature, *pictures):
    return feature.embed([feature.prepare(p) for p in pictures])


def test_regions_row_by_row_equal_torchvision(official, checkpoint):
    images = [picture(0), picture(1, height=130, width=50)]
    feature = VggRegions(pretrained=str(checkpoint), image_size=SIZE)
    found = embedded(feature, *images)
    assert found.shape == (2, *feature.shape) == (2, 9, 512)
    for values, image in zip(found, images, strict=True):
        expected = maps(official, image)
        for row in range(3):
            for column in range(3):
                np.testing.assert_allclose(values[3 * row + column], expected[:, row, column], rtol=1e-4, atol=1e-5)


def test_vector_is_the_mean_of_the_regions(checkpoint):
    arguments = {"pretrained": str(checkpoint), "image_size": SIZE}
    images = [picture(0), picture(1)]
    regions, vector = VggRegions(**arguments), Vgg(**arguments)
    found = embedded(vector, *images)
    assert found.shape == (2, *vector.shape) == (2, 512)
    np.testing.assert_allclose(found, embedded(regions, *images).mean(axis=1), rtol=1e-5)


def test_normalisation_is_that_of_the_weights(official, checkpoint):
    other = VGG16_Weights.IMAGENET1K_FEATURES
    feature = VggRegions(pretrained=str(checkpoint), preprocessing=other.name, image_size=SIZE)
    expected = maps(official, picture(), other)
    np.testing.assert_allclose(embedded(feature, picture())[0], expected.reshape(512, 9).T, rtol=1e-3, atol=1e-2)
    standard = VggRegions(pretrained=str(checkpoint), image_size=SIZE)
    assert feature.fingerprint()["preprocessing"] != standard.fingerprint()["preprocessing"]


def test_sizes_of_the_paper():
    assert VggRegions(pretrained=None).shape == (196, 512)
    assert VggRegions(pretrained=None, image_size=224).shape == (49, 512)
    assert Vgg(pretrained=None).shape == (512,)


@pytest.mark.parametrize("size", [0, 31, 100])
def test_sizes_without_whole_regions(size):
    with pytest.raises(UserError, match=rf"features\.vgg_regions\.image_size: {size} cannot be; give a multiple of"):
        make("vgg_regions", {"pretrained": None, "image_size": size})
    with pytest.raises(UserError, match=r"features\.vgg\.image_size"):
        make("vgg", {"pretrained": None, "image_size": size})


def test_a_region_is_a_place(checkpoint):
    """What changes in one corner of the picture changes most in the region there."""
    feature = VggRegions(pretrained=str(checkpoint), image_size=160)
    image = np.full((160, 160, 3), 100, np.uint8)
    for corner, (x, y) in {0: (16, 16), 4: (144, 16), 20: (16, 144), 24: (144, 144)}.items():
        changed = cv2.circle(image.copy(), (x, y), 12, (255, 0, 0), -1)
        before, after = embedded(feature, image, changed)
        assert np.abs(after - before).sum(axis=1).argmax() == corner


def test_random_weights_are_seeded_said_and_usable(caplog):
    images = [picture(0), 255 - picture(1)]
    with caplog.at_level(logging.WARNING):
        first = embedded(VggRegions(pretrained=None, image_size=64), *images)
    assert "features.vgg_regions: RANDOM weights (seed 0)" in caplog.text
    np.testing.assert_array_equal(embedded(VggRegions(pretrained=None, image_size=64), *images), first)
    assert 1e-2 < first.mean() < 100
    assert np.abs(first[0] - first[1]).mean() > 0.1 * first.mean()
    assert Vgg(pretrained=None).fingerprint()["weights"] == "random, seed 0"


def test_weights_of_another_network(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(
        UserError, match=r"features\.vgg\.pretrained: .*w\.pth does not hold weights of vgg16: it lacks"
    ):
        _ = Vgg(pretrained=str(path)).network
