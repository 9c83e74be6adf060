"""Where networks with attention looked: those whose `look` gives a named tuple of a prediction and weights.

Shapes: n posts, b posts a batch, m weights of all kinds side by side.
"""

import numpy as np
import torch
from torch import Tensor, nn

from models.parts.batches import Arrays
from models.parts.regressor import Regressor


def look_inside(model: Regressor, arrays: Arrays) -> dict[str, np.ndarray]:
    """The weights [n, ...] of each kind that the network has, of posts as arrays [n, ...]; none of no posts."""
    n = len(next(iter(arrays.values())))
    if not n:
        return {}
    inside = Inside()
    flat = model.ask(inside.of, arrays).reshape(n, -1)  # [n, m]
    ends = np.cumsum(list(inside.widths.values()))
    return dict(zip(inside.widths, np.split(flat, ends[:-1], axis=1), strict=True))


class Inside(nn.Module):
    """All attention weights of a network side by side, instead of its prediction."""

    def __init__(self):
        super().__init__()
        self.widths: dict[str, int] = {}

    def of(self, network: nn.Module) -> "Inside":
        """Take the network to look into."""
        self.network = network
        return self

    def forward(self, **batch: Tensor) -> Tensor:
        looked = self.network.look(**batch)._asdict()
        weights = {name: value for name, value in looked.items() if name != "prediction" and value is not None}
        self.widths = {name: value.shape[1] for name, value in weights.items()}
        return torch.cat([value.float() for value in weights.values()], dim=1)  # [b, m]
