"""Encoders of texts against transformers' own forward, from small folders in the hub's layout."""

import json
import pickle

import numpy as np
import pytest
import torch
import transformers

from features.bert import Bert
from features.parts import transformers_weights
from pipeline.base.errors import UserError
from tests.features import berts
from tests.features.entries import make

TEXTS = ["a lake at dawn", "x", "our dog sleeps on the sofa and dreams"]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return berts.write(tmp_path_factory.mktemp("bert"))


def embedded(where, texts=TEXTS, **arguments):
    feature = Bert(encoder=str(where), **arguments)
    return feature.embed([feature.prepare(text) for text in texts])


def by_transformers(where, text):
    """The last layer's states [t, d] of one text alone."""
    network = transformers.AutoModel.from_pretrained(where).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(where)(text, return_tensors="pt")
    with torch.inference_mode():
        return network(tokens["input_ids"], tokens["attention_mask"]).last_hidden_state[0].numpy()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", berts.CONFIGS)
def test_equals_transformers_one_text_at_a_time(tmp_path, kind, masked):
    where = berts.write(tmp_path, kind, masked=masked)
    states = [by_transformers(where, text) for text in TEXTS]
    np.testing.assert_allclose(embedded(where), [s.mean(axis=0) for s in states], atol=1e-5)
    np.testing.assert_allclose(embedded(where, pooling="cls"), [s[0] for s in states], atol=1e-5)
    assert Bert(encoder=str(where)).shape == (16,)


def test_only_the_first_tokens_are_read(folder):
    cut = embedded(folder, ["ab cd ef", "ab cd xy"], length=6)  # [CLS] a ##b c ##d [SEP]
    np.testing.assert_allclose(cut[0], cut[1], atol=1e-6)
    np.testing.assert_allclose(cut[:1], embedded(folder, ["ab cd"]), atol=1e-5)


def test_no_more_is_read_than_the_encoder_can(folder):
    feature = Bert(encoder=str(folder))
    assert len(feature.prepare("sunset " * 50)) == 60


def test_metadata_follows_every_file(folder, tmp_path):
    made = Bert(encoder=str(folder)).fingerprint()
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(made["weights"])
    assert Bert(encoder=str(berts.write(tmp_path))).fingerprint() == made
    berts.write(tmp_path, seed=1)
    assert Bert(encoder=str(tmp_path)).fingerprint()["weights"] != made["weights"]
    assert not Bert(encoder=str(folder)).untrained
    json.dumps(made)


def test_the_network_stays_behind(folder):
    feature = Bert(encoder=str(folder))
    _ = feature.network, feature.tokenizer, feature.shape
    assert not {"network", "tokenizer", "folder", "shape"} & set(vars(pickle.loads(pickle.dumps(feature))))


@pytest.mark.parametrize("older", [False, True])
def test_the_hub_gives_a_repository(folder, tmp_path, monkeypatch, older):
    """Weights in safetensors, or where a repository has none, as PyTorch saved them."""
    asked = []

    def download(repository, allow_patterns):
        asked.append((repository, allow_patterns[-1]))
        lacks = older and allow_patterns[-1] == "*.safetensors"
        return str(tmp_path if lacks else folder)

    monkeypatch.setattr(transformers_weights, "snapshot_download", download)
    np.testing.assert_allclose(embedded("someone/some-bert"), embedded(folder))
    assert asked == [("someone/some-bert", pattern) for pattern in transformers_weights.WEIGHTS[: 1 + older]]


def test_pytorch_weights_are_read_as_well(folder, tmp_path):
    where = berts.write(tmp_path)
    (where / "model.safetensors").unlink()
    torch.save(transformers.AutoModel.from_pretrained(folder).state_dict(), where / "pytorch_model.bin")
    np.testing.assert_allclose(embedded(where), embedded(folder), atol=1e-6)


def test_what_is_no_encoder_is_one_line(folder, tmp_path, monkeypatch):
    def said(where):
        feature = make("bert", {"encoder": str(where)})
        with pytest.raises(UserError) as error:
            _ = feature.shape, feature.tokenizer, feature.network
        assert "\n" not in str(error.value)
        return str(error.value)

    def refuse(*_, **__):
        raise OSError("no\nnetwork")

    monkeypatch.setattr(transformers_weights, "snapshot_download", refuse)
    assert said("/no/where") == "features.bert.encoder: /no/where: no such folder"
    assert said("a/b") == "features.bert.encoder: no folder 'a/b', and the hub did not give it: no network"
    assert "needs config.json and weights" in said(tmp_path)
    where = berts.write(tmp_path)
    config = json.loads((where / "config.json").read_text())
    (where / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    assert "does not hold its weights: it lacks encoder.layer.2." in said(where)
    (where / "config.json").write_text("{}")
    assert "describes no encoder of texts" in said(where)
    transformers.T5Config(d_model=8, num_layers=1).save_pretrained(where)
    assert "describes a t5, which is no encoder alone" in said(where)
