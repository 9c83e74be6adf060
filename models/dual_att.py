"""Dual attention guided by the user: regions and words attended apart, joined in one step.

The baseline DualAtt of Zhang et al., UHAN, 4.1.3, after Nam, Ha and Kim, Dual Attention Networks for
Multimodal Reasoning and Matching, CVPR 2017; equations by UHAN's numbers, without the other modality as a
guide. Ours: how they are joined (the user's vector plus the product of what was attended), and that a
modality a post lacks is no factor of that product.

Shapes: b posts, r regions, v numbers a region, w words, k a state, region or user, d the attention space.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.parts.attention import Attention, Guide, Head, RegionLayer, Regions, Softmax, Words
from models.parts.first_weights import FirstWeights
from models.parts.lookup import Lookup
from models.parts.loop import Training
from models.parts.words_regions import TRAINING, Sizes, WordsRegions
from pipeline.base.ranges import NotNegative, Width, Widths


class Attended(NamedTuple):
    """A prediction and what it looked at."""

    prediction: Float[Tensor, " b"]
    visual: Float[Tensor, "b r"]
    textual: Float[Tensor, "b w"]


class DualAttNetwork(nn.Module):
    """Two attentions guided by the user, a sum and a dense network."""

    def __init__(
        self,
        *,
        regions: int,
        words: int,
        users: int,
        states: int,
        embedding: int,
        width: int,
        head: Sequence[int],
        region_layer: RegionLayer = "none",
        softmax: Softmax = "masked",
    ):
        """Of `regions` numbers a region, `words` and `users` rows; attention in a space of `width`."""
        super().__init__()
        self.regions = Regions(regions, states, region_layer)
        self.words = Words(words, embedding, states)
        self.users = Lookup(users, states)
        self.visual, self.textual = (Attention(states, width, softmax) for _ in range(2))
        self.visual_user, self.textual_user = (Guide(states, width) for _ in range(2))
        self.head = Head(states, head)

    def forward(self, **inputs: Tensor) -> Float[Tensor, " b"]:
        """Predictions; the arguments are those of `look`."""
        return self.look(**inputs).prediction

    def look(self, regions: Float[Tensor, "b r v"], words: Int[Tensor, "b w"], users: Int[Tensor, " b"]) -> Attended:
        """Predictions and where the attention lay."""
        t = self.words(words)  # [b, w, k] (1-6)
        v = self.regions(regions)  # [b, r, k]
        u = self.users(users)  # [b, k] (7)
        visual = self.visual(v, self.visual_user(u))  # [b, r] (9, 10)
        textual = self.textual(t, self.textual_user(u))  # [b, w] (13, 14)
        v_dot, h_dot = v.pool(visual), t.pool(textual)  # [b, k] (11, 15)
        both = (v.present & t.present).unsqueeze(-1)  # [b, 1]
        s = u + torch.where(both, v_dot * h_dot, v_dot + h_dot)  # [b, k], what is absent is zero
        return Attended(self.head(s), visual, textual)  # (22)


class DualAtt(WordsRegions):
    """Dual attention network over regions, words and users."""

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
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
        """Network over `features`.

        Args:
            features: one feature of regions under `regions`, one of word numbers under `words`.
            hidden: numbers of an LSTM state, of vectors of words and users, and of the attention space.
            head: hidden widths of the dense network.
            region_layer: dense layer without bias on regions, `linear` or `tanh`, where they have another
                width than `hidden`.
            softmax: padding hidden before the softmax, or taken out after it.
            penalty: L2 on word vectors and the head's biases, as UHAN was released with: 0.0001.
            first_weights: PyTorch's, or drawn as Keras 2.0.4 does, which UHAN was released with.
            standardize: learn the target standardised (ours), or as it is.
            training: how the network learns, and when it stops.
            seed: of weights and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        self._network = {
            "states": hidden, "embedding": hidden, "width": hidden, "head": head,
            "region_layer": region_layer, "softmax": softmax,
        }  # fmt: skip
        super().__init__(
            features, image=True, text=True, user=True, penalty=penalty, first_weights=first_weights,
            standardize=standardize, training=training, seed=seed, device=device, checkpoint=checkpoint,
            label="dual_att",
        )  # fmt: skip

    def make(self, sizes: Sizes) -> DualAttNetwork:
        return DualAttNetwork(**sizes, **self._network)
