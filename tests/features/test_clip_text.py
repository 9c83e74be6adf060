"""The text tower against open_clip's own `encode_text`, from every layout its checkpoints come in."""

import logging
import pickle

import numpy as np
import open_clip
import pytest
import torch

from features.clip_text import ClipText
from features.parts import open_clip_weights
from pipeline.base.errors import UserError
from tests.features.conftest import TINY_TEXT
from tests.features.entries import make

TEXTS = ["A lake at dawn", "Our dog sleeps on the sofa and dreams of far more words than fit", "x", "☀ sunset"]

pytestmark = pytest.mark.usefixtures("one_thread")


def embedded(texts=TEXTS, **arguments):
    feature = ClipText(**{"encoder": "tiny-text", "pretrained": None, **arguments})
    return feature.embed([feature.prepare(text) for text in texts])


def by_open_clip(model, name="tiny-text"):
    with torch.inference_mode():
        return model.encode_text(open_clip.get_tokenizer(name)(TEXTS)).numpy()


@pytest.mark.parametrize("layout", ["open_clip", "training", "safetensors", "torchscript"])
def test_equals_open_clip_from_every_layout(model, checkpoint, tmp_path, layout):
    path = checkpoint(model("tiny-text"), tmp_path / "tiny.pt", layout)
    if layout == "safetensors":
        path = path.rename(tmp_path / "tiny.safetensors")
    found = embedded(pretrained=str(path))
    assert found.shape == (len(TEXTS), 8)
    np.testing.assert_allclose(found, by_open_clip(model("tiny-text")), atol=1e-5)


@pytest.mark.parametrize("name", ["tiny-text-quickgelu", "tiny-text-custom"])
def test_equals_open_clip_of_other_kinds(model, checkpoint, tmp_path, name):
    layout = "openai" if "gelu" in name else "open_clip"
    path = checkpoint(model(name), tmp_path / "tiny.pt", layout)
    np.testing.assert_allclose(embedded(encoder=name, pretrained=str(path)), by_open_clip(model(name)), atol=1e-5)


def test_a_folder_of_the_hub_and_its_tokenizer(model, hub_folder):
    folder = hub_folder(model("tiny-text"), TINY_TEXT)
    found = embedded(encoder="of-my-own", pretrained=str(folder))
    np.testing.assert_allclose(found, by_open_clip(model("tiny-text")), atol=1e-5)


def test_it_lies_in_the_space_of_clip_image(model, checkpoint, tmp_path):
    """Both towers read the same file under the same keys."""
    path = checkpoint(model("tiny-text"), tmp_path / "tiny.pt", "open_clip")
    entry = {"encoder": "tiny-text", "pretrained": str(path)}
    image, text = make("clip_image", entry), make("clip_text", entry)
    assert image.shape == text.shape
    assert image.fingerprint()["weights"] == text.fingerprint()["weights"]


def test_normalised_to_length_one():
    np.testing.assert_allclose(np.linalg.norm(embedded(normalise=True), axis=1), 1, rtol=1e-5)


def test_random_weights_are_seeded_said_and_marked(caplog):
    with caplog.at_level(logging.WARNING):
        first = embedded()
    assert "features.clip_text: RANDOM weights (seed 0)" in caplog.text
    np.testing.assert_array_equal(embedded(), first)
    assert np.abs(embedded(seed=1) - first).max() > 0.1 * np.abs(first).max()
    assert ClipText(encoder="tiny-text", pretrained=None).untrained


def test_the_network_stays_behind(model):
    feature = ClipText(encoder="tiny-text", pretrained=None)
    _ = feature.network, feature.tokenizer
    assert not {"network", "tokenizer", "source"} & set(vars(pickle.loads(pickle.dumps(feature))))


def test_what_is_no_model_is_one_line(model, checkpoint, tmp_path, monkeypatch):
    path = checkpoint(model(), tmp_path / "tiny.pt", "open_clip")
    with pytest.raises(
        UserError, match=r"^features\.clip_text\.pretrained: .*tiny\.pt does not hold weights of tiny-text"
    ):
        embedded(pretrained=str(path))
    with pytest.raises(UserError, match=r"^features\.clip_text\.encoder: open_clip has no model 'nothing'"):
        embedded(encoder="nothing")
    monkeypatch.setattr(open_clip, "get_tokenizer", lambda name: (_ for _ in ()).throw(OSError("no\nnetwork")))
    with pytest.raises(UserError, match=r"^features\.clip_text\.encoder: no tokenizer of tiny-text: no network$"):
        embedded()
    assert open_clip_weights.open_clip is open_clip
