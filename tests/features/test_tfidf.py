"""TF-IDF against scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from features.tfidf import Tfidf
from pipeline.base.tokens import tokenise

TRAIN = ["the sea the sea", "The quiet #Sea 🐟", "a town", "a quiet town, a 東京", "", "🐟"]
OTHER = ["the sea, the sea, the unheard-of", "nothing known", "", "🐟 town town town"]


@pytest.mark.parametrize("sublinear", [False, True])
@pytest.mark.parametrize("minimum", [1, 2])
def test_equals_scikit_learn(minimum, sublinear):
    library = TfidfVectorizer(analyzer=tokenise, min_df=minimum, sublinear_tf=sublinear).fit(TRAIN)
    feature = Tfidf(minimum_count=minimum, sublinear=sublinear)
    feature.fit(pd.DataFrame({"text": TRAIN}))
    assert feature.vocabulary == list(library.get_feature_names_out())
    for texts in (TRAIN, OTHER):
        values = feature.extract(pd.DataFrame({"text": texts}))
        np.testing.assert_allclose(values, library.transform(texts).toarray(), atol=1e-6)


def test_the_words_of_most_posts_stay():
    feature = Tfidf(minimum_count=1, maximum_words=2)
    feature.fit(pd.DataFrame({"text": ["sea sea sea", "town day", "town", "day"]}))
    assert feature.vocabulary == ["day", "town"]


def test_length_is_one_by_hand():
    feature = Tfidf(minimum_count=1)
    feature.fit(pd.DataFrame({"text": ["sea", "sea town"]}))
    idf = np.array([np.log(3 / 3) + 1, np.log(3 / 2) + 1])
    expected = idf / np.sqrt((idf**2).sum())
    np.testing.assert_allclose(feature.extract(pd.DataFrame({"text": ["town sea"]}))[0], expected, rtol=1e-6)
