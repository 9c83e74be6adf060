import logging
import pickle
import re
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2

from features.clip_image import ClipImage
from features.parts import open_clip_weights
from features.parts.scaling import of_bytes, transformed
from pipeline.base.errors import UserError
from tests.features.entries import make

pytestmark = pytest.mark.slow
SIZES = [(50, 70), (70, 50), (32, 32), (5, 200), (1, 1)]


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def embeddings(pictures, **arguments):
    feature = ClipImage(**{"encoder": "tiny-vit", "pretrained": None, **arguments})
    return feature.embed([feature.prepare(picture) for picture in pictures])


def by_open_clip(model, pictures, transform=None):
    """What open_clip itself makes of pictures, scaled as bytes: test_scaling.py holds these against Pillow's."""
    transform = transform or image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    *steps, _, normalise = transform.transforms
    pixels = [torch.from_numpy(transformed(picture, of_bytes(steps))) / 255 for picture in pictures]
    with torch.no_grad():
        return model.encode_image(torch.stack([normalise(p) for p in pixels])).numpy()


@pytest.mark.parametrize("layout", ["open_clip", "training", "safetensors"])
@pytest.mark.parametrize("name", ["tiny-vit", "tiny-resnet"])
def test_embeddings_are_those_of_open_clip(pictures, model, checkpoint, tmp_path, layout, name):
    path = checkpoint(model(name), tmp_path / ("w.safetensors" if layout == "safetensors" else "w.pt"), layout)
    got = embeddings(pictures, encoder=name, pretrained=str(path))
    np.testing.assert_allclose(got, by_open_clip(model(name), pictures), atol=1e-5)


@pytest.mark.parametrize("layout", ["openai", "torchscript"])
def test_openai_checkpoints(pictures, model, checkpoint, tmp_path, layout):
    quick = model("tiny-vit-quickgelu")
    path = checkpoint(quick, tmp_path / "w.pt", layout)
    got = embeddings(pictures, encoder="tiny-vit-quickgelu", pretrained=str(path))
    np.testing.assert_allclose(got, by_open_clip(quick, pictures), atol=1e-5)


def test_half_precision_weights(pictures, model, checkpoint, tmp_path):
    path = checkpoint(model().half(), tmp_path / "w.pt", "open_clip")
    got = embeddings(pictures, pretrained=str(path))
    np.testing.assert_allclose(got, by_open_clip(model(), pictures), atol=2e-2)
    assert got.dtype == np.float32


def test_folder_in_the_hubs_layout_with_its_own_preprocessing(pictures, model, hub_folder):
    preprocess = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bilinear", "resize_mode": "squash"}
    folder = hub_folder(model(), **preprocess)
    transform = image_transform_v2(PreprocessCfg(size=(32, 32), **preprocess), is_train=False)
    got = embeddings(pictures, pretrained=str(folder))
    np.testing.assert_allclose(got, by_open_clip(model(), pictures, transform), atol=1e-5)


def test_folder_of_a_model_open_clip_does_not_name(pictures, model, hub_folder):
    folder = hub_folder(model(), name="open_clip_pytorch_model.bin")
    got = embeddings(pictures, encoder="of-my-own", pretrained=str(folder))
    np.testing.assert_allclose(got, by_open_clip(model(), pictures), atol=1e-5)


def test_tag(pictures, model, checkpoint, tmp_path, monkeypatch):
    path = checkpoint(model(), tmp_path / "w.pt", "open_clip")
    known = {"url": "x", "mean": (0.1, 0.2, 0.3)}
    monkeypatch.setattr(open_clip_weights.pretrained, "get_pretrained_cfg", lambda *_: known)
    monkeypatch.setattr(open_clip_weights.pretrained, "download_pretrained", lambda _: str(path))
    transform = image_transform_v2(PreprocessCfg(size=(32, 32), mean=(0.1, 0.2, 0.3)), is_train=False)
    got = embeddings(pictures, pretrained="laion")
    np.testing.assert_allclose(got, by_open_clip(model(), pictures, transform), atol=1e-5)


def test_hub(pictures, model, hub_folder, monkeypatch):
    folder = hub_folder(model())
    asked = []

    def download(repository, filename=None):
        asked.append(repository)
        return str(folder / (filename or "open_clip_model.safetensors"))

    monkeypatch.setattr(open_clip_weights.pretrained, "download_pretrained_from_hf", download)
    np.testing.assert_allclose(embeddings(pictures, pretrained="me/mine"), by_open_clip(model(), pictures), atol=1e-5)
    assert set(asked) == {"me/mine"}


def test_a_path_comes_before_the_hub(pictures, model, hub_folder, tmp_path, monkeypatch):
    hub_folder(model())
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setattr(
        open_clip_weights.pretrained, "download_pretrained_from_hf", lambda *_, **__: pytest.fail("asked")
    )
    np.testing.assert_allclose(
        embeddings(pictures, pretrained=f"{tmp_path.name}/hub"), by_open_clip(model(), pictures), atol=1e-5
    )


def test_random_weights_are_seeded_and_said_out_loud(pictures, caplog):
    with caplog.at_level(logging.WARNING):
        first = embeddings(pictures)
    assert "RANDOM weights (seed 0)" in caplog.text
    np.testing.assert_array_equal(embeddings(pictures), first)
    assert not np.allclose(embeddings(pictures, seed=1), first)
    fingerprint = ClipImage(encoder="tiny-vit", pretrained=None).fingerprint()
    assert fingerprint["weights"] == "random, seed 0"


def test_making_random_weights_leaves_the_callers_seed_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _ = ClipImage(encoder="tiny-vit", pretrained=None).network
    assert torch.equal(torch.rand(3), expected)


def test_normalise(pictures):
    plain, unit = embeddings(pictures), embeddings(pictures, normalise=True)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(unit, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-6)


def test_bfloat16_is_near(pictures):
    full, reduced = embeddings(pictures), embeddings(pictures, precision="bfloat16")
    assert not np.array_equal(full, reduced)
    assert np.abs(full - reduced).max() < 0.05 * np.abs(full).max()


def test_one_by_one_or_together(pictures):
    one_by_one = np.concatenate([embeddings([picture]) for picture in pictures])
    np.testing.assert_allclose(one_by_one, embeddings(pictures), atol=1e-5)


def test_image_size_interpolates_positions(pictures, model, checkpoint, tmp_path):
    path = checkpoint(model(), tmp_path / "w.pt", "open_clip")
    theirs = open_clip.create_model("tiny-vit", pretrained=str(path), force_image_size=64).eval()
    got = embeddings(pictures, pretrained=str(path), image_size=64)
    np.testing.assert_allclose(got, by_open_clip(theirs, pictures), atol=1e-5)


def test_shape_needs_no_weights():
    feature = ClipImage(encoder="tiny-vit", pretrained=None)
    assert feature.shape == (8,)
    assert "network" not in vars(feature)


def test_the_network_stays_behind_when_it_travels(pictures):
    feature = ClipImage(encoder="tiny-vit", pretrained=None)
    expected = feature.embed([feature.prepare(pictures[0])])
    data = pickle.dumps(feature)
    assert len(data) < 2000
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.embed([again.prepare(pictures[0])]), expected)


def test_fingerprint_tells_weights_apart(model, checkpoint, tmp_path):
    prints = []
    for seed in (1, 2):
        path = checkpoint(model(seed=seed), tmp_path / "w.pt", "open_clip")
        prints.append(ClipImage(encoder="tiny-vit", pretrained=str(path)).fingerprint())
    assert prints[0]["weights"] != prints[1]["weights"]
    assert len(prints[0]["weights"]) == 64
    assert prints[0]["preprocessing"]["size"] == (32, 32)
    assert prints[0]["device"] == "cpu"
    assert prints[0]["precision"] == "float32"
    assert set(prints[0]["libraries"]) == {"open_clip", "torch"}


def error(**arguments):
    """The one line that a feature with these arguments ends with."""
    feature = ClipImage(**{"encoder": "tiny-vit", "pretrained": None, **arguments})
    with pytest.raises(UserError) as caught:
        _ = feature.shape, feature.network
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    return str(caught.value)


def test_wrong_keys(model, checkpoint, tmp_path):
    path = checkpoint(model("tiny-resnet"), tmp_path / "w.pt", "open_clip")
    assert "w.pt does not hold weights of tiny-vit" in error(pretrained=str(path))
    torch.save({"something": torch.zeros(3)}, path)
    assert "w.pt does not hold weights of tiny-vit" in error(pretrained=str(path))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04"])
def test_no_checkpoint_at_all(tmp_path, suffix, content):
    (tmp_path / f"w{suffix}").write_bytes(content)
    assert "does not hold weights" in error(pretrained=str(tmp_path / f"w{suffix}"))


def test_weights_for_another_image_size_are_not_bent_silently(tmp_path, checkpoint):
    larger = open_clip.create_model("tiny-vit", force_image_size=64, pretrained_text=False)
    path = checkpoint(larger, tmp_path / "w.pt", "open_clip")
    assert "does not hold weights" in error(pretrained=str(path))


def test_openai_weights_need_quick_gelu(model, checkpoint, tmp_path):
    path = checkpoint(model(), tmp_path / "w.pt", "openai")
    assert "set encoder: tiny-vit-quickgelu" in error(pretrained=str(path))


def test_tags_need_their_activation(monkeypatch):
    monkeypatch.setattr(open_clip_weights.pretrained, "download_pretrained", lambda _: pytest.fail("asked"))
    assert "set encoder: ViT-B-32-quickgelu" in error(encoder="ViT-B-32", pretrained="openai")
    assert "set encoder: ViT-B-32" in error(encoder="ViT-B-32-quickgelu", pretrained="laion2b_s34b_b79k")
    assert "QuickGELU" in error(encoder="ViT-B-32", pretrained="laion400m_e32")


def test_folders_need_their_activation_and_model(model, hub_folder):
    config = {**open_clip.get_model_config("tiny-vit"), "quick_gelu": True}
    assert "QuickGELU" in error(pretrained=str(hub_folder(model(), config)))
    assert "vision_cfg differs" in error(encoder="tiny-resnet", pretrained=str(hub_folder(model())))


def test_folder_without_what_it_needs(tmp_path):
    assert "needs open_clip_config.json" in error(pretrained=str(tmp_path))


def test_file_that_is_not_there(tmp_path):
    assert "no such file or folder" in error(pretrained=str(tmp_path / "gone.pt"))
    assert "no such file or folder" in error(pretrained="weights/gone.pt")


def test_tag_or_model_nobody_knows():
    assert "no file, folder or tag 'laion9b'" in error(encoder="ViT-B-32", pretrained="laion9b")
    assert "open_clip has no model 'ViT-Z'" in error(encoder="ViT-Z")


def test_hub_that_does_not_answer(monkeypatch):
    def fail(*_, **__):
        raise OSError("no route\nto host")

    monkeypatch.setattr(open_clip_weights.pretrained, "download_pretrained_from_hf", fail)
    assert "the hub did not give it: no route to host" in error(pretrained="me/mine")
    monkeypatch.setattr(open_clip_weights.pretrained, "download_pretrained", fail)
    assert "cannot fetch tag 'laion2b_s34b_b79k'" in error(encoder="ViT-B-32", pretrained="laion2b_s34b_b79k")


@pytest.mark.parametrize("content", ["[]", "{}", '{"model_cfg": []}', '{"model_cfg": {"embed_dim": 8}}'])
def test_folders_need_a_description(content, model, hub_folder):
    folder = hub_folder(model())
    (folder / "open_clip_config.json").write_text(content)
    assert "open_clip_config.json describes no model of open_clip" in error(pretrained=str(folder))


class Payload:
    """A pickle that would write a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


@pytest.mark.parametrize("name", ["clip_image", "vgg"])
@pytest.mark.parametrize("save", [lambda value, file: file.write_bytes(pickle.dumps(value)), torch.save])
def test_what_files_bring_is_not_run_and_the_message_is_short(name, save, tmp_path):
    file, written = tmp_path / "w.pth", tmp_path / "written"
    save({"state_dict": Payload(written)}, file)
    arguments = {"pretrained": str(file), **({"encoder": "tiny-vit"} if name == "clip_image" else {})}
    with pytest.raises(UserError) as caught:
        make(name, arguments).network  # noqa: B018
    assert re.search(r"does not hold weights of [\w-]+: it holds more than tensors, or is damaged$", str(caught.value))
    assert not written.exists()
