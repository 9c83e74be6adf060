"""Parts of networks over a post and the posts before it: equations 3-5, 7 and 11-19 of the DSN paper.

Zhang, Xie, Yang, Tian, Jiang and Cui, Improving Social Media Popularity Prediction with Multiple Post
Dependencies (DSN); what its authors' code does instead is called released.

Shapes: b posts, l posts a window, the post itself last; x, y numbers a post, d the width of hidden layers.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from models.parts.attention import masked_softmax

Comparison = Literal["dot", "additive"]


class Adapter(nn.Module):
    """Equations 3-5: the vectors of a sequence to `width`, adapted along it and as they are, in a ratio.

    The paper writes 3x3; along a sequence of vectors that is three posts, as released. Without bias, as released, so
    that the zeros of a post without a picture, or beyond the ends, say nothing.
    """

    def __init__(self, numbers: int, width: int, ratio: float):
        """Of `numbers` a vector; `ratio` is the share of what stays as it was, alpha or beta."""
        super().__init__()
        self.adapted = nn.Conv1d(numbers, width, 3, padding=1, bias=False)
        self.kept = nn.Conv1d(numbers, width, 1, bias=False)
        self.ratio = ratio

    def forward(self, x: Float[Tensor, "b l x"]) -> Float[Tensor, "b l d"]:
        # One product for all four weights, and its rows moved: on a CPU thrice as fast as convolutions.
        weights = torch.cat([*self.adapted.weight.unbind(-1), *self.kept.weight.unbind(-1)])  # [4d, x]
        before, here, after, kept = (x @ weights.T).chunk(4, dim=-1)  # [b, l, d] each
        nothing = torch.zeros_like(here[:, :1])  # [b, 1, d], what is beyond either end
        adapted = here + torch.cat([nothing, before[:, :-1]], dim=1) + torch.cat([after[:, 1:], nothing], dim=1)
        return (1 - self.ratio) * torch.relu(adapted) + self.ratio * kept  # [b, l, d] (3-5)

    def extra_repr(self) -> str:
        return f"ratio={self.ratio}"


class Gate(nn.Module):
    """Equation 7 with one input: a linear layer, each number of it let through or not."""

    def __init__(self, width: int):
        super().__init__()
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        return self.value(x) * torch.sigmoid(self.gate(x))  # [..., d] (7)


class GRN(nn.Module):
    """Equations 14-16, the gated residual network of Lim et al. (TFT)."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout, self.gate, self.norm = nn.Dropout(dropout), Gate(width), nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        eta = nn.functional.elu(self.inner(x))  # [..., d] (16)
        eta = self.dropout(self.outer(eta))  # [..., d] (15)
        return self.norm(x + self.gate(eta))  # [..., d] (14)


class Recurrent(nn.Module):
    """Equation 11: an LSTM over the posts that there are, from the first of them."""

    def __init__(self, numbers: int, width: int):
        super().__init__()
        self.lstm = nn.LSTM(numbers, width, batch_first=True)

    def forward(self, x: Float[Tensor, "b l x"], present: Bool[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        if present.all():
            return self.lstm(x)[0]  # [b, l, d]
        absent = (~present).sum(-1, keepdim=True)  # [b, 1]
        steps = torch.arange(x.shape[1], device=x.device)  # [l]
        states = self.lstm(_rolled(x, (steps + absent) % x.shape[1]))[0]  # [b, l, d], the first post first
        return _rolled(states, (steps - absent) % x.shape[1])  # [b, l, d]


def _rolled(x: Float[Tensor, "b l x"], order: Tensor) -> Float[Tensor, "b l x"]:
    return x.gather(1, order.unsqueeze(-1).expand_as(x))


class Fusion(nn.Module):
    """Equations 11-13: what a sequence says lately, gated and beside what each post says itself.

    Without `residual`, as released: equation 12 is the gate alone, its sum and its norm computed and not used.
    """

    def __init__(self, numbers: int, width: int, dropout: float, *, residual: bool):
        super().__init__()
        self.recurrent, self.dropout = Recurrent(numbers, width), nn.Dropout(dropout)
        self.gate, self.grn = Gate(width), GRN(width, dropout)
        self.shortcut = nn.Linear(numbers, width, bias=False) if residual else None
        self.norm = nn.LayerNorm(width) if residual else None

    def forward(self, f: Float[Tensor, "b l x"], present: Bool[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        theta = self.gate(self.dropout(self.recurrent(f, present)))  # [b, l, d] (11)
        if self.shortcut is not None:
            theta = self.norm(theta + self.shortcut(f))  # [b, l, d] (12)
        return self.grn(theta)  # [b, l, d] (13)


class Lookback(nn.Module):
    """Equations 17-19: a post asks the posts before it, several heads at once; nothing where there are none.

    Ours: the scale is the root of a head's width, where the paper writes that of all heads. `additive`, as released,
    scores w [q; k], of which the query's part is the same for every post and falls out of the softmax.
    """

    def __init__(self, width: int, heads: int, comparison: Comparison):
        """Of `heads` that share `width` evenly."""
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.score = nn.Linear(2 * self.head_width, 1, bias=False) if comparison == "additive" else None

    def forward(
        self, phi: Float[Tensor, "b l d"], present: Bool[Tensor, "b l"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b past"]]:
        """What the last post takes from those before it, and its weights, the mean over heads."""
        target, before = phi[:, -1:], phi[:, :-1]  # [b, 1, d], [b, l - 1, d]
        q, k, v = (
            self._split(self.query(target)),
            self._split(self.key(before)),
            self._split(self.value(before)),
        )  # (18)
        if self.score is None:
            scores = (q @ k.transpose(-1, -2)) / self.head_width**0.5  # [b, h, 1, l - 1] (17)
        else:
            scores = self.score(torch.cat([q.expand_as(k), k], dim=-1)).transpose(-1, -2)  # [b, h, 1, l - 1]
        mask = present[:, None, None, :-1].expand_as(scores)  # [b, h, 1, l - 1]
        weights = masked_softmax(scores.flatten(0, 2), mask.flatten(0, 2)).view_as(scores)  # [b, h, 1, l - 1]
        h = (weights @ v).transpose(1, 2).flatten(1)  # [b, d] (19)
        return h, weights.mean(1).squeeze(1)

    def _split(self, x: Float[Tensor, "b m d"]) -> Float[Tensor, "b h m k"]:
        return x.unflatten(-1, (self.heads, self.head_width)).transpose(1, 2)
