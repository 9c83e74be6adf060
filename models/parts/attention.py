"""What the networks over words and regions share: equations 1-15 and 22 of the UHAN paper, as parts.

Zhang, Wang, Wang and Zha, User-guided Hierarchical Attention Network for Multi-modal Social Image Popularity
Prediction, WWW 2018.

Shapes: b posts, r regions, v numbers a region, w words, m regions or words, e a word vector, g a user
vector, k a state, d the space in which things are compared. Regions of NaN and words of 0 are padding: zero
before any arithmetic, and with no attention whatsoever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from pipeline.base.errors import UserError
from pipeline.storage.examples import PADDING, UNKNOWN_WORD

RegionLayer = Literal["none", "tanh", "linear"]
Softmax = Literal["masked", "renormalised"]


@dataclass(frozen=True)
class Items:
    """What there is to look at in one modality: `x` [b, m, k], zero where `mask` [b, m] is false."""

    x: Float[Tensor, "b m k"]
    mask: Bool[Tensor, "b m"]

    @property
    def present(self) -> Bool[Tensor, " b"]:
        """Which posts have the modality at all."""
        return self.mask.any(-1)

    def equal(self) -> Float[Tensor, "b m"]:
        """The same weight for each that is there, together one: equations 8 and 12 as weights."""
        mask = self.mask.to(self.x.dtype)  # [b, m]
        return mask / mask.sum(-1, keepdim=True).clamp_min(1)

    def last(self) -> Float[Tensor, "b m"]:
        """All weight on the last that is there; none where nothing is."""
        following = nn.functional.pad(self.mask[:, 1:], (0, 1))  # [b, m]
        return (self.mask & ~following).to(self.x.dtype)

    def pool(self, weights: Float[Tensor, "b m"]) -> Float[Tensor, "b k"]:
        """The weighted sum."""
        return (weights.to(self.x.dtype).unsqueeze(1) @ self.x).squeeze(1)


class Words(nn.Module):
    """Equations 1-6: a vector a word and the states of an LSTM over them."""

    def __init__(self, words: int, embedding: int, states: int):
        """Of `words` rows; unknown words start as the zero vector, a word that says nothing."""
        super().__init__()
        self.table = nn.Embedding(words, embedding)
        self.lstm = nn.LSTM(embedding, states, batch_first=True)
        self.silence()

    @torch.no_grad()
    def silence(self) -> None:
        """Make padding and unknown words zero."""
        self.table.weight[[PADDING, UNKNOWN_WORD]] = 0

    def forward(self, words: Int[Tensor, "b w"]) -> Items:
        mask = words != PADDING  # [b, w]
        longest = max(1, int(mask.sum(-1).max()))  # states behind the longest text are of padding alone
        x = self.table(words[:, :longest])  # [b, w, e] (1)
        x, _ = self.lstm(x)  # [b, w, k] (2-6)
        x = nn.functional.pad(x, (0, 0, 0, words.shape[1] - longest))  # [b, w, k]
        return Items(x.masked_fill(~mask.unsqueeze(-1), 0), mask)


class Regions(nn.Module):
    """The regions as they are, or through a dense layer without bias: with tanh, as released, or linear."""

    def __init__(self, numbers: int, width: int, layer: RegionLayer):
        """From `numbers` a region to `width`. Raises `UserError` where they differ and there is no layer."""
        super().__init__()
        if layer == "none" and numbers != width:
            raise UserError(
                f"region_layer: none needs hidden: {numbers}, as many as a region has, not {width}; or set linear"
            )
        self.dense = None if layer == "none" else nn.Linear(numbers, width, bias=False)
        self.squash = nn.Tanh() if layer == "tanh" else nn.Identity()

    def forward(self, regions: Float[Tensor, "b r v"]) -> Items:
        x = regions.float() if regions.dtype.itemsize < 4 else regions  # [b, r, v]
        mask = ~x.isnan().any(-1)  # [b, r]
        x = x.masked_fill(~mask.unsqueeze(-1), 0)  # [b, r, v]
        return Items(x if self.dense is None else self.squash(self.dense(x)), mask)  # [b, r, k]


class Guide(nn.Module):
    """tanh(W y), a factor in a product; one, so that it leaves, for posts whose y is of an absent modality."""

    def __init__(self, width: int, space: int):
        super().__init__()
        self.dense = nn.Linear(width, space, bias=False)

    def forward(self, y: Float[Tensor, "b y"], present: Bool[Tensor, " b"] | None = None) -> Float[Tensor, "b d"]:
        factor = torch.tanh(self.dense(y))  # [b, d]
        return factor if present is None else torch.where(present.unsqueeze(-1), factor, 1.0)


class Attention(nn.Module):
    """Equations 9 and 10, 13 and 14: weights from the product of an item and its guides."""

    def __init__(self, width: int, space: int, softmax: Softmax):
        super().__init__()
        self.item = nn.Linear(width, space, bias=False)
        self.score = nn.Linear(space, 1, bias=False)
        self.softmax: Softmax = softmax

    def forward(self, items: Items, *guides: Float[Tensor, "b d"]) -> Float[Tensor, "b m"]:
        x = torch.tanh(self.item(items.x))  # [b, m, d]
        # W (x ∘ guide) = x · (W ∘ guide): the product is never made for every item.
        weight = self.score.weight  # [1, d]
        for guide in guides:
            weight = weight * guide  # [b, d]
        scores = (x @ weight.to(x.dtype).unsqueeze(-1)).squeeze(-1)  # [b, m] (9, 13)
        return masked_softmax(scores, items.mask, self.softmax)  # [b, m] (10, 14)

    def extra_repr(self) -> str:
        return f"softmax={self.softmax}"


def masked_softmax(
    scores: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"], how: Softmax = "masked"
) -> Float[Tensor, "b m"]:
    """Softmax over what `mask` allows, exactly zero elsewhere, and all zero where it allows nothing.

    `masked` hides the others before the softmax; `renormalised`, as released, takes them out after it.
    """
    if how == "masked":
        # Not minus infinity, which would make a post with nothing to look at NaN, forwards and backwards.
        return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1) * mask
    weights = scores.softmax(-1) * mask  # [b, m]
    total = weights.sum(-1, keepdim=True)  # [b, 1]
    return weights / torch.where(total > 0, total, 1.0)


class Head(nn.Module):
    """Equation 22: dense layers with ReLU, then one number."""

    def __init__(self, width: int, hidden: Sequence[int]):
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip([width, *hidden], hidden, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear([width, *hidden][-1], 1))

    def forward(self, s: Float[Tensor, "b s"]) -> Float[Tensor, " b"]:
        return self.layers(s).squeeze(-1)
