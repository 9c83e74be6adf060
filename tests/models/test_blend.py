"""Weights of parts: equal, or chosen one after the other by the absolute error."""

import numpy as np
import pytest

from models.blend import Blend
from pipeline.base.errors import UserError

Y = np.random.default_rng(0).normal(size=200)
NOISE = np.random.default_rng(1).normal(size=(3, 200))
SAID = Y + NOISE * np.array([[1.0], [1.0], [9.0]])


def greedy(y, predictions, steps):
    """By hand: the lists of parts, with repetitions, each the last one and the best part to add."""
    chosen = []
    for _ in range(steps):
        tried = [np.abs(np.mean([predictions[i] for i in [*chosen, part]], axis=0) - y).mean() for part in range(3)]
        chosen.append(int(np.argmin(tried)))
    return np.bincount(chosen, minlength=3) / steps


def test_equal_weights_are_the_default():
    np.testing.assert_array_equal(Blend(parts=["a", "b", "c"]).weigh(Y, SAID), np.full(3, 1 / 3))


def test_greedy_weights_are_those_by_hand_and_leave_out_what_is_bad():
    weights = Blend(parts=["a", "b", "c"], weights="greedy", steps=12).weigh(Y, SAID)
    np.testing.assert_allclose(weights, greedy(Y, SAID, 12))
    assert weights.sum() == pytest.approx(1)
    assert weights[2] == 0
    assert min(weights[:2]) > 0.3


def test_without_validation_posts_weights_are_equal():
    weights = Blend(parts=["a", "b"], weights="greedy").weigh(np.empty(0), np.empty((2, 0)))
    np.testing.assert_array_equal(weights, [0.5, 0.5])


def test_each_part_counts_once():
    with pytest.raises(UserError, match=r"parts: \['a', 'a'\] must name entries, each once"):
        Blend(parts=["a", "a"])
