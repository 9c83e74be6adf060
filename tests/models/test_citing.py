"""`citing` reads words, of new posts too, and visual words where there are some."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.citing import bold
from models.parts import documents
from pipeline.base.errors import UserError
from pipeline.storage.examples import FeatureValues
from tests.models.feeds import auc, make_feeds, with_posts
from tests.models.small import make
from tests.models.test_famf import TASTE, fitted, on_known
from tests.models.test_vbpr import as_new

WORDS = {"epochs": 40, "patience": None, "learning_rate": 0.05}


def said(feed, texts):
    """The feed with other texts and no comments."""
    return replace(with_posts(feed, lambda posts: posts.assign(text=texts)), comments=feed.comments[:0])


def test_tables_of_words_by_hand():
    index = pd.Index(["", "a", "b"], dtype=object)
    table = documents.texts([["a", "b", "a", "new", "a"], [], ["new"], ["b"]], index).toarray()
    np.testing.assert_allclose(table, [[0, 3 / 2, 1 / 2], [1, 0, 0], [1, 0, 0], [0, 0, 1]])
    shown = np.array([[2, 3, 0], [4, 4, 1], [9, 0, 0], [np.nan, np.nan, np.nan]])
    expected = np.zeros((4, 5))
    expected[0, [2, 3]], expected[1, 4] = 2**-0.5, 2 * 2**-0.5
    np.testing.assert_allclose(documents.pictures(shown, 5).toarray(), expected)


def test_words_are_of_all_columns_and_of_comments():
    posts = pd.DataFrame({"title": ["Sea!", None], "text": ["the #Sea", None]})
    told = documents.words_of(posts, ["title", "text"])
    assert told == [["sea", "the", "sea"], []]
    documents.with_comments(told, pd.DataFrame({"post": [1, -1, 1, 7], "text": ["nice", "x", "Sea", "y"]}))
    assert told == [["sea", "the", "sea"], ["nice", "sea"]]
    assert documents.vocabulary(told, 2) == ["", "sea"]


def test_taste_in_words_beats_all_that_do_not_read():
    ranker = fitted("citing", TASTE, features={}, descent=WORDS)
    assert on_known(ranker, TASTE) > on_known(fitted("popularity", TASTE), TASTE) + 0.1
    assert as_new(ranker) > 0.65


def test_visual_words_are_no_words_of_the_text():
    silent = {part: said(feed, None) for part, feed in TASTE.items()}
    blind = fitted("citing", silent, features={}, descent=WORDS)
    seeing = fitted("citing", silent, descent=WORDS)  # a build of the text's model alone would be as blind
    assert as_new(blind, silent["test"]) == 0.5
    assert as_new(seeing, silent["test"]) > 0.65
    assert seeing.report()["visual_words"] == 9
    assert blind.report()["visual_words"] == 0
    assert blind.report()["words"] == 1


def test_comments_say_what_texts_do_not():
    quiet = {part: with_posts(feed, lambda posts: posts.assign(text=None)) for part, feed in TASTE.items()}
    read, unread = (fitted("citing", quiet, features={}, comments=c, descent=WORDS) for c in (True, False))
    assert on_known(read, quiet) > on_known(unread, quiet) == 0.5


def test_a_post_of_unheard_words_is_one_without_words():
    ranker, (users, posts) = fitted("citing", TASTE, features={}), TASTE["test"].pairs()
    scores = []
    for text in ("zzz yyy", None):
        new = replace(posts, posts=posts.posts.assign(post_id="new", text=text))
        scores.append(ranker.score(users, new))
    np.testing.assert_array_equal(*scores)


def test_known_posts_keep_their_comments_and_new_pictures_may_show_new_words():
    ranker, (users, posts) = fitted("citing", TASTE), TASTE["test"].pairs()
    shown = posts.features["words"].values.copy()
    shown[:, 0] = 10**6
    new = replace(posts, posts=posts.posts.assign(post_id="new"), features={"words": FeatureValues(shown)})
    assert np.isfinite(ranker.score(users, new)).all()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (np.inf, 3.0, (0.99, False)),
        (3.0, 2.0, (1.05 * 0.99, False)),
        (2.0, 2.0, (0.495, True)),
        (2.0, 3.0, (0.495, True)),
    ],
)
def test_the_rate_follows_the_loss(before, after, expected):
    assert bold(1.0, before, after) == pytest.approx(expected)


def test_a_pass_after_which_the_loss_rose_is_undone(monkeypatch):
    rates = []

    def words_after(losses):
        def step(users, words, items, triples, *, learning_rate, **penalties):
            rates.append(learning_rate)
            words += 1
            return losses[len(rates) - 1] * len(triples[0])

        rates.clear()
        monkeypatch.setattr("models.citing.step", step)
        descent = {"epochs": len(losses), "patience": None, "learning_rate": 1.0}
        return fitted("citing", TASTE, batch_size=10**6, descent=descent)._words

    np.testing.assert_allclose(words_after([2.0, 1.0, 3.0, 1.0, 0.5]) - words_after([2.0]), 2)
    words_after([2.0, 1.0, 3.0, 1.0])
    np.testing.assert_allclose(rates, np.cumprod([1, 0.99, 1.05 * 0.99, 0.495]))


def test_it_is_taken_from_the_best_pass():
    ranker = fitted("citing", TASTE, comments=False, descent={"epochs": 40, "patience": 4, "learning_rate": 0.2})
    scores = ranker.score(*TASTE["validation"].pairs())
    assert ranker.report()["validation_auc"] == pytest.approx(auc(scores, TASTE["validation"]))
    assert ranker.report()["epochs"] == 1 + np.argmin(ranker.curve()["validation"])


def test_catalogue_and_lists_are_both_possible():
    feeds = make_feeds(4)
    assert on_known(fitted("citing", feeds, negatives="catalogue", descent=WORDS), feeds) > 0.53


def test_only_visual_words_are_a_role():
    with pytest.raises(UserError, match=r"features\.image"):
        make("citing", features={"image": ["picture"]})
