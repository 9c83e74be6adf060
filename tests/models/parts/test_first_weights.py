"""Weights as Keras draws them: their distributions, and that training starts from them."""

import numpy as np
import pytest
import torch
from torch import nn

from models.parts.attention import Words
from models.parts.first_weights import as_keras
from tests.models.pictures import FEATURES, planted
from tests.models.small import build

TRAIN, _ = planted(60, seed=1)
SMALL = {"hidden": 6, "head": [5], "region_layer": "linear", "epochs": 1, "batch_size": 32, "learning_rate": 1e-9}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_dense_layers_are_glorots_uniform_without_biases():
    layer = nn.Linear(300, 100)
    as_keras(nn.Sequential(layer))
    limit = np.sqrt(6 / 400)
    assert layer.weight.abs().max() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not layer.bias.any()


def test_lstms_forget_little_and_have_orthogonal_recurrent_weights():
    words = Words(50, 30, 20)
    as_keras(words)
    lstm = words.lstm
    forget = slice(20, 40)
    bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
    assert (bias[forget] == 1).all()
    assert bias.sum() == 20
    recurrent = lstm.weight_hh_l0  # [4k, k]
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(20), atol=1e-5, rtol=0)
    limit = np.sqrt(6 / (30 + 80))
    assert 0.95 * limit < lstm.weight_ih_l0.abs().max() <= limit


def test_the_forget_gate_is_pytorchs_second():
    """With all other weights zero, an open forget gate keeps sigmoid(1) of the cell."""
    lstm = nn.LSTM(2, 3, batch_first=True)
    as_keras(nn.Sequential(lstm))
    with torch.no_grad():
        lstm.weight_ih_l0.zero_()
        lstm.weight_hh_l0.zero_()
    _, (_, cell) = lstm(torch.zeros(1, 1, 2), (torch.zeros(1, 1, 3), torch.ones(1, 1, 3)))
    torch.testing.assert_close(cell, torch.full((1, 1, 3), torch.sigmoid(torch.tensor(1.0)).item()))


def test_vectors_are_small_and_padding_and_unknown_words_stay_zero():
    words = Words(400, 30, 5)
    as_keras(words)
    weight = words.table.weight
    assert not weight[:2].any()
    assert weight.abs().max() <= 0.05
    assert weight[2:].std().item() == pytest.approx(0.05 / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("name", ["uhan", "dmf", "dual_att"])
def test_networks_start_from_them(name, tmp_path):
    def weights(**options):
        system = build(name, features=FEATURES, **SMALL, **options)
        system.fit(TRAIN, TRAIN)
        return system._model._network.state_dict()

    plain, drawn = weights(), weights(first_weights="keras")
    assert {key: value.shape for key, value in plain.items()} == {key: value.shape for key, value in drawn.items()}
    assert drawn["words.table.weight"].abs().max() < 0.051 < plain["words.table.weight"].abs().max()
    hidden = SMALL["hidden"]
    forget = drawn["words.lstm.bias_ih_l0"][hidden : 2 * hidden]
    torch.testing.assert_close(forget, torch.ones(hidden), atol=1e-3, rtol=0)
