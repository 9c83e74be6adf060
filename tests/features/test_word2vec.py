"""word2vec's vectors from files by hand, and learned ones: what was planted, nothing of later posts, and repeatable."""

import hashlib
import json

import numpy as np
import pytest
from gensim.models import KeyedVectors

from features.word2vec import Word2vec
from pipeline.base.errors import UserError
from tests.features import learned
from tests.features.entries import make
from tests.features.learned import CODE, SEA, cosine, of

SMALL = {"dimensions": 8, "epochs": 20, "sample": 0.0}


def fitted(posts=None, **options):
    feature = Word2vec(**{**SMALL, **options})
    feature.fit(learned.posts() if posts is None else posts)
    return feature


@pytest.fixture(scope="module")
def feature():
    return fitted()


@pytest.mark.parametrize("binary", [True, False])
def test_means_of_a_file_by_hand(tmp_path, binary):
    vectors = KeyedVectors(2)
    vectors.add_vectors(["sea", "boat"], np.array([[3, 4], [-2, 1]], np.float32))
    path = tmp_path / "vectors.bin"
    vectors.save_word2vec_format(str(path), binary=binary)
    feature = fitted(vectors=str(path), dimensions=2)
    np.testing.assert_allclose(
        feature.extract(of("sea sea boat", "boat nowhere", "nowhere")), [[4 / 3, 3], [-2, 1], [0, 0]], rtol=1e-6
    )
    assert "words" not in feature.state()
    assert feature.files() == [path]
    assert feature.fingerprint()["pretrained"]["file"] == "vectors.bin"


def test_words_of_like_company_lie_together(feature):
    values = feature.extract(of(*SEA, *CODE))
    near = [cosine(values[i], values[j]) for i in range(5) for j in range(i)]
    far = [cosine(values[i], values[j + 5]) for i in range(5) for j in range(5)]
    assert min(near) > max(far)
    assert not feature.untrained


def test_a_post_is_the_mean_of_its_known_words(feature):
    sea, bug, post, nothing = feature.extract(of("sea", "bug", "sea bug sea unheard", "unheard"))
    np.testing.assert_allclose(post, (2 * sea + bug) / 3, rtol=1e-5)
    assert not nothing.any()


def test_rare_words_are_not_learned():
    posts = learned.posts()
    posts.loc[0, "text"] += " rare rare"
    assert "rare" not in fitted(posts, minimum_count=3).state()["words"]
    assert "rare" in fitted(posts, minimum_count=2).state()["words"]
    state = fitted(posts, minimum_count=3).state()
    assert state["known_share"] == pytest.approx(720 / 722)
    assert len(fitted(posts, maximum_words=4).state()["words"]) == 4
    with pytest.raises(UserError, match=r"features\.word2vec\.minimum_count: no word .* is counted 1000 times"):
        fitted(posts, minimum_count=1000)


def test_later_posts_change_nothing(feature):
    before = json.dumps(feature.state())
    values = feature.extract(learned.posts(20, seed=1))
    feature.extract(of("unheard of words about the sea"))
    assert json.dumps(feature.state()) == before
    np.testing.assert_array_equal(fitted().extract(learned.posts(20, seed=1)), values)


def test_the_order_of_posts_does_not_matter_and_the_seed_does(feature):
    turned = learned.posts().iloc[::-1].reset_index(drop=True)
    assert fitted(turned).state() == feature.state()
    assert fitted(seed=1).state()["vectors"] != feature.state()["vectors"]


def test_the_bag_of_words_and_the_window_are_others(feature):
    for option in ({"skip_gram": False}, {"window": 1}, {"epochs": 19}, {"sample": 0.01}):
        assert fitted(**option).state()["vectors"] != feature.state()["vectors"]


@pytest.mark.slow
def test_another_process_learns_the_same(feature):
    own = hashlib.sha256(json.dumps(feature.state(), sort_keys=True).encode()).hexdigest()
    assert learned.elsewhere("word2vec", SMALL) == own


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"features\.word2vec\.vectors: .*nowhere: no such file"):
        make("word2vec", {"vectors": str(tmp_path / "nowhere")}).files()
    with pytest.raises(UserError, match=r"features\.word2vec\.epochs: 0 cannot be"):
        make("word2vec", {"epochs": 0})
