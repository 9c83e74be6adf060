"""Deep multi-modal fusion: the mean of the regions beside the LSTM's state, and no user.

The baseline DMF of Zhang et al., UHAN, 4.1.3: "integrate visual representation from VGG and textual
representation from LSTM"; equations by their numbers there. Ours: the LSTM's last state, no dense layer
between the mean of the regions and the head, zeros for a modality a post lacks.

Shapes: b posts, r regions, v numbers a region, w words, k a state or region.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.parts.attention import Head, RegionLayer, Regions, Words
from models.parts.first_weights import FirstWeights
from models.parts.loop import Training
from models.parts.words_regions import TRAINING, Sizes, WordsRegions
from pipeline.base.ranges import NotNegative, Width, Widths

Pooling = Literal["last", "mean"]


class DMFNetwork(nn.Module):
    """Picture and words side by side into a dense network."""

    def __init__(
        self,
        *,
        regions: int,
        words: int,
        states: int,
        embedding: int,
        head: Sequence[int],
        region_layer: RegionLayer = "none",
        region_width: int | None = None,
        pooling: Pooling = "last",
    ):
        """Of `regions` numbers a region, through the region layer to `region_width`; `words` rows."""
        super().__init__()
        width = region_width or regions
        self.regions = Regions(regions, width, region_layer)
        self.words = Words(words, embedding, states)
        self.pooling: Pooling = pooling
        self.head = Head(width + states, head)

    def forward(self, regions: Float[Tensor, "b r v"], words: Int[Tensor, "b w"]) -> Float[Tensor, " b"]:
        v = self.regions(regions)  # [b, r, k]
        t = self.words(words)  # [b, w, k] (1-6)
        v_mean = v.pool(v.equal())  # [b, k] (12)
        h = t.pool(t.equal() if self.pooling == "mean" else t.last())  # [b, k] (8, or the last of 6)
        return self.head(torch.cat([v_mean, h], dim=-1))  # (22)

    def extra_repr(self) -> str:
        return f"pooling={self.pooling}"


class DMF(WordsRegions):
    """Deep multi-modal fusion of regions and words: their mean and their last, so it does not look."""

    looks = False

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        hidden: Width = 512,
        head: Widths = (512,),
        region_layer: RegionLayer = "none",
        pooling: Pooling = "last",
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
            hidden: numbers of an LSTM state and of a word vector, and of a region after a region layer.
            head: hidden widths of the dense network.
            region_layer: none, or a dense layer without bias on regions, `linear` or `tanh`.
            pooling: the LSTM's state after the last word, or the mean of its states.
            penalty: L2 on word vectors and the head's biases, as UHAN was released with: 0.0001.
            first_weights: PyTorch's, or drawn as Keras 2.0.4 does, which UHAN was released with.
            standardize: learn the target standardised (ours), or as it is.
            training: how the network learns, and when it stops.
            seed: of weights and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        self._network = {
            "states": hidden, "embedding": hidden, "head": head, "region_layer": region_layer,
            "region_width": None if region_layer == "none" else hidden, "pooling": pooling,
        }  # fmt: skip
        super().__init__(
            features, image=True, text=True, user=False, penalty=penalty, first_weights=first_weights,
            standardize=standardize, training=training, seed=seed, device=device, checkpoint=checkpoint, label="dmf",
        )  # fmt: skip

    def make(self, sizes: Sizes) -> DMFNetwork:
        return DMFNetwork(regions=sizes["regions"], words=sizes["words"], **self._network)
