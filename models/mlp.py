"""MLP, a perceptron over all that is known of a post side by side: a rival of DSN.

Ding, Wang and Wang, Social Media Popularity Prediction: A Multiple Feature Fusion Approach with Deep Neural Networks
(ACM Multimedia 2019): a ResNet's vector of the picture, its aesthetics score (NIMA) and its intrinsic popularity score
(IIPA), BERT's vector of the text and the user go into it together. No code of it is known; ours are the widths of its
layers, its dropout, and that inputs are standardised with what the training part has, gaps as the training mean. Scores
are features like any other: of a picture's vector without the authors' networks, a linear layer would have nothing
that the first one here has not.

Shapes: b posts, d numbers a post.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from models.base import Composed
from models.dsn import TRAINING
from models.parts.dense import dense
from models.parts.loop import Training
from models.parts.projection import Projection
from models.parts.regressor import Regressor
from pipeline.base.errors import UserError
from pipeline.base.ranges import Dropout, Widths
from pipeline.storage.examples import Examples

SCALE = "inputs.safetensors"


class MLPNetwork(nn.Module):
    """Dense layers with ReLU, then one number."""

    def __init__(self, inputs: int, hidden: Sequence[int], dropout: float):
        """Of `inputs` numbers a post; `dropout` is the share of neurons left out in each hidden layer."""
        super().__init__()
        self.layers = dense((inputs, *hidden, 1), dropout)

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
        """Predictions."""
        return self.layers(x).squeeze(-1)


class MLP(Composed):
    """Multilayer perceptron over features side by side."""

    def __init__(
        self,
        *,
        features: list[str],
        hidden: Widths = (512, 128),
        dropout: Dropout = 0.25,
        standardize: bool = True,
        training: Training = TRAINING,
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network of `hidden` layers over `features`.

        Args:
            features: names of features: picture, scores, text, user.
            hidden: widths of the hidden layers.
            dropout: share of neurons left out in each of them.
            standardize: learn the target standardised, or as it is.
            training: how the network learns; as DSN does, by default.
            seed: of weights and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        if not features:
            raise UserError("features: a perceptron needs at least one feature")
        self.features, self._scale = features, Projection()
        self._model = Regressor(
            lambda x: MLPNetwork(x, hidden, dropout),
            training=training, seed=seed, device=device, standardize=standardize, checkpoint=checkpoint, label="mlp",
        )  # fmt: skip

    def fit(self, train: Examples, validation: Examples) -> None:
        self._model.check(validation)
        x = self._scale.fit(train.matrix(self.features))  # [n, d]
        self._model.fit({"x": x}, train.y, self._arrays(validation), validation.y)

    def _arrays(self, posts: Examples) -> dict[str, np.ndarray]:
        return {"x": self._scale.apply(posts.matrix(self.features))}

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self._arrays(posts))

    def save(self, folder: Path) -> None:
        self._scale.save(folder / SCALE)
        super().save(folder)

    def load(self, folder: Path) -> None:
        self._scale.load(folder / SCALE)
        super().load(folder)
