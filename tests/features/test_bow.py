"""The binary bag of words against scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from features.bow import Bow
from pipeline.base.errors import UserError
from pipeline.base.tokens import tokenise

TEXTS = ["the sea the sea", "The quiet #Sea 🐟", "a town @bob", "a quiet town, a 東京", "", "🐟 https://t.co/x"]
POSTS = pd.DataFrame({"text": TEXTS})


def fitted(posts=POSTS, **options):
    feature = Bow(**{"minimum_count": 1, **options})
    feature.fit(posts)
    return feature


@pytest.mark.parametrize(("minimum", "maximum"), [(1, None), (2, None), (1, 3), (2, 4)])
def test_equals_scikit_learn(minimum, maximum):
    library = CountVectorizer(analyzer=tokenise, binary=True, min_df=minimum, max_features=maximum).fit(TEXTS)
    feature = fitted(minimum_count=minimum, maximum_words=maximum, count="posts")
    values = feature.extract(POSTS)
    assert feature.shape == (len(library.vocabulary_),)
    if maximum is None:  # of equally frequent words the library keeps others
        assert feature.vocabulary == list(library.get_feature_names_out())
        np.testing.assert_array_equal(values, library.transform(TEXTS).toarray())
    assert values.dtype == np.float16
    assert set(np.unique(values)) == {0, 1}


def test_the_paper_counts_occurrences():
    assert fitted(minimum_count=3).vocabulary == ["a", "sea", "the"]
    with pytest.raises(UserError, match="most frequent: 2"):
        fitted(minimum_count=3, count="posts")


def test_more_than_100_times_by_default():
    posts = pd.DataFrame({"text": ["sea town"] * 100 + ["sea"]})
    feature = Bow()
    feature.fit(posts)
    assert feature.vocabulary == ["sea"]


def test_the_most_frequent_words_stay_and_the_alphabet_decides_between_equals():
    assert fitted(maximum_words=3).vocabulary == ["a", "sea", "the"]
    assert fitted(maximum_words=5).vocabulary == ["a", "quiet", "sea", "the", "town"]


def test_without_a_frequent_word_the_key_is_named():
    with pytest.raises(
        UserError, match=r"features\.bow\.minimum_count: no word .* counted 9 times \(the most frequent: 3\)"
    ):
        fitted(minimum_count=9)
    with pytest.raises(UserError, match="most frequent: 0"):
        fitted(pd.DataFrame({"text": [None, ""]}))
