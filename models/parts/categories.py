"""Categories of several levels as vectors: equations 6-9 of the DSN paper, and what its Table 6 puts in their place.

Zhang, Xie, Yang, Tian, Jiang and Cui, Improving Social Media Popularity Prediction with Multiple Post
Dependencies (DSN).

Shapes: b posts, l posts a window, k levels, d the width of a vector, w of all vectors side by side.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.parts.lookup import Lookup
from pipeline.base.errors import UserError

Kind = Literal["hierarchical", "first", "second", "third", "concatenation", "summation", "released"]
LEVELS = ("first", "second", "third")


class Levels(nn.Module):
    """A vector a category, a table a level; categories that no training post has are the mean of their level."""

    def __init__(self, sizes: Sequence[int], width: int, dropout: float):
        """Of `sizes` categories a level, the first of which stands for those unseen."""
        super().__init__()
        self.tables = nn.ModuleList(Lookup(size, width) for size in sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, categories: Int[Tensor, "b l k"]) -> list[Float[Tensor, "b l d"]]:
        return [self.dropout(table(categories[..., level])) for level, table in enumerate(self.tables)]


class GateOfTwo(nn.Module):
    """Equation 7: how much of x goes through, judged by x and y."""

    def __init__(self, width: int):
        super().__init__()
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.other = nn.Linear(width, width, bias=False)

    def forward(self, x: Float[Tensor, "... d"], y: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        return self.value(x) * torch.sigmoid(self.gate(x) + self.other(y))  # [..., d] (7)


class Hierarchical(nn.Module):
    """Equations 6-9: each level takes what is worth it from the coarser ones. Ours: above the first is zero."""

    def __init__(self, sizes: Sequence[int], width: int, dropout: float):
        super().__init__()
        self.levels = Levels(sizes, width, dropout)
        self.gates = nn.ModuleList(GateOfTwo(width) for _ in sizes)
        self.joins = nn.ModuleList(nn.Linear(2 * width, width, bias=False) for _ in sizes)
        self.width = width

    def forward(self, categories: Int[Tensor, "b l k"]) -> Float[Tensor, "b l d"]:
        levels = self.levels(categories)  # k of [b, l, d]
        star = torch.zeros_like(levels[0])  # [b, l, d]
        for f, gate, join in zip(levels, self.gates, self.joins, strict=True):
            coarse = gate(star, f)  # [b, l, d] (8)
            star = join(torch.cat([f, coarse], dim=-1))  # [b, l, d] (6, 9)
        return star


class Flat(nn.Module):
    """The vectors of some levels side by side, or their sum."""

    def __init__(self, sizes: Sequence[int], width: int, dropout: float, *, summed: bool, chosen: Sequence[int]):
        super().__init__()
        self.levels = Levels([sizes[level] for level in chosen], width, dropout)
        self.chosen, self.summed = list(chosen), summed
        self.width = width if summed else width * len(chosen)

    def forward(self, categories: Int[Tensor, "b l k"]) -> Float[Tensor, "b l w"]:
        levels = self.levels(categories[..., self.chosen])  # k of [b, l, d]
        return sum(levels) if self.summed else torch.cat(levels, dim=-1)

    def extra_repr(self) -> str:
        return f"chosen={self.chosen}, summed={self.summed}"


class Released(nn.Module):
    """As released: each level beside the coarser ones, of which a gate lets some through; wider by `width` a level."""

    def __init__(self, sizes: Sequence[int], width: int, dropout: float):
        super().__init__()
        self.levels = Levels(sizes, width, dropout)
        widths = [width * level for level in range(1, len(sizes))]
        self.coarse = nn.ModuleList(nn.Linear(w, w, bias=False) for w in widths)
        self.fine = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in widths)
        self.width = width * len(sizes)

    def forward(self, categories: Int[Tensor, "b l k"]) -> Float[Tensor, "b l w"]:
        fused, *finer = self.levels(categories)  # [b, l, d]
        for f, coarse, fine in zip(finer, self.coarse, self.fine, strict=True):
            by = fine(f).repeat(1, 1, fused.shape[-1] // f.shape[-1])  # [b, l, w], once beside each coarser level
            fused = torch.cat([f, fused * torch.sigmoid(coarse(fused) + by)], dim=-1)  # [b, l, w + d]
        return fused


def check(kind: Kind, levels: Sequence[str]) -> None:
    """Raise `UserError` for a level that there is not."""
    if kind in LEVELS and LEVELS.index(kind) >= len(levels):
        raise UserError(f"category: there is no {kind} level among the levels {', '.join(levels)}")


def embed(kind: Kind, sizes: Sequence[int], width: int, dropout: float) -> nn.Module:
    """The module for one way to read categories of `sizes` a level; it has the `width` of what it gives."""
    if kind == "hierarchical":
        return Hierarchical(sizes, width, dropout)
    if kind == "released":
        return Released(sizes, width, dropout)
    chosen = [LEVELS.index(kind)] if kind in LEVELS else range(len(sizes))
    return Flat(sizes, width, dropout, summed=kind == "summation", chosen=chosen)
