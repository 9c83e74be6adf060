"""`adabpr` draws hard negatives: each trap of other programs fails here."""

import numpy as np
import pytest

from models.adabpr import Oversampling, factors, ranks
from models.parts.bpr import Vectors
from pipeline.base.errors import UserError
from tests.models.feeds import make_feeds
from tests.models.small import make
from tests.models.test_famf import TASTE, fitted, on_known

UNIFORM = (np.arange(200_000) + 0.5) / 200_000


def frequencies(drawn, n):
    return np.bincount(drawn, minlength=n) / len(drawn)


def test_factors_are_drawn_by_size_and_deviation():
    deviation = np.array([1.0, 3.0, 2.0])  # by the variance it would be 1, 9, 4
    users = np.tile([[2.0, -1.0, 0.5]], (len(UNIFORM), 1))
    np.testing.assert_allclose(frequencies(factors(UNIFORM, users, deviation), 3), [2 / 6, 3 / 6, 1 / 6], atol=1e-4)


@pytest.mark.parametrize("scale", [0.5, 3.0, 500.0])
def test_ranks_are_drawn_exponentially_from_the_first_on(scale):
    expected = np.exp(-np.arange(7) / scale)  # for whole numbers, (r + 1) // scale would be 0 up to the scale
    np.testing.assert_allclose(frequencies(ranks(UNIFORM, scale, 7), 7), expected / expected.sum(), atol=1e-4)


def test_the_deviation_is_no_variance():
    vectors = Vectors(np.ones((1, 3)), np.array([[9, -1, 30], [0, 1, 10], [0, 3, -10]], dtype=float))
    drawing = Oversampling(vectors, scale=1.0)
    drawing.refresh()
    np.testing.assert_allclose(drawing.deviation, [np.std([-1, 1, 3]), np.std([30, 10, -10])])


def test_the_hard_ones_are_those_the_user_would_like():
    users = np.array([[1, 0.5, -0.5], [1, -2, 2]])
    posts = np.array([[50, 1, 10], [0, 3, 20], [0, 2, -10], [0, -4, 0]], dtype=float)
    drawing = Oversampling(Vectors(users, posts), scale=0.01)  # the first rank alone
    drawing.refresh()
    rows, f = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    np.testing.assert_array_equal(drawing.posts(rows, f, np.zeros(4, dtype=int)), [1, 2, 3, 1])
    np.testing.assert_array_equal(drawing.posts(rows, f, np.ones(4, dtype=int)), [2, 3, 0, 0])
    hard = drawing(np.random.default_rng(0), np.repeat([0, 1], 50))
    scores = np.einsum("nf,nf->n", users[np.repeat([0, 1], 50), 1:], posts[hard, 1:])
    assert scores.min() >= 0.5 * 3 - 0.5 * 20  # of none of those no factor of the user is for
    assert set(hard[:50]) == {1, 2}


def test_orders_are_as_old_as_p_ln_p_draws():
    vectors = Vectors(np.ones((1, 2)), np.arange(20.0).reshape(10, 2))
    drawing, rng = Oversampling(vectors, scale=0.01), np.random.default_rng(0)
    drawn = []
    for _ in range(4):
        drawn.append(drawing(rng, np.zeros(8, dtype=int))[0])
        vectors.posts[0, 1] = 99
    assert drawn == [9, 9, 9, 0]  # 10 ln 10 = 23.03


def test_taste_alone_beats_popularity():
    assert on_known(fitted("adabpr", TASTE), TASTE) > on_known(fitted("popularity", TASTE), TASTE) + 0.1


def test_lambda_is_chosen_on_validation():
    told = {share: fitted("adabpr", TASTE, oversampling=share).report() for share in (0.01, 0.5)}
    chosen = fitted("adabpr", TASTE, oversampling=[0.01, 0.5]).report()
    assert chosen == max(told.values(), key=lambda report: report["validation_auc"])
    assert told[0.01]["validation_auc"] != told[0.5]["validation_auc"]
    assert chosen["oversampling"] in told


def test_several_need_lists_to_choose_on():
    feeds = make_feeds(0)
    with pytest.raises(UserError, match="oversampling"):
        make("adabpr", oversampling=[0.1, 0.2]).fit(feeds["train"], feeds["validation"].take(np.arange(0)))
