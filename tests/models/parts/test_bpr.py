"""BPR's steps against differences of the loss they go down, and its draws."""

from dataclasses import replace

import numpy as np
import pytest

from models.parts import bpr, draws
from models.parts.bpr import Vectors
from tests.models.feeds import make_feeds

TRIPLES = (np.array([0, 2, 0, 1]), np.array([1, 1, 3, 0]), np.array([4, 0, 1, 2]))


def vectors(item_bias=True):
    drawn = Vectors.draw(np.random.default_rng(3), 3, 5, 2, item_bias=item_bias, dtype="float64")
    drawn.posts[:, 0] = np.random.default_rng(4).normal(size=5) * item_bias
    return drawn


def loss(users, posts, penalty):
    """The sum over triples of -ln sigma(x_ui - x_uj) + penalty (b_i^2 + b_j^2 + |p|^2 + |q_i|^2 + |q_j|^2)."""
    total = 0.0
    for u, i, j in zip(*TRIPLES, strict=True):
        x = [posts[post, 0] * users[u, 0] + users[u, 1:] @ posts[post, 1:] for post in (i, j)]
        total -= np.log(1 / (1 + np.exp(x[1] - x[0])))
        total += penalty * sum(np.sum(v**2) for v in (users[u, 1:], posts[i], posts[j]))
    return total


@pytest.mark.parametrize("item_bias", [True, False])
@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_a_step_goes_down_the_gradient(penalty, item_bias):
    before, after = vectors(item_bias), vectors(item_bias)
    told = bpr.step(after, TRIPLES, learning_rate=0.3, penalty=penalty)
    assert told == pytest.approx(loss(before.users, before.posts, 0))
    for name in ("users", "posts"):
        for at in np.ndindex(getattr(before, name).shape):
            both = []
            for sign in (1, -1):
                moved = vectors(item_bias)
                getattr(moved, name)[at] += sign * 1e-5
                both.append(loss(moved.users, moved.posts, penalty))
            moved = (getattr(after, name) - getattr(before, name))[at]
            slope = 0 if name == "users" and at[1] == 0 else (both[0] - both[1]) / 2e-5
            assert moved == pytest.approx(-0.3 * slope, abs=1e-9)


def test_without_bias_there_is_none():
    without = vectors(item_bias=False)
    bpr.step(without, TRIPLES, learning_rate=0.3, penalty=0.1)
    assert not without.users[:, 0].any()
    assert not without.posts[:, 0].any()


@pytest.mark.parametrize("name", draws.DRAWS)
def test_draws_are_of_shares_and_of_what_was_not_shared(name):
    feed = make_feeds(0)["train"]
    u, i, j = draws.DRAWS[name](feed)(np.random.default_rng(0), 4000)
    shared = set(zip(*feed.shares.tolist(), strict=True))
    assert len(u) == 4000
    assert set(zip(u.tolist(), i.tolist(), strict=True)) <= shared
    assert draws.touched(feed, name)[np.append(i, j)].all()
    if name == "catalogue":
        assert not set(zip(u.tolist(), j.tolist(), strict=True)) & shared
        assert set(j.tolist()) == set(range(feed.known))
    else:
        lists = {(v, *pair) for v, row in zip(feed.viewers, feed.lists, strict=True) for pair in ((row[0], row[1]),)}
        lists |= {(v, row[0], row[2]) for v, row in zip(feed.viewers, feed.lists, strict=True)}
        assert set(zip(u, i, j, strict=True)) <= lists


def test_all_posts_are_as_likely():
    feed = make_feeds(0)["train"]
    feed = replace(feed, shares=np.array([[0, 1], [0, 1]]))
    _, _, j = draws.of_catalogue(feed)(np.random.default_rng(0), 89_000)
    assert np.abs(np.bincount(j, minlength=feed.known)[2:] - 1000).max() < 150


def test_draws_end_where_a_user_shared_everything():
    feed = make_feeds(0)["train"]
    everything = np.stack([np.zeros(feed.known, dtype=np.int64), np.arange(feed.known)])
    feed = replace(feed, shares=np.concatenate([everything, [[1], [5]]], axis=1))
    u, _, j = draws.of_catalogue(feed)(np.random.default_rng(0), 5000)
    assert set(u.tolist()) == {1}
    assert 5 not in j


@pytest.mark.parametrize("table", [draws.TABLE, 0])
def test_shared_knows_pairs(table, monkeypatch):
    monkeypatch.setattr(draws, "TABLE", table)
    shared = draws.Shared(np.array([[0, 2, 2, 0], [3, 0, 4, 3]]), 3, 5)
    pairs = [(u, p) for u in range(3) for p in range(5)]
    has = shared.has(*np.array(pairs).T)
    assert {pair for pair, yes in zip(pairs, has, strict=True) if yes} == {(0, 3), (2, 0), (2, 4)}


def test_an_epoch_is_as_many_triples_as_there_are_shares():
    feed, taken = make_feeds(0)["train"], []

    def take(triples):
        taken.append(len(triples[0]))
        return 2.0 * len(triples[0])

    epoch = bpr.passes(draws.of_catalogue(feed), take, rng=np.random.default_rng(0), shares=70, batch_size=32)
    assert epoch() == 2.0
    assert taken == [32, 32, 6]


@pytest.mark.parametrize(("ahead", "asked"), [(1, [32, 32, 6]), (70, [64, 6]), (1000, [70])])
def test_triples_are_drawn_ahead(ahead, asked):
    drawn, draw = [], draws.of_catalogue(make_feeds(0)["train"])

    def counting(rng, n):
        drawn.append(n)
        return draw(rng, n)

    options = {"rng": np.random.default_rng(0), "shares": 70, "batch_size": 32}
    bpr.passes(counting, lambda triples: 0.0, **options, ahead=ahead)()
    assert drawn == asked
