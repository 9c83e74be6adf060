"""The oracles' layers against other people's code and against numbers worked out by hand."""

import numpy as np
import pytest
from scipy.signal import correlate

from tests.oracles import layers

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_conv2d_is_scipys_correlation(kernel):
    x, K, c = RNG.normal(size=(2, 6, 5)), RNG.normal(size=(3, 2, kernel, kernel)), RNG.normal(size=3)
    expected = [sum(correlate(x[i], K[o, i], mode="same") for i in range(2)) + c[o] for o in range(3)]
    np.testing.assert_allclose(layers.conv2d(x, K, c), expected, atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_conv1d_is_scipys_correlation(kernel):
    x, K, c = RNG.normal(size=(2, 6)), RNG.normal(size=(3, 2, kernel)), RNG.normal(size=3)
    expected = [sum(correlate(x[i], K[o, i], mode="same") for i in range(2)) + c[o] for o in range(3)]
    np.testing.assert_allclose(layers.conv1d(x, K, c), expected, atol=1e-12)


def test_max_pool_leaves_out_an_odd_edge():
    x = np.array([[[1, 2, 9], [4, 3, 9], [9, 9, 9]], [[-1, -2, 0], [-4, -3, 0], [0, 0, 0]]], dtype=float)
    assert layers.max_pool(x).tolist() == [[[4]], [[-1]]]


def test_batch_norm_by_hand():
    parameters = {"gamma_1": [2.0], "beta_1": [1.0], "mu_1": [3.0], "var_1": [4 - layers.EPSILON]}
    assert layers.batch_norm(np.array([[3.0, 7.0]]), parameters, 1).tolist() == [[1.0, 5.0]]


@pytest.mark.parametrize("biases", [1, 2])
def test_lstm_is_pytorchs(biases):
    import torch

    theirs = torch.nn.LSTM(4, 3, batch_first=True, dtype=torch.float64)
    names = {"W_Wifgo": "weight_ih_l0", "W_Hifgo": "weight_hh_l0", "b_ifgo": "bias_ih_l0", "b_Hifgo": "bias_hh_l0"}
    if biases == 1:
        torch.nn.init.zeros_(theirs.bias_hh_l0)
        del names["b_Hifgo"]
    parameters = {ours: getattr(theirs, name).detach().numpy() for ours, name in names.items()}
    table, words = RNG.normal(size=(9, 4)), np.array([5, 0, 8, 5])
    with torch.no_grad():
        expected, _ = theirs(torch.from_numpy(table[words])[None])
    np.testing.assert_allclose(layers.lstm(words, {**parameters, "W_W": table}), expected[0].numpy(), atol=1e-12)


def test_dense_layers_by_hand():
    parameters = {"W_1": np.array([[1.0, 2], [-1, 0]]), "b_1": np.array([1.0, 0])}
    parameters |= {"W_2": np.array([[-2.0, 5]]), "b_2": np.array([0.5])}
    assert layers.dense_layers(np.array([3.0, 4]), parameters) == -2 * 12 + 0.5


@pytest.mark.parametrize("masking", ["before", "after"])
def test_attention_skips_padding(masking):
    alpha = layers.attention(np.log([1.0, 3.0]), np.array([False, True, False, True]), masking)
    np.testing.assert_allclose(alpha, [0, 0.25, 0, 0.75], atol=1e-15)
    assert alpha[0] == alpha[2] == 0
    assert layers.attention(np.empty(0), np.zeros(3, dtype=bool), masking).tolist() == [0, 0, 0]
