"""The oracles of rankers are right before anything is compared to them: hand-worked cases, finite differences."""

from functools import partial
from math import exp, log

import numpy as np
import pytest

from tests.oracles import adabpr, citing, famf, pairwise, rrfm, vbpr
from tests.oracles.citing import Item

TRIPLE = (0, 0, 1)
SPECIAL = 3
ITEMS = [Item({0: 3, 1: 1}, (0, 1, 2, 1)), Item({}, (2,)), Item({1: 2, 2: 1})]
FEATURES = np.random.default_rng(5).normal(size=(3, 4))
PENALTIES = {"p": 0.3, "q": 0.2, "v": 0.4, "w": 0.1, "b": 0.7, "e": 0.5}


def weights(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


FAMF = {"p": (2, 3), "q": (3, 3), "b": (3,)}
VBPR = {"alpha": (), "beta_u": (2,), "beta_i": (3,), "gamma_u": (2, 3), "gamma_i": (3, 3)}
VBPR |= {"theta_u": (2, 2), "E": (2, 4), "beta_f": (4,)}
CITING = {"p": (2, 3), "q": (4, 3), "v": (3, 3)}


def differences(loss, at: dict[str, np.ndarray], step: float = 1e-6) -> dict[str, np.ndarray]:
    """The gradient of `loss(weights)` by moving one number at a time both ways."""
    slopes = {}
    for name, value in at.items():
        slopes[name] = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            ends = []
            for sign in (1, -1):
                moved = {**at, name: value.copy()}
                moved[name][place] += sign * step
                ends.append(loss(moved))
            slopes[name][place] = (ends[0] - ends[1]) / (2 * step)
    return slopes


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray], atol: float = 1e-12) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=atol, err_msg=name)


RANKERS = {
    "famf": (FAMF, partial(famf.loss, penalties=PENALTIES), partial(famf.gradients, penalties=PENALTIES)),
    "vbpr": (
        VBPR,
        lambda w, triple, half: vbpr.loss(w, FEATURES, triple, PENALTIES, half=half),
        partial(vbpr.gradients, f=FEATURES, penalties=PENALTIES),
    ),
    "citing": (
        CITING,
        lambda w, triple, half: citing.loss(w, ITEMS, triple, SPECIAL, PENALTIES, half=half),
        partial(citing.gradients, items=ITEMS, special=SPECIAL, penalties=PENALTIES),
    ),
}


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("triple", [(1, 0, 2), (0, 2, 1)])
@pytest.mark.parametrize("name", RANKERS)
def test_gradients_are_those_of_the_loss(name, triple, half):
    shapes, loss, gradients = RANKERS[name]
    at = weights(**shapes)
    expected = differences(lambda moved: loss(moved, triple, half=half), at)
    same(dict(gradients(at, triple, half=half)), expected, atol=1e-7)


def test_famf_score_by_hand():
    w = {"p": np.array([[2.0, -1]]), "q": np.array([[1.0, 3], [4, 1]]), "b": np.array([0.0, 10])}
    assert famf.score(w, 0, 1) == 17
    del w["b"]
    assert famf.score(w, 0, 1) == 7


def test_famf_loss_by_hand():
    w = {"p": np.array([[2.0]]), "q": np.array([[1.0], [1.0]]), "b": np.array([log(3), 0])}
    assert famf.loss(w, TRIPLE, {}) == pytest.approx(log(4 / 3))
    assert famf.loss(w, TRIPLE, {"p": 0.5, "q": 0.1}) == pytest.approx(log(4 / 3) + 0.5 * 4 + 0.1 * 2)
    assert famf.loss(w, TRIPLE, {"b": 0.1}) == pytest.approx(log(4 / 3) + 0.1 * log(3) ** 2)
    swapped = {**w, "b": w["b"][::-1]}
    assert famf.loss(swapped, TRIPLE, {"b": 0.1}) == pytest.approx(log(4) + 0.1 * log(3) ** 2)
    assert famf.loss(w, TRIPLE, {"p": 0.5}, half=True) == pytest.approx(log(4 / 3) + 1)


@pytest.mark.parametrize(
    ("penalties", "half", "p"),
    [({}, False, [2.05, -0.9]), ({"p": 0.5}, False, [1.85, -0.8]), ({"p": 0.5}, True, [1.95, -0.85])],
)
def test_famf_step_by_hand(penalties, half, p):
    """Both items score -1 + 4: the slope is -1/2. The third item and the second user stay."""
    w = {"p": np.array([[2.0, -1], [7, 7]]), "q": np.array([[1.0, 3], [0, 1], [9, 9]]), "b": np.array([4.0, 4, 5])}
    after = famf.bpr_steps(w, [TRIPLE], 0.1, penalties, half=half)
    np.testing.assert_allclose(after["p"], [p, [7, 7]], atol=1e-15)
    np.testing.assert_allclose(after["q"], [[1.1, 2.95], [-0.1, 1.05], [9, 9]], atol=1e-15)
    np.testing.assert_allclose(after["b"], [4.05, 3.95, 5], atol=1e-15)
    assert w["p"][0, 0] == 2  # what is given stays
    del w["b"]
    without = famf.bpr_steps(w, [TRIPLE], 0.1, penalties, half=half)
    np.testing.assert_allclose(without["q"], after["q"], atol=1e-15)
    assert "b" not in without


def test_batches_sum_or_average_what_is_seen_at_their_start():
    w, triples = weights(**FAMF), [(0, 0, 1), (0, 0, 2), (1, 0, 1)]
    step = partial(famf.bpr_steps, w, rate=0.1, penalties=PENALTIES)
    moves = [{name: step([triple])[name] - w[name] for name in w} for triple in triples]
    total = {name: sum(move[name] for move in moves) for name in w}
    same(step(triples, batch=3), {name: w[name] + total[name] for name in w})
    same(step(triples, batch=3, mean=True), {name: w[name] + total[name] / 3 for name in w})
    first = step(triples[:2], batch=2, mean=True)  # the last batch is short, and a mean of one
    same(step(triples, batch=2, mean=True), famf.bpr_steps(first, triples[2:], 0.1, PENALTIES))
    one_by_one = w
    for triple in triples:
        one_by_one = famf.bpr_steps(one_by_one, [triple], 0.1, PENALTIES)
    same(step(triples), one_by_one)
    assert not np.allclose(step(triples)["q"], step(triples, batch=3)["q"], atol=1e-4)


def test_adam_by_hand():
    """Gradients of 1 and then 2, and of 0, which leaves a weight where it is."""
    slopes = iter([1.0, 2.0])

    def gradients(now: dict[str, np.ndarray], triple: tuple[int, int, int]) -> dict[str, np.ndarray]:
        return {"w": np.array([next(slopes), 0.0])}

    triples = [(0, 0, 1), (0, 0, 2)]
    after = pairwise.adam({"w": np.array([5.0, 5])}, triples, gradients, rate=0.1, batch=1, mean=True, epsilon=1e-8)
    first = 1 / (1 + 1e-8)
    second = (0.9 * 0.1 + 0.1 * 2) / 0.19 / (((0.999 * 0.001 + 0.001 * 4) / 0.001999) ** 0.5 + 1e-8)
    np.testing.assert_allclose(after["w"], [5 - 0.1 * first - 0.1 * second, 5], atol=1e-14)


def test_vbpr_with_adam_moves_by_the_rate_at_first():
    w = weights(**VBPR)
    triples = [(0, 0, 1), (1, 2, 0)]
    after = vbpr.steps(w, FEATURES, triples, 0.1, {}, batch=2, mean=True, optimiser="adam")
    slopes = pairwise.batch_gradients(w, triples, partial(vbpr.gradients, f=FEATURES, penalties={}), mean=True)
    same(after, {name: w[name] - 0.1 * slopes[name] / (abs(slopes[name]) + 1e-8) for name in w})


Q = np.array([[1.0, 3], [-1, 3], [1, -3], [-1, -3]])
"""Deviations of 1 and 3."""
HALVES = 1 / log(2)
"""λ with which each rank is half as likely as the one before."""


def test_adabpr_takes_deviations_and_descending_orders():
    table = adabpr.tables(Q)
    assert table.orders == [[0, 2, 1, 3], [0, 1, 2, 3]]
    assert table.deviations == [1, 3]
    assert adabpr.renew_every(100) == 461
    assert adabpr.renew_every(1) == 1


def test_adabpr_distributions_by_hand():
    factors = adabpr.factor_distribution(np.array([3.0, -1]), [1, 3])
    np.testing.assert_allclose(factors, [0.5, 0.5])  # a variance in place of the deviation: 1/4, 3/4
    np.testing.assert_allclose(adabpr.factor_distribution(np.zeros(2), [1, 3]), [0.5, 0.5])
    np.testing.assert_allclose(adabpr.rank_distribution(4, HALVES), np.array([8, 4, 2, 1]) / 15)
    assert adabpr.rank_distribution(4, 500)[3] / adabpr.rank_distribution(4, 500)[0] == pytest.approx(exp(-3 / 500))
    p = adabpr.adaptive_distribution(np.array([3.0, -1]), adabpr.tables(Q), HALVES)
    np.testing.assert_allclose(p, np.array([8 + 1, 2 + 2, 4 + 4, 1 + 8]) / 30)


@pytest.mark.parametrize(
    ("uniforms", "observed", "item"),
    [
        ([(0.49, 0.0)], set(), 0),
        ([(0.49, 7.9 / 15)], set(), 0),
        ([(0.49, 8.1 / 15)], set(), 2),
        ([(0.49, 14.1 / 15)], set(), 3),
        ([(0.51, 0.0)], set(), 3),
        ([(0.51, 14.1 / 15)], set(), 0),
        ([(0.49, 0.0), (0.51, 0.0)], {0}, 3),
        ([(0.49, 0.0), (0.51, 0.0)], {0, 3}, None),
    ],
)
def test_adabpr_draws_by_hand(uniforms, observed, item):
    assert adabpr.draw(np.array([3.0, -1]), adabpr.tables(Q), HALVES, uniforms, observed) == item


def test_pick_is_the_first_place_above():
    assert [adabpr.pick(np.array([0.5, 0.0, 0.5]), uniform) for uniform in (0, 0.49, 0.5, 0.99)] == [0, 0, 2, 2]


def test_adabpr_draws_are_distributed_as_said():
    p_u, grid = np.array([2.0, -1]), (np.arange(60) + 0.5) / 60
    drawn = [adabpr.draw(p_u, adabpr.tables(Q), HALVES, [(f, r)], set()) for f in grid for r in grid]
    expected = adabpr.adaptive_distribution(p_u, adabpr.tables(Q), HALVES)
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / len(drawn), expected, atol=1e-12)


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2]), (2, [1, 1])])
def test_adabpr_orders_are_old_until_renewed(every, expected):
    """The first step takes item 1 from above item 2 to below it."""
    w = {"p": np.array([[1.0]]), "q": np.array([[0.0], [1.0], [0.9]])}
    uniforms, pairs = [[(0.0, 0.0)], [(0.0, 0.0)]], [(0, 0), (0, 0)]
    adaptive = partial(adabpr.steps, w, pairs, uniforms, lam=0.1, rate=0.5, penalties={}, every=every)
    after, drawn = adaptive({0: {0}})
    assert drawn == expected
    same(after, famf.bpr_steps(w, [(0, 0, j) for j in expected], 0.5, {}))
    same(adaptive({0: {0, 1, 2}})[0], w)


def test_vbpr_score_by_hand():
    w = {"alpha": np.array(100.0), "beta_u": np.array([10.0]), "beta_i": np.array([1.0])}
    w |= {"gamma_u": np.array([[1.0, 2]]), "gamma_i": np.array([[3.0, 4]]), "theta_u": np.array([[1.0, -1]])}
    w |= {"E": np.array([[1.0, 0, 1], [0, 2, 0]]), "beta_f": np.array([0.5, 2, 0])}
    f = np.array([[5.0, 1, 3]])
    assert vbpr.score(w, f, 0, 0) == 100 + 10 + 1 + (3 + 8) + (8 - 2) + (2.5 + 2)


def test_vbpr_loss_by_hand():
    """Pictures say nothing and both items are alike: ln 2 and the penalties."""
    w = {name: np.ones(shape) for name, shape in VBPR.items()}
    w["E"], w["beta_f"] = 2 * w["E"], 3 * w["beta_f"]
    penalties = {"w": 0.1, "b": 0.5, "e": 0.01}
    expected = log(2) + 0.1 * (3 + 3 + 3 + 2) + 0.5 * 1.1 + 0.01 * (8 * 4 + 4 * 9)
    assert vbpr.loss(w, np.zeros((3, 4)), TRIPLE, penalties) == pytest.approx(expected)


def test_vbpr_step_by_hand():
    """All but θ and the biases of the items is zero, so both score alike: the slope is -1/2."""
    w = {name: np.zeros(shape) for name, shape in VBPR.items()}
    w["theta_u"][0], w["beta_i"][:] = [1, -2], 1
    f = np.array([[1.0, 2, 3, 4], [0, 2, 5, 4], [9, 9, 9, 9]])
    after = vbpr.steps(w, f, [TRIPLE], 0.1, {"b": 0.5})
    np.testing.assert_allclose(after["E"], 0.05 * np.array([[1, 0, -2, 0], [-2, 0, 4, 0]]), atol=1e-15)
    np.testing.assert_allclose(after["beta_f"], [0.05, 0, -0.1, 0], atol=1e-15)
    np.testing.assert_allclose(after["beta_i"], [1 + 0.05 - 0.1, 1 - 0.05 - 0.01, 1], atol=1e-15)
    assert after["alpha"] == 0
    assert not after["beta_u"].any()


def test_vbpr_batch_is_its_triples_and_no_square_of_them():
    w, triples = weights(**VBPR), [(0, 0, 1), (1, 2, 0)]
    moves = [vbpr.steps(w, FEATURES, [triple], 1.0, PENALTIES) for triple in triples]
    expected = {name: w[name] + sum(move[name] - w[name] for move in moves) / 2 for name in w}
    same(vbpr.steps(w, FEATURES, triples, 1.0, PENALTIES, batch=2, mean=True), expected)


def test_standardise_by_hand():
    f = vbpr.standardise(np.array([[1.0, 5], [3, 5], [1, 5], [3, 5]]))
    assert f.tolist() == [[-1, 0], [1, 0], [-1, 0], [1, 0]]


def rrfm_case() -> dict:
    """One user; items 0-2 in a group, of which 1 and 2 are left, and item 3 in another, with nothing left."""
    w = {"U": np.array([[1.0]]), "V": np.array([[0.5], [2], [4], [5]]), "r": np.array([[2.0, 7]])}
    return {"weights": w, "groups": [0, 0, 0, 1], "observed": [{0, 3}], "drawn": [[2]]}


def test_rrfm_means_and_loss_by_hand():
    case = rrfm_case()
    groups, observed, V = case["groups"], case["observed"], case["weights"]["V"]
    assert rrfm.mean_left(V, groups, observed, 0, 0).tolist() == [3]
    assert rrfm.mean_left(V, groups, observed, 0, 1) is None
    assert rrfm.loss(**case) == (1 - 0.5) + 0 + (3 - 2) + (4 - 2)
    smooth = [log(1 + exp(5 * x)) / 5 for x in (0.5, -4, 1, 2)]
    assert rrfm.loss(**case, smooth=True) == pytest.approx(sum(smooth))
    lam = {"U": 1.0, "V": 2.0, "r": 0.1}
    assert rrfm.penalties(case["weights"], lam) == pytest.approx(0.5 + 45.25 + 0.9)


def test_rrfm_iteration_by_hand():
    """V first, U at the new V, r at both; r of the group with nothing left feels λ alone."""
    after, told = rrfm.iteration(**rrfm_case(), rate=0.1, lam={"U": 0.2, "V": 0.3, "r": 0.4})

    def s(x: float) -> float:
        return 1 / (1 + exp(-5 * x))

    v0, v1 = 0.5 - 0.1 * (0.15 - s(0.5)), 2 - 0.1 * (0.6 + s(1) / 2)
    v2, v3 = 4 - 0.1 * (1.2 + s(1) / 2 + s(2)), 5 - 0.1 * (1.5 - s(-4))
    np.testing.assert_allclose(after["V"][:, 0], [v0, v1, v2, v3], atol=1e-14)
    mean = (v1 + v2) / 2
    u = 1 - 0.1 * (0.2 - s(1 - v0) * v0 - s(1 - v3) * v3 + s(mean - 2) * mean + s(v2 - 2) * v2)
    np.testing.assert_allclose(after["U"], [[u]], atol=1e-14)
    r = 2 - 0.1 * (0.4 - s(u * mean - 2) - s(u * v2 - 2))
    np.testing.assert_allclose(after["r"], [[r, 7 - 0.04]], atol=1e-14)
    falls = (1 - u * v0, 1 - u * v3, u * mean - r, u * v2 - r)
    assert told == pytest.approx(sum(max(0, x) for x in falls))


def test_rrfm_margins_stay_at_one():
    case = rrfm_case()
    case["weights"]["r"][:] = 1
    after, _ = rrfm.iteration(**case, rate=0.1, lam={"U": 0.0, "V": 0.0, "r": 50.0})
    assert after["r"].tolist() == [[1, 1]]


def test_rrfm_gradients_are_those_of_the_smooth_loss():
    w, lam = weights(U=(3, 2), V=(6, 2), r=(3, 2)), {"U": 0.3, "V": 0.2, "r": 0.1}
    rest = ([0, 1, 0, 1, 0, 1], [{0, 1}, {1, 3, 5}, set()], [[2, 4, 4], [0], []])
    expected = differences(lambda at: rrfm.loss(at, *rest, smooth=True) + rrfm.penalties(at, lam), w)
    found = [rrfm.gradient_of_users, rrfm.gradient_of_items, rrfm.gradient_of_margins]
    same({name: gradient(w, *rest, lam) for name, gradient in zip(w, found, strict=True)}, expected, atol=1e-7)


def test_rrfm_instances_are_unobserved_and_above_their_group():
    case = rrfm_case()
    choose = partial(rrfm.instances, case["weights"], case["groups"], case["observed"], 0)
    assert choose([0, 1, 2, 3, 2, 2], 2) == [2, 2]  # 2 is below 6.5 / 3, which is the mean of all three
    assert choose([0, 1, 3], 2) == []
    case["weights"]["V"][1] = 2.5  # above (.5 + 2.5 + 4) / 3, though below the mean of the two that are left
    assert choose([1], 1) == [1]
    case["weights"]["V"][0] = 9  # above, but observed
    assert choose([0], 1) == []


@pytest.mark.parametrize(
    ("rate", "before", "after", "expected"),
    [
        (0.002, 2, 1, 0.0021),
        (0.0025, 1, 2, 0.00125),
        (0.0025, 1, 1, 0.00125),
        (0.0029, 2, 1, 0.003),
        (0.001, 1, 2, 0.001),
        (0.001, None, 2, 0.001),
    ],
)
def test_rrfm_rate_by_hand(rate, before, after, expected):
    assert rrfm.next_rate(rate, before, after) == pytest.approx(expected)


def test_rrfm_training_draws_steps_and_stops():
    case = rrfm_case()
    rest = {"groups": case["groups"], "observed": case["observed"]}
    lam = {"U": 0.01, "V": 0.01, "r": 0.01}
    w, losses = rrfm.train(case["weights"], **rest, tries=[[[1, 2, 2]], [[2, 1]], [[1]]], wanted=1, lam=lam)
    expected, told = case["weights"], []
    for drawn, rate in (([[2]], 0.001), ([[2]], 0.001), ([[]], 0.00105)):
        expected, loss = rrfm.iteration(expected, **rest, drawn=drawn, rate=rate, lam=lam)
        told.append(loss)
    assert told[1] < told[0]
    same(w, expected)
    assert losses == told
    still = {"U": np.zeros((1, 1)), "V": np.zeros((4, 1)), "r": np.ones((1, 2))}
    assert rrfm.train(still, **rest, tries=[[[]]] * 10, wanted=1, lam=lam)[1] == [2.0] * 6


def test_citing_score_by_hand():
    """Four words: over 2; four visual words, one of them twice: over 2."""
    w = {"p": np.array([[1.0, 10]]), "q": np.array([[2.0, 0], [0, 4], [0, 0], [7, 1]])}
    w["v"] = np.array([[6.0, 0], [0, 2], [0, 2]])
    assert citing.score(w, ITEMS[0], 0, SPECIAL) == (3 + 10 * 2) + (3 + 10 * (2 + 2 + 2) / 2)
    assert citing.score(w, ITEMS[1], 0, SPECIAL) == 17 + 20
    assert citing.score(w, ITEMS[2], 0, SPECIAL) == pytest.approx(10 * 8 / 3**0.5)


def test_citing_step_by_hand():
    """The user is zero, so all score 0: the slope is -1/2 and only p moves, but for penalties."""
    w = weights(**CITING)
    w["p"][0] = 0
    items = [Item({0: 1}), Item({0: 1, 1: 3})]
    after = citing.epoch(w, items, [TRIPLE], 0.1, special=SPECIAL, penalties={"q": 0.5})[0]
    q = w["q"]
    np.testing.assert_allclose(after["p"][0], 0.05 * (q[0] - (q[0] + 3 * q[1]) / 2), atol=1e-15)
    np.testing.assert_allclose(after["q"], [0.9 * q[0], 0.9 * q[1], q[2], q[3]], atol=1e-15)  # 0 once, though in both
    same({"v": after["v"], "p": after["p"][1:]}, {"v": w["v"], "p": w["p"][1:]})


def test_citing_epoch_adds_up_losses_before_their_steps():
    w, run = weights(**CITING), partial(citing.epoch, special=SPECIAL, penalties=PENALTIES)
    first, one = run(w, ITEMS, [(0, 0, 1)], 0.1)
    second, two = run(first, ITEMS, [(1, 2, 1)], 0.1)
    both, total = run(w, ITEMS, [(0, 0, 1), (1, 2, 1)], 0.1)
    same(both, second)
    difference = citing.score(w, ITEMS[1], 0, SPECIAL) - citing.score(w, ITEMS[0], 0, SPECIAL)
    assert one == pytest.approx(log(1 + exp(difference)))
    assert total == pytest.approx(one + two)


@pytest.mark.parametrize(
    ("before", "after", "decay", "expected"),
    [
        (None, 5, 1, (0.01, False)),
        (5, 4, 1, (0.0105, False)),
        (4, 5, 1, (0.005, True)),
        (5, 5, 1, (0.005, True)),
        (5, 4, 0.99, (0.010395, False)),
    ],
)
def test_bold_driver_by_hand(before, after, decay, expected):
    assert citing.bold_driver(0.01, before, after, decay=decay) == pytest.approx(expected)
