"""Intrinsic popularity against torchvision's own forward, with a checkpoint in the released layout."""

import logging
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet50
from torchvision.transforms import Compose, Resize, ToTensor

from features.iipa import Iipa
from features.parts.checkpoints import draw
from pipeline.base.errors import UserError
from tests.features.entries import make
from tests.features.pictures import smooth

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
picture = partial(smooth, height=60, width=80)


@pytest.fixture(scope="module")
def released():
    """torchvision's ResNet-50 with one output."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = resnet50()
        network.fc = torch.nn.Linear(2048, 1)
    draw(network, seed=1)
    return network.eval()


@pytest.fixture(scope="module")
def checkpoint(released, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "model-resnet50.pth"
    torch.save(released.state_dict(), path)
    yield path
    path.unlink()


def embedded(feature, *pictures):
    return feature.embed([feature.prepare(p) for p in pictures])


def test_scores_are_those_of_the_released_program(released, checkpoint):
    """The whole picture in a square of 224, from 0 to 1."""
    pictures = [picture(seed=0), picture(seed=1)]
    transform = Compose([Resize([224, 224]), ToTensor()])
    with torch.inference_mode():
        expected = released(torch.stack([transform(Image.fromarray(p)) for p in pictures]))
    feature = Iipa(pretrained=str(checkpoint))
    feature.check()
    values = embedded(feature, *pictures)
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-4)
    assert abs(values[0, 0] - values[1, 0]) > 1e-3
    assert (values.shape, feature.shape, feature.names) == ((2, 1), (1,), ["intrinsic_popularity"])
    assert not feature.untrained
    assert feature.files() == [checkpoint]
    assert len(feature.fingerprint()["weights"]) == 64


def test_random_weights_are_said_to_be_and_leave_the_head_random_too(caplog):
    caplog.set_level(logging.WARNING)
    first, again, other = (Iipa(pretrained=None, image_size=32, seed=seed) for seed in (0, 0, 1))
    assert first.untrained
    value = embedded(first, picture())
    assert "features.iipa: RANDOM weights (seed 0)" in caplog.text
    np.testing.assert_array_equal(embedded(again, picture()), value)
    assert embedded(other, picture())[0, 0] != value[0, 0]
    assert np.isfinite(value).all()
    assert first.fingerprint()["weights"] == "random, seed 0"


def test_weights_of_classes_are_none_of_popularity(tmp_path):
    zeros = {name: torch.zeros(()).expand(v.shape) for name, v in resnet50().state_dict().items()}
    torch.save(zeros, tmp_path / "classes.pth")
    with pytest.raises(
        UserError, match=r"features\.iipa\.pretrained: .*classes\.pth does not hold weights of resnet50"
    ):
        Iipa(pretrained=str(tmp_path / "classes.pth")).check()
    torch.save({k: v for k, v in zeros.items() if not k.startswith("fc.")}, tmp_path / "headless.pth")
    with pytest.raises(UserError, match=r"headless\.pth does not hold weights of resnet50: it lacks fc\.weight"):
        Iipa(pretrained=str(tmp_path / "headless.pth")).check()


def test_only_files_have_weights():
    with pytest.raises(UserError, match=r"features\.iipa\.pretrained: IMAGENET1K_V1: no such file"):
        make("iipa", {"pretrained": "IMAGENET1K_V1"}).files()
    with pytest.raises(UserError, match=r"features\.iipa\.pretrained: missing"):
        make("iipa", {})
