"""Attention whose cost grows with the length of a sequence and not with its square, and an encoder layer of it.

Linformer: Wang, Li, Khabsa, Fang and Ma, Linformer: Self-Attention with Linear Complexity, equation 7. Performer:
Choromanski et al., Rethinking Attention with Performers, equations 4, 6 and 7, in the form that is used, which takes
the largest exponent off before it raises anything and adds 1e-4 to every feature.

Shapes: b sequences, h heads, n steps of which the last is the newest, i queries, d numbers a head, r the rank: mixtures
of steps or random features; x numbers a step, w width of the layer.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

Kind = Literal["linformer", "performer", "softmax"]
EPSILON = 1e-4
MIXTURES = 4
"""Steps a mixture of Linformer's, where nothing else is said (ours)."""

Queries = Float[Tensor, "b h i d"]
Steps = Float[Tensor, "b h n d"]


def softmax_attention(q: Queries, k: Steps, v: Steps, present: Bool[Tensor, "b n"] | None = None) -> Queries:
    """Softmax(q k^T / sqrt d) v, over the steps that are `present`; of sequences without any, zero."""
    scores = (q @ k.transpose(-1, -2)) / q.shape[-1] ** 0.5  # [b, h, i, n]
    if present is None:
        return scores.softmax(-1) @ v
    mask = present[:, None, None]  # [b, 1, 1, n]
    return (scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1) * mask) @ v


def linformer(q: Queries, k: Steps, v: Steps, E: Float[Tensor, "n r"], F: Float[Tensor, "n r"]) -> Queries:
    """Softmax(q (E^T k)^T / sqrt d) F^T v: attention over r mixtures of the steps; absent ones are zeros in k and v."""
    return softmax_attention(q, E.T @ k, F.T @ v)


def performer(
    q: Queries,
    k: Steps,
    v: Steps,
    omega: Float[Tensor, "r d"],
    present: Bool[Tensor, "b n"] | None = None,
    epsilon: float = EPSILON,
) -> Queries:
    """phi(q) (phi(k)^T v) / (phi(q) . sum phi(k)), phi(x) = (exp(omega x - |x|^2 / 2 - c) + epsilon) / sqrt r.

    x is divided by d^1/4 first. c is the largest omega x: of each query, and of all keys of a sequence and head.
    Steps that are not `present` are in no sum; of sequences without any it is zero.
    """
    q, k = (x * q.shape[-1] ** -0.25 for x in (q, k))
    of_q, of_k = q @ omega.T, k @ omega.T  # [b, h, i, r], [b, h, n, r]
    there = torch.ones_like(of_k[..., :1], dtype=torch.bool) if present is None else present[:, None, :, None]
    hidden = of_k.masked_fill(~there, torch.finfo(of_k.dtype).min)  # [b, h, n, r]
    largest = hidden.amax((-1, -2), keepdim=True).detach()  # [b, h, 1, 1]
    phi_q = _phi(q, of_q, of_q.amax(-1, keepdim=True).detach(), epsilon)  # [b, h, i, r]
    # The least number there is stands for none: with it as the largest, exponents would be infinite.
    largest = torch.where(there.any(-2, keepdim=True), largest, of_k.amax((-1, -2), keepdim=True))
    phi_k = _phi(k, of_k.masked_fill(~there, 0), largest, epsilon) * there  # [b, h, n, r]
    weights = phi_q @ phi_k.sum(-2).unsqueeze(-1)  # [b, h, i, 1]
    return phi_q @ (phi_k.transpose(-1, -2) @ v) / torch.where(weights > 0, weights, 1)


def _phi(x: Tensor, of_x: Tensor, largest: Tensor, epsilon: float) -> Tensor:
    exponent = of_x - x.square().sum(-1, keepdim=True) / 2 - largest  # [b, h, n, r]
    return (exponent.exp() + epsilon) / of_x.shape[-1] ** 0.5


def orthogonal(rank: int, width: int) -> Float[Tensor, "r d"]:
    """Rows of Gaussian lengths, at right angles within each `width` of them; uses torch's generator."""
    Q, R = torch.linalg.qr(torch.randn(-(-rank // width), width, width))
    # Each direction must be as likely as its opposite, and LAPACK chooses; other code leaves this out, and errs.
    signs = R.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)  # [blocks, 1, d]
    return (Q * signs).mT.flatten(0, 1)[:rank] * torch.randn(rank, width).norm(dim=1, keepdim=True)


class Attention(nn.Module):
    """One kind of attention over `steps`; the rank is of those that have one."""

    def __init__(self, kind: Kind, *, steps: int, width: int, rank: int | None):
        """Of heads `width` wide. None as `rank` is a mixture of four steps, or d ln d random features."""
        super().__init__()
        self.kind: Kind = kind
        if kind == "linformer":
            rank = rank or max(1, steps // MIXTURES)
            self.keys, self.values = (
                nn.Parameter(torch.empty(steps, rank).uniform_(-(rank**-0.5), rank**-0.5)) for _ in range(2)
            )
        elif kind == "performer":
            rank = rank or max(1, int(width * math.log(width)))
            self.register_buffer("omega", orthogonal(rank, width))

    def forward(self, q: Queries, k: Steps, v: Steps, present: Bool[Tensor, "b n"]) -> Queries:
        if self.kind == "linformer":
            there = present[:, None, :, None]
            return linformer(q, k * there, v * there, self.keys, self.values)
        if self.kind == "performer":
            return performer(q, k, v, self.omega, present)
        return softmax_attention(q, k, v, present)

    def extra_repr(self) -> str:
        return self.kind


class LastStep(nn.Module):
    """An encoder layer over a sequence: its output at the last step, zero where there is none.

    Linformer mixes all steps of a sequence, whatever comes first, and so no other step's output may be used. Learned
    positions, counted from the last; the norm after each half.
    """

    def __init__(
        self, numbers: int, width: int, *, steps: int, heads: int, kind: Kind, rank: int | None, dropout: float
    ):
        """From `numbers` a step to `width`, which `heads` share evenly."""
        super().__init__()
        self.step = nn.Linear(numbers, width)
        self.position = nn.Parameter(torch.randn(steps, width) * width**-0.5)
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.attention = Attention(kind, steps=steps, width=width // heads, rank=rank)
        self.out, self.dropout = nn.Linear(width, width), nn.Dropout(dropout)
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.heads = heads

    def forward(self, x: Float[Tensor, "b n x"], present: Bool[Tensor, "b n"]) -> Float[Tensor, "b w"]:
        x = self.step(x) + self.position  # [b, n, w]
        last = x[:, -1:]  # [b, 1, w]
        q, k, v = self._split(self.query(last)), self._split(self.key(x)), self._split(self.value(x))
        seen = self.attention(q, k, v, present).transpose(1, 2).flatten(2)  # [b, 1, w]
        last = self.norms[0](last + self.dropout(self.out(seen)))  # [b, 1, w]
        dense = self.outer(self.dropout(torch.relu(self.inner(last))))  # [b, 1, w]
        last = self.norms[1](last + self.dropout(dense)).squeeze(1)  # [b, w]
        return last * present[:, -1:]

    def _split(self, x: Float[Tensor, "b n w"]) -> Float[Tensor, "b h n d"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
