"""`rrfm` against differences of its objective; which posts it takes beside groups; and it ends."""

import numpy as np
import pytest

from models.rrfm import SETTLED_AFTER, Objective, Rate, State, grouped, settled
from tests.models.feeds import auc
from tests.models.test_famf import TASTE, fitted, on_known

SHARES = np.array([[0, 0, 1, 2, 2], [0, 3, 4, 1, 4]])
GROUPS = np.array([0, 1, 0, 1, 2])  # user 2 shared all of group 2, and user 1 as well
EXTRA = (np.array([0, 1, 1]), np.array([2, 0, 3]))


def state():
    rng = np.random.default_rng(2)
    return State(rng.normal(size=(3, 2)), rng.normal(size=(5, 2)), 1 + rng.uniform(0, 0.1, (3, 3)))


def f(x, *, smooth):
    return np.log1p(np.exp(5 * x)) / 5 if smooth else max(0, x)


def loss(at, penalty, *, smooth):
    total = 0.0
    shared = set(zip(*SHARES.tolist(), strict=True))
    for u in range(3):
        for j in range(5):
            total += f(1 - at.users[u] @ at.posts[j], smooth=smooth) if (u, j) in shared else 0
        for h in range(3):
            left = [at.posts[j] for j in range(5) if GROUPS[j] == h and (u, j) not in shared]
            total += f(at.users[u] @ np.mean(left, axis=0) - at.margins[u, h], smooth=smooth) if left else 0
    for u, j in zip(*EXTRA, strict=True):
        total += f(at.users[u] @ at.posts[j] - at.margins[u, GROUPS[j]], smooth=smooth)
    return total + penalty * ((np.sum(at.users**2) + np.sum(at.posts**2)) / 2 + np.sum(at.margins))


def slope(at, name, place, penalty):
    both = []
    for sign in (1, -1):
        moved = State(at.users.copy(), at.posts.copy(), at.margins.copy())
        getattr(moved, name)[place] += sign * 1e-5
        both.append(loss(moved, penalty, smooth=True))
    return (both[0] - both[1]) / 2e-5


def test_the_loss_is_that_of_the_pairs():
    objective = Objective(SHARES, 3, GROUPS, penalty=0.3)
    assert objective.loss(state(), EXTRA) == pytest.approx(loss(state(), 0, smooth=False))


def test_posts_go_down_first_then_users_then_margins():
    at, objective = state(), Objective(SHARES, 3, GROUPS, penalty=0.3)
    objective.step(at, EXTRA, 0.6)
    expected = state()
    for name in ("posts", "users", "margins"):
        before = getattr(expected, name).copy()
        moved = [before[place] - 0.6 * slope(expected, name, place, 0.3) for place in np.ndindex(before.shape)]
        getattr(expected, name)[...] = np.reshape(moved, before.shape)
        if name == "margins":
            assert (expected.margins < 1).any()
            np.maximum(expected.margins, 1, out=expected.margins)
        np.testing.assert_allclose(getattr(at, name), getattr(expected, name), atol=1e-8)


def test_groups_are_of_equal_size_by_chance():
    groups = grouped(np.random.default_rng(0), 23, 5)
    assert sorted(np.bincount(groups)) == [4, 4, 5, 5, 5]
    assert (np.diff(groups) != 1).sum() > 10
    assert set(grouped(np.random.default_rng(0), 3, 100)) == {0, 1, 2}


def test_posts_beside_groups_score_above_their_groups_mean_and_are_not_shared():
    objective = Objective(SHARES, 3, GROUPS, penalty=0)
    at, found = state(), set()
    for seed in range(50):
        u, j = objective.extra(np.random.default_rng(seed), at, 2)
        assert np.bincount(u, minlength=3).max() <= 2
        found |= set(zip(u.tolist(), j.tolist(), strict=True))
    means = [np.mean(at.posts[h == GROUPS], axis=0) for h in GROUPS]
    above = {(u, j) for u in range(3) for j in range(5) if at.users[u] @ at.posts[j] > at.users[u] @ means[j]}
    assert found == above - set(zip(*SHARES.tolist(), strict=True)) != set()


def test_it_ends_where_there_is_no_such_post():
    every = np.array([(u, j) for u in range(3) for j in range(5)]).T
    u, j = Objective(every, 3, GROUPS, penalty=0).extra(np.random.default_rng(0), state(), 100)
    assert len(u) == len(j) == 0


def test_blocks_of_users_are_as_all_at_once(monkeypatch):
    at, objective = state(), Objective(SHARES, 3, GROUPS, penalty=0)
    whole = objective.extra(np.random.default_rng(0), at, 2)
    monkeypatch.setattr("models.rrfm.BLOCK", 1)
    np.testing.assert_array_equal(objective.extra(np.random.default_rng(0), at, 2), whole)


def test_the_rate_follows_the_loss_within_bounds():
    rate, rates, losses = Rate(1.0), [], [np.inf]
    for loss_now in [9, 8, 7, 8, *range(7, -30, -1)]:
        losses.append(loss_now)
        rate.follow(losses)
        rates.append(rate.now)
    np.testing.assert_allclose(rates[:5], [1, 1.05, 1.1025, 1, 1.05])
    assert rates[-1] == 3


def test_the_released_rule_to_stop():
    assert not settled([1.0] * SETTLED_AFTER)
    assert settled([1.0] * (SETTLED_AFTER + 1))
    assert not settled([*[1.0] * SETTLED_AFTER, 1 - 1e-14])


def test_taste_alone_beats_popularity():
    ranker = fitted("rrfm", TASTE, groups=30, descent={"epochs": 250, "patience": 60, "learning_rate": 0.03})
    assert on_known(ranker, TASTE) > on_known(fitted("popularity", TASTE), TASTE) + 0.1
    scores = ranker.score(*TASTE["validation"].pairs())
    assert ranker.report()["validation_auc"] == pytest.approx(auc(scores, TASTE["validation"]))
    assert ranker.report()["epochs"] == 1 + np.argmin(ranker.curve()["validation"])
