"""Where weights come from, and that nothing else is taken in their place."""

import urllib.error

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import Inception_V3_Weights, VGG16_Weights

from features.parts import torchvision_weights
from features.parts.torchvision_weights import Source, fill, find
from pipeline.base.errors import UserError

KEY = "features.vgg"
PIXELS = VGG16_Weights.IMAGENET1K_V1


def tiny():
    """A network with a bit of everything."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())


def meta():
    with torch.device("meta"):
        return tiny()


@pytest.fixture
def weights():
    network = tiny()
    with torch.no_grad():
        network[1].running_mean.uniform_()
    return network.state_dict()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder as torch hub's, and no network."""

    def fetch(url, **options):
        assert options["check_hash"]
        raise urllib.error.URLError("no network\nhere")

    monkeypatch.setattr(torchvision_weights, "load_state_dict_from_url", fetch)
    monkeypatch.setattr(torchvision_weights, "get_dir", lambda: str(tmp_path / "hub"))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    return tmp_path / "hub/checkpoints"


def wrapped(weights):
    return {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in weights.items()}}


@pytest.mark.parametrize("layout", ["plain", "legacy", "wrapped", "half", "safetensors", "with classes"])
def test_layouts(tmp_path, weights, layout):
    path = tmp_path / ("w.safetensors" if layout == "safetensors" else "w.pth")
    if layout == "safetensors":
        save_file(weights, path)
    else:
        content = wrapped(weights) if layout == "wrapped" else weights
        content = {k: v.half() for k, v in weights.items()} if layout == "half" else content
        extra = {"fc.weight": torch.ones(7, 2), "AuxLogits.fc.bias": torch.ones(3), "classifier.0.bias": torch.ones(1)}
        content = {**weights, **extra} if layout == "with classes" else content
        torch.save(content, path, _use_new_zipfile_serialization=layout != "legacy")
    source = find("vgg16", str(path), None, KEY)
    assert source.file == path
    network = fill(meta(), source, 0, KEY)
    assert not network.training
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, weights[name].float(), rtol=1e-3, atol=1e-3, check_dtype=False)
        assert tensor.dtype in (torch.float32, torch.int64) or name.endswith("tracked")
    assert not any(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("layout", ["text", "empty", "list", "shape", "missing", "unknown"])
def test_what_are_no_weights_is_one_line(tmp_path, weights, layout):
    path = tmp_path / "w.pth"
    first, *rest = weights
    content = {
        "list": [1, 2],
        "shape": {**weights, first: torch.zeros(4, 3, 5, 5)},
        "missing": {k: weights[k] for k in rest},
        "unknown": {**weights, "more": torch.zeros(1)},
    }
    if layout in content:
        torch.save(content[layout], path)
    else:
        path.write_text("hello" * (layout == "text"))
    with pytest.raises(
        UserError, match=r"features\.vgg\.pretrained: .*w\.pth does not hold weights of vgg16: "
    ) as error:
        fill(meta(), find("vgg16", str(path), None, KEY), 0, KEY)
    assert "\n" not in str(error.value)


def test_random_weights_are_seeded_and_leave_other_randomness_alone():
    before = torch.get_rng_state()
    networks = [fill(meta(), Source("vgg16", PIXELS), seed, KEY) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    first, second, other = (network[0].weight for network in networks)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.std() == pytest.approx((2 / 27) ** 0.5, rel=0.3)
    assert torch.equal(networks[0][1].running_var, torch.ones(4))


def test_names_of_torchvision(hub, weights):
    (hub / "vgg16_features-amdegroot-88682ab5.pth").touch()
    source = find("vgg16", "IMAGENET1K_FEATURES", None, KEY)
    assert source.file == hub / "vgg16_features-amdegroot-88682ab5.pth"
    assert source.pixels is VGG16_Weights.IMAGENET1K_FEATURES
    torch.save(weights, hub / "inception_v3_google-0cc3c7bd.pth")
    source = find("inception_v3", "IMAGENET1K_V1", None, KEY)
    assert source.pixels is Inception_V3_Weights.IMAGENET1K_V1
    assert fill(meta(), source, 0, KEY)[0].weight.equal(weights["0.weight"])


def test_no_network_is_one_line(hub):
    with pytest.raises(UserError, match=r"features\.vgg\.pretrained: cannot fetch https://\S+ \(.*no network here"):
        find("vgg16", "IMAGENET1K_V1", None, KEY)


@pytest.mark.parametrize("name", ["gone.pth", "some/folder/vgg", "./gone"])
def test_a_file_that_is_not_there(hub, name):
    with pytest.raises(UserError, match=r"features\.vgg\.pretrained: .*: no such file"):
        find("vgg16", name, None, KEY)


def test_a_name_that_is_not_known(hub):
    with pytest.raises(UserError, match=r"no weights 'IMAGENET' of vgg16 in torchvision; it has IMAGENET1K_V1, IMAG"):
        find("vgg16", "IMAGENET", None, KEY)


def test_normalisation_of_files(tmp_path):
    path = tmp_path / "w.pth"
    path.touch()
    assert find("vgg16", None, None, KEY).pixels is PIXELS
    assert find("vgg16", str(path), None, KEY).pixels is PIXELS
    assert find("vgg16", str(path), "IMAGENET1K_FEATURES", KEY).pixels is VGG16_Weights.IMAGENET1K_FEATURES
    with pytest.raises(UserError, match=r"features\.vgg\.preprocessing: no weights 'caffe' of vgg16"):
        find("vgg16", str(path), "caffe", KEY)
    with pytest.raises(UserError, match=r"IMAGENET1K_V1 was trained on its own pixels; remove IMAGENET1K_FEATURES"):
        find("vgg16", "IMAGENET1K_V1", "IMAGENET1K_FEATURES", KEY)
