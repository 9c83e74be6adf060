"""Topics: those planted are found, shares are a distribution, nothing comes from later posts."""

import hashlib
import json

import numpy as np
import pytest
from gensim.models import LdaModel

from features.lda import Lda
from pipeline.base.errors import UserError
from tests.features import learned
from tests.features.entries import make
from tests.features.learned import CODE, SEA, of

SMALL = {"topics": 2, "passes": 5}


def fitted(posts=None, **options):
    feature = Lda(**{**SMALL, **options})
    feature.fit(learned.posts() if posts is None else posts)
    return feature


@pytest.fixture(scope="module")
def feature():
    return fitted()


def test_planted_topics_are_found(feature):
    values = feature.extract(of(" ".join(SEA), " ".join(CODE), "sea sea boat", "bug"))
    sea = values[0].argmax()
    assert values[0, sea] > 0.9
    assert values[1, 1 - sea] > 0.9
    assert values[2, sea] > 0.8
    assert values[3, 1 - sea] > 0.7
    mixed = feature.extract(of(" ".join(SEA + CODE)))[0]
    assert mixed.max() < 0.6


def test_shares_sum_to_one(feature):
    values = fitted(topics=7).extract(learned.posts(30, seed=1))
    assert values.shape == (30, 7)
    assert values.dtype == np.float32
    assert (values > 0).all()
    np.testing.assert_allclose(values.sum(axis=1), 1, rtol=1e-6)
    assert feature.names == ["topic_0", "topic_1"]


def test_without_a_known_word_shares_are_equal(feature):
    values = feature.extract(of("unheard of", None, ""))
    np.testing.assert_allclose(values, 0.5)


def test_what_is_kept_gives_gensims_own_shares(monkeypatch):
    found, real = [], LdaModel.update
    monkeypatch.setattr(LdaModel, "update", lambda model, *a, **k: (found.append(model), real(model, *a, **k)))
    feature = fitted()
    position = {word: i for i, word in enumerate(feature.state()["vocabulary"])}
    theirs = dict(found[0].get_document_topics([(position["boat"], 1), (position["sea"], 2)], 0))
    np.testing.assert_allclose(feature.extract(of("sea boat sea"))[0], [theirs[0], theirs[1]], rtol=1e-2)


def test_later_posts_change_nothing(feature):
    before = json.dumps(feature.state())
    alone = feature.extract(of("sea boat"))
    feature.extract(of("unheard of words about the sea"))
    assert json.dumps(feature.state()) == before
    np.testing.assert_array_equal(feature.extract(of("bug", "sea boat"))[1:], alone)


def test_the_order_of_posts_and_of_words_does_not_matter_and_the_seed_does(feature):
    turned = learned.posts().iloc[::-1].reset_index(drop=True)
    assert fitted(turned).state() == feature.state()
    assert fitted(seed=1).state()["weights"] != feature.state()["weights"]
    np.testing.assert_array_equal(*feature.extract(of("sea bug fish", "fish bug sea")))


def test_rare_words_have_no_part():
    posts = learned.posts()
    posts.loc[0, "text"] += " rare rare"
    posts.loc[1, "text"] += " rare"
    assert "rare" not in fitted(posts, minimum_count=3).state()["vocabulary"]
    assert "rare" in fitted(posts, minimum_count=2).state()["vocabulary"]
    assert len(fitted(posts, maximum_words=4).state()["vocabulary"]) == 4
    with pytest.raises(UserError, match=r"features\.lda\.minimum_count: no word .* is counted 1000 times"):
        fitted(posts, minimum_count=1000)
    with pytest.raises(UserError, match=r"features\.lda\.topics: 0 cannot be"):
        make("lda", {"topics": 0})


@pytest.mark.slow
def test_another_process_learns_the_same(feature):
    own = hashlib.sha256(json.dumps(feature.state(), sort_keys=True).encode()).hexdigest()
    assert learned.elsewhere("lda", SMALL) == own
