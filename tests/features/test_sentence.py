"""Sentences mean what their translations mean; weights, what is read and how long are said."""

import json

import numpy as np
import pandas as pd
import pytest

from features.sentence import Sentence

pytestmark = pytest.mark.slow

PAIRS = [
    ("Ein ruhiger Morgen am See", "A quiet morning at the lake"),
    ("Unser Hund schläft auf dem Sofa", "Our dog is sleeping on the sofa"),
    ("Der Zug nach Berlin hat Verspätung", "The train to Berlin is delayed"),
    ("Frisches Brot aus dem Ofen", "Fresh bread from the oven"),
]


@pytest.fixture(scope="module")
def feature():
    return Sentence()


def embedded(feature, texts):
    return feature.embed([feature.prepare(text) for text in texts])


def test_each_sentence_finds_its_translation(feature):
    german, english = (embedded(feature, texts) for texts in zip(*PAIRS, strict=True))
    near = german @ english.T
    assert near.argmax(axis=0).tolist() == near.argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert near.diagonal().min() > 2 * (near - np.eye(4)).max()


def test_one_vector_is_known(feature):
    found = embedded(feature, ["hello"])[0]
    expected = [0.12590495, 0.0023098, 0.00890459, 0.01628613, -0.09944548, -0.02002205]
    np.testing.assert_allclose(found[:6], expected, atol=1e-5)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_a_long_text_counts_up_to_a_length(feature):
    start, end = embedded(Sentence(longest=20), ["A quiet morning at the lake", "A quiet morning at the office"])
    np.testing.assert_allclose(start[None], embedded(feature, ["A quiet morning at t"]), atol=1e-6)
    np.testing.assert_allclose(start, end, atol=1e-6)


def test_title_text_and_tags_are_one_text(feature):
    posts = pd.DataFrame({"title": ["Dawn"], "text": ["A quiet morning"], "tags": ["lake sea"]})
    assert feature.texts(posts).tolist() == ["Dawn A quiet morning lake sea"]
    assert Sentence(columns=["text"]).texts(posts).tolist() == ["A quiet morning"]


def test_metadata_says_package_version_and_hash(feature):
    told = json.loads(json.dumps(feature.fingerprint()))
    weights = told["weights"]
    assert told["libraries"][weights["package"]] == "0.2.1"
    assert weights["sha256"]["weights.npz"].startswith("0db566fd0af82cbf")
    assert not feature.untrained
