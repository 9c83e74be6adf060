"""Factor models after some steps on the same draws as slow ones written from their descriptions alone."""

import numpy as np
import pytest
import torch
from scipy import sparse

from models import adabpr, citing, rrfm, vbpr
from models.parts import bpr
from models.parts.bpr import Vectors
from tests.oracles import adabpr as slow_adabpr
from tests.oracles import citing as slow_citing
from tests.oracles import famf as slow_famf
from tests.oracles import rrfm as slow_rrfm
from tests.oracles import vbpr as slow_vbpr

USERS, POSTS, FACTORS, N = 4, 7, 3, 24
CLOSE = {"rtol": 1e-9, "atol": 1e-9}
rng = np.random.default_rng(8)
TRIPLES = [(int(u), *map(int, rng.choice(POSTS, 2, replace=False))) for u in rng.integers(0, USERS, N)]


def batches(size):
    for start in range(0, N, size):
        yield tuple(np.array(rows) for rows in zip(*TRIPLES[start : start + size], strict=True))


def normal(*shape):
    return rng.normal(size=shape)


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("item_bias", [True, False])
def test_famf(size, item_bias):
    weights = {"p": normal(USERS, FACTORS), "q": normal(POSTS, FACTORS), "b": normal(POSTS)}
    fast = Vectors(
        np.column_stack([np.full(USERS, float(item_bias)), weights["p"]]),
        np.column_stack([weights["b"] * item_bias, weights["q"]]),
    )
    if not item_bias:
        del weights["b"]
    slow = slow_famf.bpr_steps(weights, TRIPLES, 0.2, dict.fromkeys("pqb", 0.05), batch=size)
    for triples in batches(size):
        bpr.step(fast, triples, learning_rate=0.2, penalty=0.05)
    expected = [[slow_famf.score(slow, u, i) for i in range(POSTS)] for u in range(USERS)]
    np.testing.assert_allclose(fast.users @ fast.posts.T, expected, **CLOSE)


def test_adabpr():
    q, uniform = normal(POSTS, 1 + FACTORS), rng.uniform(size=(N, 2))
    p = normal(USERS, 1 + FACTORS)
    drawing, table = adabpr.Oversampling(Vectors(p, q), scale=0.3 * POSTS), slow_adabpr.tables(q[:, 1:])
    drawing.refresh()
    np.testing.assert_allclose(drawing.deviation, table.deviations, **CLOSE)
    users = np.array([u for u, _, _ in TRIPLES])
    f = adabpr.factors(uniform[:, 0], p[users, 1:], drawing.deviation)
    drawn = drawing.posts(users, f, adabpr.ranks(uniform[:, 1], 0.3 * POSTS, POSTS))
    expected = [
        slow_adabpr.draw(p[u, 1:], table, 0.3 * POSTS, [tuple(numbers)], set())
        for u, numbers in zip(users, uniform, strict=True)
    ]
    np.testing.assert_array_equal(drawn, expected)


def test_adabpr_with_steps():
    weights = {"p": normal(USERS, FACTORS), "q": normal(POSTS, FACTORS), "b": normal(POSTS)}
    uniform, pairs, every = rng.uniform(size=(N, 2)), [(u, i) for u, i, _ in TRIPLES], slow_adabpr.renew_every(POSTS)
    given = [[tuple(numbers)] for numbers in uniform]
    penalties, nobody = dict.fromkeys("pqb", 0.05), {u: set() for u in range(USERS)}
    slow, drawn = slow_adabpr.steps(weights, pairs, given, nobody, lam=2.0, rate=0.2, penalties=penalties, every=every)
    fast = Vectors(np.column_stack([np.ones(USERS), weights["p"]]), np.column_stack([weights["b"], weights["q"]]))
    drawing, found = adabpr.Oversampling(fast, scale=2.0), []
    for (u, i), numbers in zip(pairs, uniform, strict=True):
        j = drawing(Given(numbers), np.array([u]))
        found.append(j[0])
        bpr.step(fast, (np.array([u]), np.array([i]), j), learning_rate=0.2, penalty=0.05)
    assert found == drawn
    expected = [[slow_famf.score(slow, u, i) for i in range(POSTS)] for u in range(USERS)]
    np.testing.assert_allclose(fast.users @ fast.posts.T, expected, **CLOSE)


class Given(np.random.Generator):
    """Random numbers that are given, one a call."""

    def __init__(self, numbers):
        super().__init__(np.random.PCG64(0))
        self._numbers = iter(numbers)

    def random(self, size):
        return np.full(size, next(self._numbers))


@pytest.mark.parametrize("size", [1, 5])
def test_vbpr(size):
    f = slow_vbpr.standardise(normal(POSTS, 5))
    own = vbpr.first(rng, users=USERS, posts=POSTS, width=5, factors=FACTORS, visual_factors=2)
    fast = {name: torch.from_numpy(0.5 * normal(*values.shape)).requires_grad_() for name, values in own.items()}
    renamed = {"beta": "beta_f"}
    weights = {renamed.get(name, name): values.detach().numpy().copy() for name, values in fast.items()}
    weights |= {"alpha": np.array(0.3), "beta_u": normal(USERS)}
    slow = slow_vbpr.steps(
        weights, f, TRIPLES, 0.05, {"w": 0.1, "b": 0.2, "e": 0.03}, batch=size, half=True, optimiser="adam"
    )
    optimizer, seen = torch.optim.Adam(list(fast.values()), lr=0.05), torch.from_numpy(f)
    for triples in batches(size):
        rows = tuple(map(torch.from_numpy, triples))
        pictures = (seen[rows[1]], seen[rows[2]])
        parts = vbpr.loss(fast, pictures, rows, penalty=0.1, bias_penalty=0.2, visual_penalty=0.03)
        optimizer.zero_grad()
        sum(parts).backward()
        optimizer.step()
    learned = {name: values.detach().numpy() for name, values in fast.items()}
    users, posts = vbpr._own(learned)
    scores = users @ vbpr._beside(posts, f, learned).T
    expected = [[slow_vbpr.score(slow, f, u, i) for i in range(POSTS)] for u in range(USERS)]
    np.testing.assert_allclose(scores - scores[:, :1], np.array(expected) - np.array(expected)[:, :1], **CLOSE)


def test_rrfm():
    observed, groups = [{0, 1}, {2, 3, 4}, {6}, {5, 1, 3}], np.array([0, 1, 2, 0, 1, 2, 2])
    shares = np.array([(u, j) for u, own in enumerate(observed) for j in sorted(own)]).T
    weights = {"U": normal(USERS, FACTORS), "V": normal(POSTS, FACTORS), "r": 1 + rng.uniform(size=(USERS, 3)) / 10}
    state = rrfm.State(*(weights[name].copy() for name in "UVr"))
    objective, rate = rrfm.Objective(shares, USERS, groups, penalty=0.02), rrfm.Rate(1e-3)
    losses = [np.inf]
    tries = rng.integers(0, POSTS, (9, USERS, 9))
    slow, told = slow_rrfm.train(weights, groups, observed, tries, wanted=3, lam=dict.fromkeys("UVr", 0.02))
    for own in tries:
        extra = objective.extra(Tried(own), state, 3)
        objective.step(state, extra, rate.now)
        losses.append(objective.loss(state, extra))
        rate.follow(losses)
    np.testing.assert_allclose(losses[1:], told, **CLOSE)
    np.testing.assert_allclose(state.users @ state.posts.T, slow["U"] @ slow["V"].T, **CLOSE)
    np.testing.assert_allclose(state.margins, slow["r"], **CLOSE)


class Tried(np.random.Generator):
    """Posts that are given, those of each user after those of the one before."""

    def __init__(self, tries):
        super().__init__(np.random.PCG64(0))
        self._tries = tries

    def integers(self, low, high, size):
        assert (low, high, size) == (0, POSTS, self._tries.size)
        return self._tries.ravel()


def test_citing():
    items = [slow_citing.Item({}, [0, 1]), slow_citing.Item({1: 2, 2: 1}), slow_citing.Item({3: 1}, [2, 2, 0])]
    items += [slow_citing.Item({1: 1, 4: 3}, [1]), slow_citing.Item({2: 2}), slow_citing.Item({}), items[1]]
    weights = {"p": normal(USERS, FACTORS), "q": normal(5, FACTORS), "v": normal(3, FACTORS)}
    users, words = weights["p"].copy(), np.concatenate([weights["q"], weights["v"]])
    rows = np.zeros((POSTS, 8))
    for row, item in zip(rows, items, strict=True):
        for (name, word), share in slow_citing.shares(item, 0).items():
            row[word + 5 * (name == "v")] = share
    table, penalties = sparse.csr_array(rows), {"p": 0.05, "q": 0.01, "v": 0.02}
    slow, total = slow_citing.epoch(weights, items, TRIPLES, 0.1, special=0, penalties=penalties, half=True)
    options = {"learning_rate": 0.1, "user_penalty": 0.05, "penalties": np.repeat([0.01, 0.02], (5, 3))}
    losses = [citing.step(users, words, table, triples, **options) for triples in batches(1)]
    assert sum(losses) == pytest.approx(total, rel=1e-9)
    expected = [[slow_citing.score(slow, item, u, 0) for item in items] for u in range(USERS)]
    np.testing.assert_allclose(users @ (table @ words).T, expected, **CLOSE)
