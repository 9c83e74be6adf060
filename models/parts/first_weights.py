"""The weights a network starts from, where they are not PyTorch's own."""

from typing import Literal

import torch
from torch import nn

from models.parts.attention import Words

FirstWeights = Literal["pytorch", "keras"]
EMBEDDING = 0.05
"""Keras draws vectors of words and users between minus this and this."""
FORGET = 1
"""Of PyTorch's four gates, input, forget, cell and output, the one that Keras opens."""


@torch.no_grad()
def as_keras(network: nn.Module) -> None:
    """Draw all weights anew as Keras 2.0.4 does, which UHAN was released with; uses torch's generator.

    Dense layers, attention among them: Glorot's uniform distribution and biases of zero. LSTMs: the same over all
    four gates together, orthogonal recurrent weights, biases of zero and one for the forget gate. Vectors: uniform.
    Padding and unknown words stay zero (ours).
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.uniform_(module.weight, -EMBEDDING, EMBEDDING)
        elif isinstance(module, nn.LSTM):
            _lstm(module)
    for module in network.modules():
        if isinstance(module, Words):
            module.silence()


def _lstm(lstm: nn.LSTM) -> None:
    nn.init.xavier_uniform_(lstm.weight_ih_l0)
    nn.init.orthogonal_(lstm.weight_hh_l0)
    for bias in (lstm.bias_ih_l0, lstm.bias_hh_l0):  # PyTorch adds two, Keras has one
        nn.init.zeros_(bias)
    lstm.bias_ih_l0[FORGET * lstm.hidden_size : (FORGET + 1) * lstm.hidden_size] = 1
