"""One-dimensional convolutions over the picture's principal components, then XGBoost's prediction and an MLP.

Castagnino Rossi and Shlamovitz, Social Media Popularity Prediction, section IV-D: the picture's CLIP vector
and high-level features are reduced by PCA to 20 dimensions, which go through 1-D convolutions with batch
normalisation after each and ReLU everywhere; the benchmark's prediction is concatenated to what comes out and
an MLP follows; dropout of 75%, Adam with learning rate 0.0001 and weight decay, 20 epochs, batches of 32.
Ours, for the paper gives none of it: number, channels and kernel of the convolutions (stride 1, same padding,
no pooling), widths of the MLP (no batch normalisation there), dropout after its hidden layers, the weight
decay; columns standardised before PCA; everything else as in `xgb_mlp`.

Shapes: b posts, p components, c channels, a widths of hidden layers.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.base import Composed
from models.parts.boosting import Trees
from models.parts.loop import Training
from models.parts.stacking import How, Stacked
from pipeline.base.ranges import Count, Dropout, Odd, Several, Widths


class Conv1dMLP(nn.Module):
    """The network: components -> convolutions ⧺ base prediction -> dense layers -> number."""

    def __init__(
        self, base: int, picture: int, *, channels: Sequence[int], kernel: int, hidden: Sequence[int], dropout: float
    ):
        """Of `base` and `picture` numbers, with `channels` a convolution and `hidden` widths."""
        super().__init__()
        convolutions: list[nn.Module] = []
        for before, after in zip([1, *channels], channels, strict=False):
            convolution = nn.Conv1d(before, after, kernel, padding="same")
            convolutions += [convolution, nn.BatchNorm1d(after), nn.ReLU()]
        self.convolutions = nn.Sequential(*convolutions)
        widths = [[1, *channels][-1] * picture + base, *hidden]
        dense: list[nn.Module] = []
        for before, after in zip(widths, hidden, strict=False):
            dense += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.dense = nn.Sequential(*dense, nn.Linear(widths[-1], 1))

    def forward(self, base: Float[Tensor, "b 1"], picture: Float[Tensor, "b p"]) -> Float[Tensor, " b"]:
        x = self.convolutions(picture.unsqueeze(1))  # [b, 1, p] -> [b, c, p]
        x = torch.cat([x.flatten(1), base], dim=1)  # [b, c p + 1]
        return self.dense(x).squeeze(1)  # [b]


class XGBConv1d(Composed):
    """Stack of XGBoost and a one-dimensional convolutional network."""

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        stack: How = "out_of_fold",
        folds: Several = 5,
        components: Count = 20,
        channels: Widths = (16, 32),
        kernel: Odd = 3,
        hidden: Widths = (64,),
        dropout: Dropout = 0.75,
        training: Training = Training(learning_rate=1e-4, weight_decay=1e-4, epochs=20),
        trees: Trees = Trees(),
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
        scheduler: str | None = None,
    ):
        """Network over `features`.

        Args:
            features: names by role: `base` for XGBoost, `head` for the network beside its prediction.
            stack: predictions on training rows from boosters that did not see them, or did (`in_sample`).
            folds: parts for the former.
            components: dimensions PCA keeps of the picture's numbers.
            channels: of each convolution.
            kernel: width of each convolution, odd.
            hidden: widths of the dense layers before the output.
            dropout: share of neurons left out in each of those.
            training: how the network learns.
            trees: how XGBoost, the base, grows its own.
            seed: of weights, rows, dropout, folds and XGBoost.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
            scheduler: of the Dask cluster that XGBoost grows trees on; None grows them here.
        """
        self.features = features
        self._model = Stacked(
            lambda base, picture: Conv1dMLP(
                base, picture, channels=channels, kernel=kernel, hidden=hidden, dropout=dropout
            ),
            features=features,
            trees=trees,
            stack=stack,
            folds=folds,
            components=components,
            seed=seed,
            device=device,
            training=training,
            checkpoint=checkpoint,
            scheduler=scheduler,
            label="xgb_conv1d",
        )
