"""Networks of timm: any by name, weights from a file, a folder or the hub, vectors and regions; no download."""

import json
import logging
import shutil
from functools import partial

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

from features.parts import timm_weights
from features.timm_image import TimmImage
from features.timm_regions import TimmRegions
from pipeline.base.errors import UserError
from tests.features.entries import make
from tests.features.pictures import smooth

NETWORK = "mobilenetv3_small_050"
"""One of timm's smallest: 1,024 numbers, classes behind `classifier`."""
ENTRY = {"network": NETWORK, "image_size": 64}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
picture = partial(smooth, height=60, width=80)


@pytest.fixture(scope="module")
def official():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return timm.create_model(NETWORK).eval()


@pytest.fixture(scope="module")
def checkpoint(official, tmp_path_factory):
    """Its weights as timm's own training script saves them."""
    path = tmp_path_factory.mktemp("weights") / "mobile.pth"
    torch.save({"state_dict": official.state_dict(), "epoch": 3}, path)
    return path


@pytest.fixture
def folder(official, tmp_path):
    """A function that writes a folder in the hub's layout."""

    def write(**described):
        save_file(official.state_dict(), tmp_path / "model.safetensors")
        known = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5], "input_size": [3, 96, 96], **described}
        content = {"architecture": NETWORK, "num_features": 1024, "pretrained_cfg": known}
        (tmp_path / "config.json").write_text(json.dumps(content))
        return tmp_path

    return write


def embedded(feature, *pictures):
    return feature.embed([feature.prepare(p) for p in pictures])


def theirs(network, *pictures, **options):
    """What timm's own transform and network give."""
    transform = create_transform(**{**resolve_model_data_config(network), **options}, is_training=False)
    pixels = torch.stack([transform(Image.fromarray(p)) for p in pictures])
    with torch.inference_mode():
        return network.forward_head(network.forward_features(pixels), pre_logits=True).numpy(), pixels


def by_pillow(network, image, **options):
    """What timm's own transform makes of a picture, uint8 [3, h, w]."""
    options |= {"is_training": False, "normalize": False}
    return create_transform(**{**resolve_model_data_config(network), **options})(Image.fromarray(image)).numpy()


def test_equals_timm(official, checkpoint):
    pictures = [picture(seed, height=80 + seed) for seed in range(3)]
    feature = TimmImage(**ENTRY, pretrained=str(checkpoint))
    expected, _ = theirs(official, *pictures, input_size=(3, 64, 64))
    scaled = [by_pillow(official, p, input_size=(3, 64, 64)) for p in pictures]
    for prepared, bytes_ in zip(map(feature.prepare, pictures), scaled, strict=True):
        np.testing.assert_allclose(prepared, bytes_.astype(int), rtol=0, atol=1)
    found = feature.embed(scaled)
    assert found.shape == (3, *feature.shape) == (3, 1024)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert not feature.untrained


def test_squeezed_the_whole_picture_is_seen():
    image = picture(height=64, width=200)
    wide = np.concatenate([255 - image, image, 255 - image], axis=1)
    middle, whole = TimmImage(**ENTRY, pretrained=None), TimmImage(**ENTRY, pretrained=None, crop=False)
    np.testing.assert_array_equal(middle.prepare(wide), middle.prepare(image))
    squeezed = np.asarray(Image.fromarray(wide).resize((64, 64), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    np.testing.assert_allclose(whole.prepare(wide), squeezed, rtol=0, atol=1)


def test_regions_are_the_last_map_or_an_earlier_one(official, checkpoint):
    image = picture()
    pixels = theirs(official, image, input_size=(3, 64, 64), crop_pct=1.0, crop_mode="squash")[1]
    with torch.inference_mode():
        last = official.forward_features(pixels)[0]
        maps = official.forward_intermediates(pixels, intermediates_only=True)
    for layer, expected in ((None, last), (1, maps[1][0]), (-2, maps[-2][0])):
        feature = TimmRegions(**ENTRY, pretrained=str(checkpoint), layer=layer)
        found = embedded(feature, image)[0]
        assert found.shape == feature.shape == (expected.shape[1] * expected.shape[2], expected.shape[0])
        row, column = expected.shape[1] - 1, 0  # region r of a side of s is row r // s, column r % s
        np.testing.assert_allclose(found[row * expected.shape[2] + column], expected[:, row, column], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "vector", "regions", "first"),
    [
        ("resnet50", 2048, (49, 2048), (112 * 112, 64)),
        ("swin_tiny_patch4_window7_224", 768, (49, 768), (56 * 56, 96)),
        ("inception_v4", 1536, (64, 1536), (147 * 147, 64)),
        ("vit_tiny_patch16_224", 192, (196, 192), (196, 192)),
    ],
)
def test_networks_of_all_kinds(network, vector, regions, first):
    assert TimmImage(network=network, pretrained=None).shape == (vector,)
    assert TimmRegions(network=network, pretrained=None, layer=0).shape == first
    feature = TimmRegions(network=network, pretrained=None)
    values = embedded(feature, picture()).astype(feature.dtype)
    assert values.shape == (1, *feature.shape) == (1, *regions)
    assert np.isfinite(values).all()


def test_tokens_of_no_place_are_no_regions():
    feature = TimmRegions(network="vit_tiny_patch16_224", pretrained=None)
    with torch.inference_mode():
        tokens = feature.network.forward_features(torch.zeros(1, 3, 224, 224))
        found = feature.encode(feature.network, torch.zeros(1, 3, 224, 224))
    torch.testing.assert_close(found, tokens[:, 1:])


def test_a_folder_says_what_pixels_it_needs(folder, checkpoint):
    feature = TimmImage(network=NETWORK, pretrained=str(folder()))
    assert feature.preprocessing["mean"] == [0.1, 0.2, 0.3]
    assert feature.prepare(picture()).shape == (3, 96, 96)
    of_file = TimmImage(**ENTRY, pretrained=str(checkpoint))
    state = of_file.network.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in feature.network.state_dict().items())


@pytest.mark.parametrize("name", ["lamb_in1k", f"timm/{NETWORK}.lamb_in1k"])
def test_the_hub_gives_what_a_tag_names(folder, monkeypatch, name):
    there, asked = folder(), []
    monkeypatch.setattr(timm_weights, "hf_hub_download", lambda repo, file: (asked.append(repo), str(there / file))[1])
    assert TimmImage(network=NETWORK, pretrained=name).source.file == there / "model.safetensors"
    assert set(asked) == {f"timm/{NETWORK}.lamb_in1k"}


def test_a_hub_that_is_not_there_is_one_line(monkeypatch):
    def refuse(repo, file):
        raise OSError("no\nnetwork")

    monkeypatch.setattr(timm_weights, "hf_hub_download", refuse)
    with pytest.raises(UserError, match=r"^features\.timm_image\.pretrained: no file or folder 'a/b', and the hub did"):
        _ = make("timm_image", {**ENTRY, "pretrained": "a/b"}).source


def test_random_weights_are_seeded_said_and_marked(caplog):
    with caplog.at_level(logging.WARNING):
        first = embedded(make("timm_image", {**ENTRY, "pretrained": None}), picture())
    assert "features.timm_image: RANDOM weights (seed 0)" in caplog.text
    feature = TimmImage(**ENTRY, pretrained=None)
    np.testing.assert_array_equal(embedded(feature, picture()), first)
    assert np.abs(embedded(TimmImage(**ENTRY, pretrained=None, seed=1), picture()) - first).max() > first.std()
    assert feature.untrained
    assert feature.fingerprint()["weights"] == "random, seed 0"


def test_fingerprint_follows_weights_and_pixels(checkpoint, folder, tmp_path):
    made = TimmImage(**ENTRY, pretrained=str(checkpoint)).fingerprint()
    other = shutil.copy(checkpoint, tmp_path / "same.pth")
    assert TimmImage(**ENTRY, pretrained=str(other)).fingerprint() == made
    assert TimmImage(**ENTRY, pretrained=str(folder())).fingerprint()["weights"] != made["weights"]
    assert TimmImage(**ENTRY, pretrained=str(checkpoint), crop=False).fingerprint() != made
    json.dumps(made)


def test_other_weights_are_one_line(tmp_path, folder):
    path = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(UserError, match=r"features\.timm_image\.pretrained: .*other\.pth does not hold weights") as e:
        _ = TimmImage(**ENTRY, pretrained=str(path)).network
    assert "it lacks conv_stem.weight and" in str(e.value)
    assert "\n" not in str(e.value)
    there = folder()
    with pytest.raises(UserError, match=r"describes another network than resnet50: mobilenetv3_small_050"):
        _ = TimmImage(network="resnet50", pretrained=str(there)).source
    (there / "config.json").unlink()
    with pytest.raises(UserError, match=r"needs config\.json and weights \(model\.safetensors, pytorch_model\.bin\)"):
        _ = TimmImage(**ENTRY, pretrained=str(there)).source


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"network": "resnet5"}, r"network: timm has no network 'resnet5'; did you mean 'resnet50'\?"),
        ({"pretrained": "none.pth"}, r"pretrained: none\.pth: no such file"),
        ({"pretrained": "nobody_in1k"}, r"pretrained: no file, folder or tag 'nobody_in1k' of .*; its tags: lamb_in1k"),
        ({"pretrained": "package"}, rf"pretrained: no package has weights of {NETWORK}, only of tf_efficientnet_lite0"),
        ({"layer": 9}, rf"layer: {NETWORK} has no map 9"),
        ({"network": "vit_tiny_patch16_224"}, r"image_size: vit_tiny_patch16_224 cannot look at 64x64 pixels"),
    ],
)
def test_what_cannot_be_is_one_line(entry, message):
    with pytest.raises(UserError, match=rf"^features\.timm_regions\.{message}"):
        _ = make("timm_regions", {**ENTRY, "pretrained": None, **entry}).shape
