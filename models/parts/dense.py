"""Dense layers with ReLU and dropout between them, as the networks' heads are made."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def dense(widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Layers from each of the `widths` to the next; of all but the last, ReLU and `dropout`, the share left out."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))
