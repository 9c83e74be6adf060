"""XGBoost's prediction beside the picture's numbers, in a multilayer perceptron.

Castagnino Rossi and Shlamovitz, Social Media Popularity Prediction, section IV-C: the benchmark's prediction
is concatenated with the picture's CLIP vector and its high-level features; dense 128, batch normalisation,
ReLU; dense 64, likewise; one output; dropout of half the neurons in the first two layers; Adam with learning
rate 0.0005, 30 epochs, batches of 32.
Ours: dropout after ReLU; base prediction and picture standardised, gaps as the training mean
(`models.parts.stacking`), as is the target (`models.parts.regressor`); predictions of training rows
out of fold (`stack`).

Shapes: b posts, d numbers a picture, a widths of hidden layers.
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
from pipeline.base.ranges import Dropout, Several, Widths


class MLP(nn.Module):
    """The network: base prediction ⧺ picture -> number."""

    def __init__(self, base: int, picture: int, *, hidden: Sequence[int], dropout: float):
        """Of `base` and `picture` numbers; `dropout` is the share of neurons left out in each hidden layer."""
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in zip([base + picture, *hidden], hidden, strict=False):
            layers += [nn.Linear(before, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear([base + picture, *hidden][-1], 1)

    def forward(self, base: Float[Tensor, "b 1"], picture: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
        x = torch.cat([base, picture], dim=1)  # [b, 1 + d]
        x = self.hidden(x)  # [b, a]
        return self.output(x).squeeze(1)  # [b]


class XGBMLP(Composed):
    """Stack of XGBoost and a multilayer perceptron."""

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        stack: How = "out_of_fold",
        folds: Several = 5,
        hidden: Widths = (128, 64),
        dropout: Dropout = 0.5,
        training: Training = Training(learning_rate=5e-4, epochs=30),
        trees: Trees = Trees(),
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
        scheduler: str | None = None,
    ):
        """Network of `hidden` layers over `features`.

        Args:
            features: names by role: `base` for XGBoost, `head` for the network beside its prediction.
            stack: predictions on training rows from boosters that did not see them, or did (`in_sample`).
            folds: parts for the former.
            hidden: widths of the hidden layers.
            dropout: share of neurons left out in each hidden layer.
            training: how the network learns.
            trees: how XGBoost, the base, grows its own.
            seed: of weights, rows, dropout, folds and XGBoost.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
            scheduler: of the Dask cluster that XGBoost grows trees on; None grows them here.
        """
        self.features = features
        self._model = Stacked(
            lambda base, picture: MLP(base, picture, hidden=hidden, dropout=dropout),
            features=features,
            trees=trees,
            stack=stack,
            folds=folds,
            seed=seed,
            device=device,
            training=training,
            checkpoint=checkpoint,
            scheduler=scheduler,
            label="xgb_mlp",
        )
