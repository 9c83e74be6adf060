"""The oracle of `amnl` by hand: the sign of the margin, the maximum over sentences, followees, locations."""

from math import exp, tanh

import numpy as np
import pytest

from tests.oracles import amnl

ONE = {
    **{"W_W": np.array([[0.0], [0.3], [-0.5]]), "W_Wifgo": np.array([[1.0], [9], [2], [-1]])},
    **{"W_Hifgo": np.ones((4, 1)), "b_ifgo": np.zeros(4), "W_i": np.array([[2.0]]), "W_d": np.array([[3.0]])},
    **{"U": np.array([[1.0], [2], [-3]]), "W_s": np.array([[1.0]]), "W_n": np.array([[0.5]])},
    **{"b_s": np.array([0.25]), "p_s": np.array([2.0])},
}
"""Everything one number wide."""


def state(word):
    """The LSTM's state after one word of that vector."""
    i, c, o = 1 / (1 + exp(-word)), tanh(2 * word), 1 / (1 + exp(word))
    return o * tanh(i * c)


def test_the_tangent_is_scaled():
    assert amnl.g(np.array(1.0)) == pytest.approx(1, abs=1e-4)  # what its two numbers are for
    assert amnl.g(np.array(99.0)) == pytest.approx(1.7159)


def test_the_margin_by_hand():
    assert amnl.loss(0.6, shared=1.0, other=0.5) == pytest.approx(0.1)
    assert amnl.loss(0.6, shared=0.5, other=1.0) == pytest.approx(1.1)
    assert amnl.loss(0.6, shared=2.0, other=1.0) == 0


def test_pictures_and_the_largest_sentence_add_up():
    z = amnl.summed(ONE, np.array([0.7]), [[2], [1]])
    assert z == pytest.approx(amnl.g(np.array([2 * 0.7 + 3 * state(0.3)])))
    assert state(0.3) > state(-0.5)
    assert amnl.summed(ONE, np.array([0.7]), [[2], [1]], text=False) == pytest.approx(amnl.g(np.array([1.4])))
    assert amnl.summed(ONE, None, [[2]]) == pytest.approx(amnl.g(np.array([3 * state(-0.5)])))
    assert amnl.summed(ONE, None, []) == 0


def test_followees_weigh_by_the_user():
    s = [2 * tanh(1 + 0.5 * 2 + 0.25), 2 * tanh(1 - 0.5 * 3 + 0.25)]
    first = exp(s[0]) / (exp(s[0]) + exp(s[1]))
    assert amnl.impact(ONE, 0, [1, 2]) == pytest.approx([first, 1 - first])
    z = np.array([0.5])
    assert amnl.score(ONE, 0, [1, 2], z) == pytest.approx(0.5 * (first * 1.0 + (1 - first) * -1.5))
    assert amnl.score(ONE, 0, [1, 2], z, social=False) == amnl.score(ONE, 0, [], z) == 0.5


def test_readings_by_hand():
    edge = amnl.AMPLITUDE
    assert amnl.nearness(-edge, 0, 4).tolist() == [1, 0, 0, 0]
    assert amnl.nearness(edge, 0, 4).tolist() == [0, 0, 0, 1]
    assert amnl.nearness(0.0, 0, 4).tolist() == [0, 0.5, 0.5, 0]
    assert amnl.nearness(0.0, 1, 4).tolist() == [0, 0, 0.5, 0.5]
    assert amnl.nearness(-edge, -1, 4).tolist() == [1, 0, 0, 0]
    assert amnl.nearness(-edge / 2, 0, 4) == pytest.approx([0.5, 0.5, 0, 0])
    right = amnl.around(np.array([edge, -edge]), 2, 1)[0]
    assert right.tolist() == [[0, 1], [0, 0]]  # the first number goes along columns
    assert len(amnl.around(np.zeros(2), 3, 3)) == 9


def test_guided_by_hand():
    """One region: whatever is looked at is it, and the states are those of an LSTM over it."""
    p = ONE | {"W_t": np.ones((1, 1)), "W_u": np.ones((1, 1)), "b_t": np.zeros(1), "p_t": np.ones(1)}
    p |= {"R_W": p["W_Wifgo"], "R_H": np.zeros((4, 1)), "R_b": np.zeros(4), "W_z": np.array([[5.0]])}
    p |= {"W_j": np.array([[1.0], [0]]), "W_c": np.array([[0.0], [1]]), "l_0": np.array([0.1, 0.2])}
    said = amnl.guided(p, np.array([[[0.3]]]), [[1]], f=np.array([4.0]), steps=2, window=3)
    h = state(0.3)
    assert said.locations[0].tolist() == [0.1, 0.2]
    assert said.locations[1] == pytest.approx([1.7159 * tanh(8 / 3), 1.7159 * tanh(2 * h / 3)])
    assert said.seen[1] == pytest.approx(np.ones((1, 1)))
    one_step = amnl.guided(p, np.array([[[0.3]]]), [[1]], steps=1, window=3)
    assert one_step.z == pytest.approx([5 * h])


def test_attention_goes_where_the_sentence_says():
    rng = np.random.default_rng(0)
    p = ONE | {"W_t": np.ones((1, 1)), "W_u": np.array([[9.0]]), "b_t": np.zeros(1), "p_t": np.array([50.0])}
    p |= {name: rng.normal(size=shape) for name, shape in {"R_W": (4, 1), "R_H": (4, 1), "W_z": (1, 1)}.items()}
    p |= {"R_b": np.zeros(4), "W_j": np.zeros((2, 1)), "W_c": np.zeros((2, 1)), "l_0": np.zeros(2)}
    x = np.full((3, 3, 1), -1.0)
    x[0, 2] = 1
    said = amnl.guided(p, x, [[1]], steps=2, window=3)
    assert said.seen[0][0, 2] == pytest.approx(1)
    assert not np.allclose(amnl.guided(p, x, [[1]], steps=2, window=3, text=False).z, said.z)
