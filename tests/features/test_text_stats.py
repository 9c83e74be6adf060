"""Counts of characters and words by hand; what is missing is zero."""

import numpy as np
import pandas as pd
import pytest

from features.text_stats import NAMES, TextStats, stats

COUNTS = {
    "": {},
    "Wow! wow? WOW": {"characters": 13, "words": 3, "letters_per_word": 3, "exclamation_marks": 1, "question_marks": 1}
    | {"punctuation_marks": 2, "lines": 1, "capitals_per_letter": 4 / 9, "ascii_share": 1, "repeated_words": 0},
    "a a A b": {"characters": 7, "words": 4, "letters_per_word": 1, "lines": 1, "capitals_per_letter": 1 / 4}
    | {"ascii_share": 1, "repeated_words": 1 / 2},
    "☀湖\n\n@me #7 http://x.y": {"characters": 21, "words": 4, "digits": 1, "emoji": 1, "lines": 2, "links": 1}
    | {"mentions": 1, "hashtags": 1, "punctuation_marks": 6, "letters_per_word": 9 / 4, "ascii_share": 19 / 21},
}


@pytest.mark.parametrize("text", COUNTS)
def test_numbers_of_a_text(text):
    found = dict(zip(NAMES, stats(text), strict=True))
    assert found == pytest.approx({name: COUNTS[text].get(name, 0) for name in NAMES})


def test_each_column_by_itself_and_what_is_missing_is_zero():
    posts = pd.DataFrame({"post_id": ["a", "b"], "title": ["Two words", None], "tags": [None, None], "text": "x"})
    feature = TextStats()
    feature.fit(posts)
    assert feature.names[:2] == ["title_characters", "title_words"]
    assert not [name for name in feature.names if name.startswith("tags_")], "no training post has any"
    values = pd.DataFrame(feature.extract(posts), columns=feature.names)
    assert values["title_words"].tolist() == [2, 0]
    assert values["text_characters"].tolist() == [1, 1]
    assert np.array_equal(feature.extract(posts[["post_id"]]), np.zeros((2, len(feature.names))))
