"""The hybrid CNN of Zhang, Jatowt and Kawai, Picture or Words, section 3: raw pixels joined with the context.

Shapes: b posts a batch, s pixels a side, c context values, h units.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.base import Composed
from models.parts.loop import Training
from models.parts.regressor import Regressor
from pipeline.base.errors import UserError
from pipeline.base.ranges import Pair
from pipeline.storage.examples import Examples, FeatureValues


class HybridNetwork(nn.Module):
    """Section 3.2: two convolutions with pooling, then two dense layers that see the context as well.

    1,698,456 parameters at the paper's sizes with `head="sum"`.
    """

    def __init__(self, *, size: int, context: int, channels: Sequence[int], hidden: Sequence[int], head: str):
        super().__init__()
        if size < 4:
            raise UserError(f"features.image: {size} pixels a side are too few to be halved twice; give 4 or more")
        first, second = channels
        self.convolution = nn.Sequential(
            nn.Conv2d(3, first, kernel_size=5, padding="same"), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Conv2d(first, second, kernel_size=5, padding="same"), nn.ReLU(), nn.MaxPool2d(2, 2),
        )  # fmt: skip
        flat = second * (size // 4) ** 2
        self.dense = nn.Sequential(
            nn.Linear(flat + context, hidden[0]), nn.ReLU(), nn.Linear(hidden[0], hidden[1]), nn.ReLU()
        )
        self.output = nn.Linear(hidden[1], 1) if head == "linear" else None

    def forward(self, pixels: Tensor, context: Float[Tensor, "b c"]) -> Float[Tensor, " b"]:
        """Predictions of a batch; `pixels` uint8 or float [b, s, s, 3] in 0..255."""
        x = pixels.permute(0, 3, 1, 2).to(context.dtype) / 255  # [b, 3, s, s]
        x = self.convolution(x.contiguous(memory_format=torch.channels_last))  # [b, 64, s/4, s/4]
        x = torch.cat([x.flatten(1), context], dim=1)  # [b, 64 * s/4 * s/4 + c]
        x = self.dense(x)  # [b, h]
        return x.sum(dim=1) if self.output is None else self.output(x).squeeze(1)  # [b]


class HybridCNN(Composed):
    """Hybrid CNN on raw pixels and context (followers, elapsed hours).

    Of the paper: sizes, Adam at 1e-3, 1,000 epochs, squared error, no regularisation, no early stopping.
    Ours: pixels divided by 255, missing context read as zero, PyTorch's default initialisation.
    """

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        channels: Pair = (32, 64),
        hidden: Pair = (100, 60),
        head: Literal["sum", "linear"] = "sum",
        standardize: bool = False,
        training: Training = Training(epochs=1000),
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network of the paper's sizes on `features`.

        Args:
            features: one feature of pixels [s, s, 3] under `image`, tabular ones under `context`.
            channels: kernels of the two convolutions.
            hidden: units of the two dense layers.
            head: the prediction is the plain sum of the last layer's units, or a linear layer on them.
            standardize: learn the target scaled by training mean and deviation (ours; the paper learns it as it
                is). A plain sum of ReLU units is never negative, so this goes with `head: linear`.
            training: how the network learns; the paper's epochs, while it says nothing of the size of batches.
            seed: of weights and order.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        self.features = features
        if set(features) != {"image", "context"} or len(features["image"]) != 1 or not features["context"]:
            raise UserError("features: expected 'image' with one feature of pixels, and 'context' with at least one")
        if standardize and head == "sum":
            raise UserError("standardize: a sum of ReLU units cannot be negative; set head: linear with it")
        self._model = Regressor(
            lambda pixels, context: HybridNetwork(
                size=math.isqrt(pixels // 3), context=context, channels=channels, hidden=hidden, head=head
            ),
            seed=seed,
            device=device,
            standardize=standardize,
            training=training,
            checkpoint=checkpoint,
            label="hybrid_cnn",
        )

    def _arrays(self, posts: Examples) -> dict[str, np.ndarray | FeatureValues]:
        pixels = posts.features[self.features["image"][0]]  # [n, s, s, 3]
        if pixels.dtype.kind == "f":  # bytes have no gaps: a post without a picture is black
            pixels = np.nan_to_num(pixels.values)
        return {"pixels": pixels, "context": np.nan_to_num(posts.matrix(self.features["context"]))}

    def fit(self, train: Examples, validation: Examples) -> None:
        self._model.fit(self._arrays(train), train.y, self._arrays(validation), validation.y)

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self._arrays(posts))
