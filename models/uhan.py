"""User-guided hierarchical attention: UHAN, and its ablations as arguments.

Zhang, Wang, Wang and Zha, User-guided Hierarchical Attention Network for Multi-modal Social Image Popularity
Prediction, WWW 2018; equations by their numbers there. Garbled in the text and read so: the last factor of
equation 9 is the mean of equation 8, the second summand of equation 20 the attended text of 15.

Ours: a post that lacks a modality is computed as if the network had none, for that post alone; first weights
are PyTorch's unless `first_weights` says keras; the LSTM's gates are sigmoids, where Keras 2.0.4 has straight lines.

Shapes: b posts, r regions, v numbers a region, w words, m regions or words, g a user vector, k a state, d the
space of intra-attention, q of inter-attention.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from models.parts.attention import (
    Attention,
    Guide,
    Head,
    Items,
    RegionLayer,
    Regions,
    Softmax,
    Words,
    masked_softmax,
)
from models.parts.first_weights import FirstWeights
from models.parts.lookup import Lookup
from models.parts.loop import Training
from models.parts.words_regions import TRAINING, Sizes, WordsRegions
from pipeline.base.errors import UserError
from pipeline.base.ranges import NotNegative, Width, Widths


class Attended(NamedTuple):
    """A prediction and what it looked at; None for a modality the network does not have."""

    prediction: Float[Tensor, " b"]
    visual: Float[Tensor, "b r"] | None
    textual: Float[Tensor, "b w"] | None
    inter: Float[Tensor, "b 2"]


class UHANNetwork(nn.Module):
    """Equations 1-22. 4,987,393 parameters at the paper's sizes beside the tables of words and users."""

    def __init__(
        self,
        *,
        regions: int | None,
        words: int | None,
        users: int | None,
        states: int,
        embedding: int,
        user_width: int,
        intra_width: int,
        inter_width: int,
        head: Sequence[int],
        shortcut: bool = True,
        intra: bool = True,
        inter: bool = True,
        region_layer: RegionLayer = "none",
        softmax: Softmax = "masked",
    ):
        """Of `regions` numbers a region, `words` and `users` rows in their tables; None goes without."""
        super().__init__()
        self.regions = Regions(regions, states, region_layer) if regions else None
        self.words = Words(words, embedding, states) if words else None
        both = regions is not None and words is not None
        if not (shortcut or intra or (inter and both)):
            users = None  # nothing is left for them to guide
        self.users = Lookup(users, user_width) if users else None
        sizes = (states, user_width, users is not None)
        self.visual = IntraAttention(*sizes, both, intra_width, softmax) if intra and regions else None
        self.textual = IntraAttention(*sizes, both, intra_width, softmax) if intra and words else None
        self.inter = InterAttention(*sizes, inter_width) if inter and both else None
        self.shortcut = nn.Linear(user_width, states, bias=False) if shortcut and users else None
        self.head = Head(states, head)

    def forward(self, **inputs: Tensor) -> Float[Tensor, " b"]:
        """Predictions; the arguments are those of `look`."""
        return self.look(**inputs).prediction

    def look(
        self,
        regions: Float[Tensor, "b r v"] | None = None,
        words: Int[Tensor, "b w"] | None = None,
        users: Int[Tensor, " b"] | None = None,
    ) -> Attended:
        """Predictions and where the attention lay."""
        t = None if self.words is None else self.words(words)  # [b, w, k] (1-6)
        v = None if self.regions is None else self.regions(regions)  # [b, r, k]
        u = None if self.users is None else self.users(users)  # [b, g] (7)
        visual = _attend(self.visual, v, u, t)  # [b, r] (8-10)
        textual = _attend(self.textual, t, u, v)  # [b, w] (12-14)
        v_dot = 0.0 if v is None else v.pool(visual)  # [b, k] (11)
        h_dot = 0.0 if t is None else t.pool(textual)  # [b, k] (15)
        present = torch.stack([_present(v, t), _present(t, v)], dim=-1)  # [b, 2]
        inter = _share(present, v or t) if self.inter is None else self.inter(v_dot, h_dot, u, present)  # (16-19)
        s = inter[:, :1] * v_dot + inter[:, 1:] * h_dot  # [b, k] (20)
        if self.shortcut is not None:
            s = s + self.shortcut(u)  # [b, k] (21)
        return Attended(self.head(s), visual, textual, inter)  # (22)


class IntraAttention(nn.Module):
    """Equations 8-10 for regions, 12-14 for words: one modality, guided by the user and the other's mean."""

    def __init__(self, states: int, user_width: int, user: bool, other: bool, width: int, softmax: Softmax):
        super().__init__()
        self.attention = Attention(states, width, softmax)
        self.user = Guide(user_width, width) if user else None
        self.other = Guide(states, width) if other else None

    def forward(self, items: Items, u: Tensor | None, other: Items | None) -> Float[Tensor, "b m"]:
        guides = []
        if self.user is not None:
            guides.append(self.user(u))  # [b, d]
        if self.other is not None:
            mean = other.pool(other.equal())  # [b, k] (8, 12)
            guides.append(self.other(mean, other.present))  # [b, d]
        return self.attention(items, *guides)  # [b, m] (9, 10; 13, 14)


class InterAttention(nn.Module):
    """Equations 16-19: how much of the picture and how much of the words, for this user."""

    def __init__(self, states: int, user_width: int, user: bool, width: int):
        super().__init__()
        self.picture, self.text = Guide(states, width), Guide(states, width)
        self.user = Guide(user_width, width) if user else None
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, v: Tensor, h: Tensor, u: Tensor | None, present: Tensor) -> Float[Tensor, "b 2"]:
        x = torch.stack([self.picture(v), self.text(h)], dim=1)  # [b, 2, q]
        if self.user is not None:
            x = x * self.user(u).unsqueeze(1)  # [b, 2, q]
        return masked_softmax(self.score(x).squeeze(-1), present)  # [b, 2] (16-19)


def _attend(
    attention: IntraAttention | None, items: Items | None, u: Tensor | None, other: Items | None
) -> Float[Tensor, "b m"] | None:
    if items is None:
        return None
    return items.equal() if attention is None else attention(items, u, other)


def _present(items: Items | None, other: Items | None) -> Bool[Tensor, " b"]:
    return torch.zeros_like(other.present) if items is None else items.present


def _share(present: Bool[Tensor, "b 2"], items: Items) -> Float[Tensor, "b 2"]:
    """The same weight for picture and words, all for the one where the other is absent."""
    share = present.to(items.x.dtype)  # [b, 2]
    return share / share.sum(-1, keepdim=True).clamp_min(1)


class UHAN(WordsRegions):
    """User-guided hierarchical attention network over regions, words and users."""

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        user: bool = True,
        shortcut: bool = True,
        intra: bool = True,
        inter: bool = True,
        image: bool = True,
        text: bool = True,
        hidden: Width = 512,
        head: Widths = (512,),
        region_layer: RegionLayer = "none",
        softmax: Softmax = "masked",
        penalty: NotNegative = 0.0,
        first_weights: FirstWeights = "pytorch",
        standardize: bool = True,
        training: Training = TRAINING,
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network over `features`; without what is false: the ablations of Tables 2 to 4.

        Args:
            features: one feature of regions under `regions`, one of word numbers under `words`.
            user: whether there are users, as guides and in the shortcut.
            shortcut: equation 21.
            intra: attention over regions and words; without it, their means.
            inter: attention over picture and words; without it, half and half.
            image: whether there are regions.
            text: whether there are words.
            hidden: numbers of an LSTM state, of vectors of words and users, and of the attention spaces.
            head: hidden widths of equation 22; as released, 1024 and 1024.
            region_layer: dense layer without bias on regions; `linear` where they have another width than
                `hidden`, `tanh` as released.
            softmax: padding hidden before the softmax, or, as released, taken out after it.
            penalty: L2 on word vectors and the head's biases; as released, 0.0001.
            first_weights: PyTorch's, or drawn as Keras 2.0.4 does, which UHAN was released with.
            standardize: learn the target standardized; false is the paper's, and what `penalty` was for.
            training: how the network learns, and when it stops.
            seed: of weights and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        if not (image or text):
            raise UserError("image, text: at least one of them must be true")
        self._network = {
            "states": hidden, "embedding": hidden, "user_width": hidden, "intra_width": hidden, "inter_width": hidden,
            "head": head, "shortcut": shortcut, "intra": intra, "inter": inter,
            "region_layer": region_layer, "softmax": softmax,
        }  # fmt: skip
        super().__init__(
            features, image=image, text=text, user=user, penalty=penalty, first_weights=first_weights,
            standardize=standardize, training=training, seed=seed, device=device, checkpoint=checkpoint, label="uhan",
        )  # fmt: skip

    def make(self, sizes: Sizes) -> UHANNetwork:
        return UHANNetwork(**sizes, **self._network)
