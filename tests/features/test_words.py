"""The numbers of words against a count made by hand."""

import numpy as np
import pandas as pd
import pytest

from features.words import Words
from pipeline.base.errors import UserError
from pipeline.storage.examples import PADDING, UNKNOWN_WORD
from tests.features.entries import make

TRAIN = pd.DataFrame(
    {
        "title": ["Sea sea", "The SEA", None, "Café town"],
        "text": ["the quiet sea, the sea", None, None, "the quiet town 東京"],
        "tags": ["never read"] * 4,
    }
)


def fitted(posts=TRAIN, **options):
    feature = Words(**{"minimum_count": 2, "length": 6, **options})
    feature.fit(posts)
    return feature


def read(feature, posts=TRAIN):
    """Words instead of numbers."""
    words = {PADDING: "", UNKNOWN_WORD: "?", **dict(enumerate(feature.vocabulary, start=UNKNOWN_WORD + 1))}
    values = feature.extract(posts)
    assert values.dtype == np.int32
    assert values.shape == (len(posts), *feature.shape)
    return [" ".join(words[i] for i in row).rstrip() for row in values]


def test_title_then_description_rare_words_dropped_and_the_rest_cut():
    feature = fitted()
    assert feature.vocabulary == ["quiet", "sea", "the", "town"]
    assert read(feature) == ["sea sea the quiet sea the", "the sea", "", "town the quiet town"]
    assert read(fitted(length=2)) == ["sea sea", "the sea", "", "town the"]
    assert read(fitted(columns=["text"])) == ["the quiet sea the sea", "", "", "the quiet"]


def test_rare_words_are_dropped_before_the_rest_is_cut():
    posts = pd.DataFrame({"text": ["rare sea other sea strange sea", "sea"]})
    assert read(fitted(posts, length=3), posts) == ["sea sea sea", "sea"]


def test_unknown_words_may_keep_their_place():
    feature = fitted(unknown=True)
    assert read(feature)[3] == "? town the quiet town"  # "caf", whose last letter is not English
    new = pd.DataFrame({"title": ["A new sea"], "text": ["unseen"]})
    assert read(feature, new) == ["? ? sea ?"]
    assert read(fitted(), new) == ["sea"]


def test_counts_reach_the_minimum_exactly():
    posts = pd.DataFrame({"text": ["five " * 5 + "four " * 4, "six six six six six six"]})
    assert Words().shape == (50,)
    assert fitted(posts, minimum_count=5).vocabulary == ["five", "six"]
    assert fitted(posts, minimum_count=5, maximum_words=1).vocabulary == ["six"]
    with pytest.raises(UserError, match="most frequent: 6"):
        fitted(posts, minimum_count=7)


def test_as_released():
    feature = fitted(text_form="released", minimum_count=1)
    assert read(feature)[:3] == ["sea sea desc the quiet sea", "the sea", ""]
    assert read(feature)[3] == ""  # not all ASCII
    assert "town" not in feature.vocabulary
    assert read(feature, TRAIN.iloc[:0]) == []


def test_other_than_english_where_it_is_wanted():
    assert "café" in fitted(minimum_count=1, english=False).vocabulary


def test_state_restores():
    feature, again = fitted(), Words(length=6)
    again.restore(feature.state())
    np.testing.assert_array_equal(again.extract(TRAIN), feature.extract(TRAIN))


def test_a_dataset_may_have_one_of_the_columns():
    feature = Words()
    assert feature.missing(["title"]) == []
    assert feature.missing(["tags"]) == ["title", "text"]
    assert feature.reads({"title": "string", "tags": "string"}) == ["title"]


def test_impossible_arguments():
    with pytest.raises(UserError, match=r"features\.words\.length"):
        make("words", {"length": 0})
    with pytest.raises(UserError, match=r"features\.words\.length: 10000000 cannot be; give 10000 or less"):
        make("words", {"length": 10_000_000})
    with pytest.raises(UserError, match=r"features\.words\.columns"):
        Words(columns=[])
