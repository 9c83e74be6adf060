"""fastText's own files as gensim writes them, learned vectors, and vectors of words unheard of."""

import gzip
import hashlib
import json

import numpy as np
import pytest
from gensim.models import FastText
from gensim.models.fasttext import save_facebook_model

from features.fasttext import Fasttext
from pipeline.base.errors import UserError
from tests.features import learned
from tests.features.entries import make
from tests.features.learned import CODE, SEA, cosine, of

SMALL = {"dimensions": 8, "epochs": 20, "buckets": 2000, "sample": 0.0}


def fitted(posts=None, **options):
    feature = Fasttext(**{**SMALL, **options})
    feature.fit(learned.posts() if posts is None else posts)
    return feature


@pytest.fixture(scope="module")
def feature():
    return fitted()


@pytest.fixture(scope="module")
def model():
    texts = [text.split() for text in learned.posts()["text"]]
    return FastText(texts, vector_size=8, min_count=1, bucket=100, workers=1, epochs=2)


@pytest.fixture
def file(model, tmp_path):
    save_facebook_model(model, str(tmp_path / "own.bin"))
    return tmp_path / "own.bin"


@pytest.mark.parametrize("packing", [bytes, gzip.compress])
def test_fasttexts_own_file(model, file, packing):
    file.write_bytes(packing(file.read_bytes()))
    feature = fitted(vectors=str(file))
    feature.check()
    words = ["sea", "bug", "seaside", "debugging"]
    assert "seaside" not in model.wv.key_to_index
    np.testing.assert_allclose(feature.extract(of(*words)), [model.wv[word] for word in words], rtol=1e-5)
    assert feature.state()["posts_without_known_word"] == 0
    assert feature.files() == [file]
    assert len(feature.fingerprint()["pretrained"]["sha256"]) == 64


def test_a_file_of_words_alone_knows_no_others(model, tmp_path):
    model.wv.save_word2vec_format(str(tmp_path / "own.vec"))
    feature = fitted(vectors=str(tmp_path / "own.vec"))
    feature.check()
    sea, unheard = feature.extract(of("sea", "seaside"))
    np.testing.assert_allclose(sea, model.wv["sea"], rtol=1e-5)
    assert not unheard.any()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.6])
def test_a_torn_file_is_one_line(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"own\.bin: ") as error:
        fitted(vectors=str(file))
    assert "\n" not in str(error.value)


def test_numbers_that_are_none_are_one_line(model, tmp_path):
    broken = FastText([["sea"]], vector_size=8, min_count=1, bucket=100, epochs=1)
    broken.wv.vectors_ngrams[3] = np.nan
    save_facebook_model(broken, str(tmp_path / "own.bin"))
    with pytest.raises(UserError, match=r"own\.bin: some numbers are not finite; expected fastText's vectors of 8 dim"):
        fitted(vectors=str(tmp_path / "own.bin"))


def test_other_dimensions_and_no_file(file, tmp_path):
    with pytest.raises(UserError, match=r"own\.bin: its vectors have 8 dimensions; expected .* of 9 dimensions"):
        make("fasttext", {"vectors": str(file), "dimensions": 9}).check()
    with pytest.raises(UserError, match=r"features\.fasttext\.vectors: .*nowhere: no such file"):
        make("fasttext", {"vectors": str(tmp_path / "nowhere")}).files()
    with pytest.raises(UserError, match=r"features\.fasttext\.shortest: 4 letters are more than the 3 of longest"):
        make("fasttext", {"shortest": 4, "longest": 3})


def test_words_of_like_company_lie_together(feature):
    values = feature.extract(of(*SEA, *CODE))
    near = [cosine(values[i], values[j]) for i in range(5) for j in range(i)]
    far = [cosine(values[i], values[j + 5]) for i in range(5) for j in range(5)]
    assert min(near) > max(far)
    assert not feature.untrained


def test_a_word_unheard_of_lies_near_those_it_has_pieces_of(feature):
    boats, boat, class_ = feature.extract(of("boats", "boat", "class"))
    assert boats.any()
    assert cosine(boats, boat) > cosine(boats, class_)


def test_what_is_kept_gives_gensims_own_vectors(monkeypatch):
    found, real = [], FastText.train
    monkeypatch.setattr(FastText, "train", lambda model, *a, **k: (found.append(model), real(model, *a, **k)))
    feature = fitted()
    words = ["sea", "seaside", "x", "größer"]
    theirs = [found[0].wv[word] for word in words]
    np.testing.assert_allclose(feature.extract(of(*words)), theirs, rtol=2e-3, atol=1e-3)
    np.testing.assert_array_equal(
        feature.extract(of("sea bug"))[0], feature.extract(of("sea", "bug")).mean(axis=0, dtype=np.float32)
    )


def test_later_posts_change_nothing(feature):
    before = json.dumps(feature.state())
    feature.extract(of("unheard of words about the sea"))
    assert json.dumps(feature.state()) == before


def test_the_order_of_posts_does_not_matter_and_the_seed_does(feature):
    turned = learned.posts().iloc[::-1].reset_index(drop=True)
    assert fitted(turned).state() == feature.state()
    assert fitted(seed=1).state()["pieces"] != feature.state()["pieces"]


@pytest.mark.slow
def test_another_process_learns_the_same(feature):
    own = hashlib.sha256(json.dumps(feature.state(), sort_keys=True).encode()).hexdigest()
    assert learned.elsewhere("fasttext", SMALL) == own
