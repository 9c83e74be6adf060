"""Captions and comments become four sentences of twelve numbers, without emoji and interjections."""

import numpy as np
import pandas as pd
import pytest

from models.parts import sentences
from models.parts.sentences import END
from pipeline.storage.examples import PADDING, UNKNOWN_WORD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wow!! So good :) 😂 hahaha. lol loool xD <3 what a sea", [("so", "good"), ("what", "a", "sea")]),
        ("Ohhhh yeahhh, how. See you too", [("how",), ("see", "you", "too")]),
        ("3.5 stars at a.b\nnext line", [("3.5", "stars", "at", "a", "b"), ("next", "line")]),
        ("😂😂 haha", []),
        (None, []),
    ],
)
def test_sentences_have_words(text, expected):
    assert sentences.sentences(text) == expected


def test_captions_come_first_and_comments_in_their_order():
    posts = pd.DataFrame({"title": ["One. Two", None], "text": ["Three", "Four"]})
    told = sentences.of_posts(posts, ["title", "text"], 4)
    comments = pd.DataFrame({"post": [1, 0, 0, -1, 7], "text": ["five", "six", "seven", "eight", "nine"]})
    assert sentences.with_comments(told, comments, 4).tolist() == [True, True]
    assert told == [[("one",), ("two",), ("three",), ("six",)], [("four",), ("five",)]]


def test_numbers_end_and_the_last_sentence_is_repeated():
    told = [[("a", "b"), ("c", "a", "d", "e")], [], [("a",), ("b",), ("c",)]]
    index = sentences.index_of(["a", "b", "c"])
    numbers = sentences.numbered(told, index, first=3, length=4)
    a, b, c = END + 1, END + 2, END + 3
    cut = [c, a, UNKNOWN_WORD, END]
    assert numbers[0].tolist() == [[a, b, END, PADDING], cut, cut]
    assert (numbers[1] == PADDING).all()
    assert numbers[2, :, 0].tolist() == [a, b, c]
    assert sentences.in_words(numbers[0, 1], ["a", "b", "c"]) == "c a …"


def test_the_most_frequent_words_that_are_read():
    told = [[("b", "a", "z")], [("a", "b", "z")], [("c", "a", "z")]]
    assert sentences.vocabulary(told, length=3, most=2) == ["a", "b"]
    assert sentences.vocabulary(told, length=4, most=9) == ["a", "b", "c", "z"]
    assert np.size(sentences.numbered([], {}, first=2, length=3)) == 0
