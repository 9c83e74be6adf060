"""Which texts are read, and how words are counted and chosen: the same for every feature of words."""

import numpy as np
import pandas as pd
import pytest

from features.bow import Bow
from features.glove import Glove
from features.parts import text
from features.parts.text import count
from features.tfidf import Tfidf
from features.words import Words
from pipeline.base.errors import UserError
from tests.features.entries import make as make_feature

KINDS = [(Bow, {"minimum_count": 1}), (Tfidf, {"minimum_count": 1}), (Glove, {"dimensions": 4})]
POSTS = pd.DataFrame(
    {
        "post_id": list("abcd"),
        "title": ["A golden sea", None, "Sea", ""],
        "text": ["the sea that day", "quiet day", None, np.nan],
        "tags": ["sea", "town", None, None],
        "comments": [["what a sea"], None, None, None],
    }
)


@pytest.fixture(params=KINDS, ids=lambda kind: kind[0].__name__)
def make(request):
    cls, small = request.param
    return lambda **options: cls(**{**small, **options})


def fitted(feature, posts=POSTS):
    feature.fit(posts)
    return feature


def test_words_as_uhan_was_released_and_the_first_alone():
    posts = pd.DataFrame({"title": ["A big-hearted sea"], "text": ["it's far"]})
    released = [Bow(tokenizer="released"), Tfidf(tokenizer="released"), Glove(tokenizer="released")]
    for feature in (*released, Words(tokenizer="released")):
        assert feature.words(posts) == [("big", "hearted", "sea", "it", "far")]
    for feature in (Tfidf(length=3), Glove(length=3)):
        assert feature.words(posts) == [("a", "big-hearted", "sea")]


def test_state_gives_the_same_values_back(make):
    feature = fitted(make())
    again = make()
    again.restore(feature.state())
    assert again.shape == feature.shape
    np.testing.assert_array_equal(again.extract(POSTS), feature.extract(POSTS))
    assert again.fingerprint() == feature.fingerprint()


def test_other_posts_change_nothing_that_was_learned(make):
    feature = fitted(make())
    before, state = feature.extract(POSTS), str(feature.state())
    other = POSTS.assign(text="unheard-of words of a test part, sea sea", post_id=list("wxyz"))
    feature.extract(other)
    assert str(feature.state()) == state
    np.testing.assert_array_equal(feature.extract(POSTS), before)


def test_posts_without_text_have_zeros(make):
    values = fitted(make()).extract(POSTS)
    assert values.shape == (4, *fitted(make()).shape)
    assert (values[3] == 0).all()
    assert (values[:3] != 0).any(axis=1).all()


def test_rows_stand_for_themselves(make):
    feature = fitted(make())
    np.testing.assert_array_equal(
        feature.extract(POSTS.iloc[[2, 0]].reset_index(drop=True)), feature.extract(POSTS)[[2, 0]]
    )
    assert feature.extract(POSTS.iloc[:0]).shape == (0, *feature.shape)


def test_columns_are_those_the_data_has(make):
    assert make().missing(["title", "likes"]) == []
    assert make().missing(["likes"]) == ["title", "text", "tags"]
    assert make().reads({"title": "string", "comments": "list", "tags": "string"}) == ["title", "tags"]
    assert make(columns=["text"]).missing(["title"]) == ["text"]
    with pytest.raises(UserError, match="none of the columns title, text, tags"):
        fitted(make()).extract(POSTS[["post_id"]])


@pytest.mark.parametrize("columns", [["comments"], ["likes", "text"], []])
def test_other_columns_are_refused(make, columns):
    with pytest.raises(UserError, match=r"features\.\w+\.columns: .* must be some of title, text, tags"):
        make(columns=columns)


@pytest.mark.parametrize("cls", [Bow, Tfidf, Words])
@pytest.mark.parametrize(
    ("key", "value"), [("minimum_count", 0), ("minimum_count", -5), ("maximum_words", 0), ("maximum_words", -1)]
)
def test_counts_start_at_one(cls, key, value):
    with pytest.raises(
        UserError, match=rf"^features\.{cls.__name__.lower()}\.{key}: {value} cannot be; give 1 or more"
    ):
        make_feature(cls.__name__.lower(), {key: value})


def test_the_smallest_counts_that_can_be():
    assert fitted(Bow(minimum_count=1, maximum_words=1)).vocabulary == ["sea"]
    with pytest.raises(UserError, match=r"bow\.minimum_count: no word of the training posts is counted 99 times"):
        fitted(Bow(minimum_count=99, maximum_words=1))


def test_options_reach_the_words():
    feature = Bow(columns=["text"], english=True, placeholders=True)
    posts = pd.DataFrame({"text": ["sea 東京 @bob https://t.co/x"]})
    assert feature.words(posts) == [("sea", "<user>", "<url>")]
    assert Bow().words(posts) == [("sea", "東", "京")]


def test_each_text_is_tokenised_once(monkeypatch):
    seen = []
    library = text.tokens.tokenise
    monkeypatch.setattr(text, "_tokenise", text.lru_cache(10)(lambda t, **o: seen.append(t) or library(t, **o)))
    posts = pd.DataFrame({"title": ["one sea", "two seas", "one sea"], "text": ["two seas", None, None]})
    Bow().words(posts)
    assert seen == ["one sea", "two seas"]


def test_long_texts_are_not_kept():
    long = "a word " * 1000
    before = text._tokenise.cache_info().currsize
    assert len(Bow().words(pd.DataFrame({"text": [long]}))[0]) == 2000
    assert text._tokenise.cache_info().currsize == before


def test_counting_occurrences_and_posts():
    documents = [("sea", "sea", "sky"), ("sea",), ()]
    assert count(documents, "occurrences") == {"sea": 3, "sky": 1}
    assert count(documents, "posts") == {"sea": 2, "sky": 1}
