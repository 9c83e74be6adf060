"""NIMA against the programs that released weights of it: their layouts, their pixels, their scores."""

import logging
from collections import OrderedDict
from functools import partial

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn
from torchvision.models import resnet18, vgg16
from torchvision.transforms import functional

from features.nima import Nima
from features.parts import nima_network
from features.parts.checkpoints import draw
from pipeline.base.errors import UserError
from tests.features.entries import make
from tests.features.pictures import smooth

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
picture = partial(smooth, height=100, width=140)
SIDE = 96


def layers(**named):
    """Layers one after the other, under these names."""
    return nn.Sequential(OrderedDict(named))


def of_ten(before, inputs):
    return nn.Sequential(*before, nn.Linear(inputs, 10), nn.Softmax(dim=1))


class FirstAndLast(nn.Module):
    """IQA-PyTorch: the last of timm's maps, its mean."""

    def __init__(self):
        super().__init__()
        self.base_model = timm.create_model("vgg16", features_only=True)
        self.classifier = of_ten([nn.Flatten(), nn.Dropout(0)], 512)

    def forward(self, pixels):
        return self.classifier(nn.functional.adaptive_avg_pool2d(self.base_model(pixels)[-1], 1))


def block(inputs, outputs, stride, expansion):
    """An inverted residual, its layers one after the other; `Residual` adds."""
    wide = inputs * expansion
    return [
        nn.Conv2d(inputs, wide, 1, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU6(),
        nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU6(),
        nn.Conv2d(wide, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        self.conv = nn.Sequential(*block(inputs, outputs, stride, expansion))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


def mobilenet():
    """MobileNetV2 of nima.pytorch, by the table of Sandler et al. 2018: its first block expands once."""
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    found = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())]
    inputs = 32
    for expansion, outputs, times, stride in table:
        for i in range(times):
            found.append(Residual(inputs, outputs, stride if i == 0 else 1, expansion))
            inputs = outputs
    found += [nn.Sequential(nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU())]
    return nn.Sequential(*found, nn.AdaptiveAvgPool2d(1))


def headed(base, inputs):
    """nima.pytorch: a base, then a head."""
    return layers(base_model=base, flat=nn.Flatten(), head=of_ten([nn.ReLU(), nn.Dropout(0.75)], inputs))


RELEASED = {
    "iqa": ("vgg16", FirstAndLast, {}),
    "mobilenet": ("mobilenet_v2", lambda: headed(nn.Sequential(mobilenet()), 1280), {"crop": False}),
    "resnet": ("resnet18", lambda: headed(nn.Sequential(*list(resnet18().children())[:-1]), 512), {"crop": False}),
    "first": (
        "vgg16",
        lambda: layers(
            features=vgg16(init_weights=False).features,
            flat=nn.Flatten(),
            classifier=of_ten([nn.Dropout(0.75)], 25088),
        ),
        {"normalise": False, "image_size": 224},
    ),
}
"""Whose program: the backbone, its network, and the keys that its pixels need."""


def network(name):
    """Its network, with random weights as lively as trained ones."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        made = RELEASED[name][1]()
        draw(made, seed=1, kinds=(nn.Conv2d, nn.Linear))
        for layer in made.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
    return made.eval()


def pixels(image, crop=True, normalise=True, image_size=SIDE):
    size = image_size if crop else [image_size, image_size]
    made = functional.center_crop(functional.resize(Image.fromarray(image), size), [image_size, image_size])
    made = functional.to_tensor(made)
    return functional.normalize(made, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) if normalise else made


def embedded(feature, *pictures):
    return feature.embed([feature.prepare(p) for p in pictures])


@pytest.mark.parametrize("name", RELEASED)
def test_scores_are_those_of_the_programs(name, tmp_path):
    backbone, _, keys = RELEASED[name]
    theirs, pictures = network(name), [picture(seed=0), picture(seed=1)]
    state = theirs.state_dict()
    if name == "mobilenet":  # of a PyTorch that counted no batches
        state = {f"module.{key}": value for key, value in state.items() if "num_batches" not in key}
    path = tmp_path / "released.pth"
    torch.save({"params": state} if name == "iqa" else state, path)
    keys = {"image_size": SIDE, **keys}
    with torch.inference_mode():
        shares = theirs(torch.stack([pixels(p, **keys) for p in pictures])).numpy()
    feature = Nima(pretrained=str(path), network=backbone, **keys)
    feature.check()
    values = embedded(feature, *pictures)
    scores = np.arange(1, 11)
    mean = shares @ scores
    np.testing.assert_allclose(values[:, 0], mean, rtol=1e-4)
    deviation = [np.sqrt(s @ (scores - m) ** 2) for s, m in zip(shares, mean, strict=True)]
    np.testing.assert_allclose(values[:, 1], deviation, rtol=1e-3)
    assert abs(values[0, 0] - values[1, 0]) > 1e-4
    assert not feature.untrained
    assert feature.files() == [path]
    assert len(feature.fingerprint()["weights"]) == 64


def test_layers_of_inception_resnet_as_released_are_all_taken(tmp_path):
    """Without the numbers, which would be 200 MB."""
    theirs = {
        f"base_model.{k}": v
        for k, v in timm.create_model("inception_resnet_v2", features_only=True).state_dict().items()
    }
    theirs |= {"classifier.2.weight": torch.zeros(10, 1536), "classifier.2.bias": torch.arange(10.0)}
    state = {
        key: value if "classifier" in key else torch.zeros(()).expand(value.shape) for key, value in theirs.items()
    }
    torch.save({"params": state}, tmp_path / "released.pth")
    feature = Nima(pretrained=str(tmp_path / "released.pth"), network="inception_resnet_v2", image_size=75)
    values = embedded(feature, picture())
    shares = np.exp(np.arange(10.0)) / np.exp(np.arange(10.0)).sum()
    np.testing.assert_allclose(values[0, 0], shares @ np.arange(1, 11), rtol=1e-5)
    assert feature.normalisation == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert Nima(pretrained=None, network="inception_resnet_v2").image_size == 299


def test_random_weights_are_said_to_be(caplog):
    caplog.set_level(logging.WARNING)
    first, again, other = (Nima(pretrained=None, network="resnet18", image_size=75, seed=s) for s in (0, 0, 1))
    assert first.untrained
    value = embedded(first, picture())
    assert "features.nima: RANDOM weights (seed 0)" in caplog.text
    np.testing.assert_array_equal(embedded(again, picture()), value)
    assert embedded(other, picture())[0, 0] != value[0, 0]
    assert 1 < value[0, 0] < 10
    assert 0 < value[0, 1] < 4.5
    assert first.names == ["aesthetic_score_mean", "aesthetic_score_deviation"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"epoch": torch.tensor(1)}, "0 layers with 10 outputs and not one"),
        (lambda s: s | {"more.weight": torch.ones(10, 3), "more.bias": torch.ones(10)}, "2 layers with 10 outputs"),
        (lambda s: s | {"head.2.weight": torch.ones(10, 700)}, "its scores are made of 700 numbers"),
        (lambda s: s | {"base_model.0.bias": torch.ones(3)}, r"101 tensors beside those of head\.2 for 100"),
        (
            lambda s: s | {"base_model.0.weight": torch.ones(64, 3, 5, 5)},
            r"base_model\.0\.weight \[64, 3, 5, 5\] is not",
        ),
    ],
)
def test_what_are_no_weights_of_it_is_one_line(tmp_path, change, message):
    path = tmp_path / "w.pth"
    with torch.device("meta"):
        state = RELEASED["resnet"][1]().state_dict()
    torch.save(change({key: torch.zeros(()).expand(value.shape) for key, value in state.items()}), path)
    where = r"features\.nima\.pretrained: .*w\.pth does not hold weights of NIMA with resnet18: "
    with pytest.raises(UserError, match=where + message) as error:
        Nima(pretrained=str(path), network="resnet18").check()
    assert "\n" not in str(error.value)


def test_foreign_files_and_keys_are_one_line(tmp_path):
    (tmp_path / "w.pth").write_text("hello")
    with pytest.raises(UserError, match="does not hold weights of NIMA with vgg16"):
        Nima(pretrained=str(tmp_path / "w.pth")).check()
    with pytest.raises(UserError, match=r"features\.nima\.pretrained: ava: no such file"):
        make("nima", {"pretrained": "ava"}).files()
    with pytest.raises(UserError, match=r"features\.nima\.image_size: 74 cannot be; give 75 or more, or null$"):
        make("nima", {"pretrained": None, "image_size": 74})
    with pytest.raises(UserError, match=r"features\.nima\.network: 'alexnet'"):
        make("nima", {"pretrained": None, "network": "alexnet"})


@pytest.mark.parametrize("backbone", nima_network.CHANNELS)
def test_each_backbone_has_the_channels_that_are_said(backbone):
    with torch.device("meta"):
        network = nima_network.Nima(backbone).eval()
        assert network.body(torch.empty(1, 3, 75, 75)).shape[1] == nima_network.CHANNELS[backbone]
