"""TTC-VLT: title with picture, tags with picture, each in a transformer, and a contrast between both readings.

Chen, Huang, Yuan, Chen, Hu, Zhang and Zhang, Title-and-Tag Contrastive Vision-and-Language Transformer for Social Media
Popularity Prediction (ACM Multimedia 2022), a rival of DSN of which no code is known: two streams of ViLT, a lower
bound of the mutual information of title and tags in the loss, the user beside both. Ours, in place of ViLT: in each
stream a transformer of two layers over the tokens that frozen encoders give, such as regions of a picture and the words
of a text; a checkpoint of ViLT is not read. Ours as well: L = MSE + 0.1 L_c, L_c InfoNCE in both directions at
temperature 0.07, in training alone, over the posts of a batch that have both texts; a perceptron of two layers over
[z_title; z_tags; user], the user a learned vector beside numbers.

Shapes: b posts, w and r tokens of a text and a picture, d the width of hidden layers, m numbers of a user.
"""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from models.base import Composed
from models.parts.batches import Arrays, Batch, inputs
from models.parts.dense import dense
from models.parts.fusion import Fusion, Shape, info_nce
from models.parts.lookup import Known, Lookup
from models.parts.loop import Training
from models.parts.regressor import Regressor
from models.parts.roles import one_each
from models.parts.training import squared_error
from models.parts.words_regions import known_words, vocabulary
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Dropout, NotNegative, Positive, Width
from pipeline.storage import store
from pipeline.storage.examples import Examples, FeatureValues

TEXTS = ("title", "tags")
TOKENS = (*TEXTS, "image")
TRAINING = Training(learning_rate=1e-4, weight_decay=1e-4, epochs=10, batch_size=128)
"""Ours."""


class Streams(NamedTuple):
    """Predictions, what each stream made of a post, and whether the post has both texts."""

    prediction: Float[Tensor, " b"]
    title: Float[Tensor, "b d"]
    tags: Float[Tensor, "b d"]
    both: Bool[Tensor, " b"]


class TTCVLTNetwork(nn.Module):
    """Two streams, a text and the picture each, and one perceptron over them and the user."""

    def __init__(
        self,
        *,
        title: Shape,
        tags: Shape,
        image: Shape,
        users: int,
        numbers: int,
        hidden: int,
        layers: int,
        heads: int,
        dropout: float,
    ):
        """Of `users` rows of their table and `numbers` of a user."""
        super().__init__()
        options = {"width": hidden, "layers": layers, "heads": heads, "dropout": dropout}
        self.title, self.tags = (Fusion(text, image, **options) for text in (title, tags))
        self.users = Lookup(users, hidden)
        self.head = dense((3 * hidden + numbers, hidden, 1), dropout)

    def forward(
        self,
        title: Shaped[Tensor, "b ..."],
        tags: Shaped[Tensor, "b ..."],
        image: Shaped[Tensor, "b ..."],
        users: Int[Tensor, " b"],
        numbers: Float[Tensor, "b m"],
        *,
        streams: bool = False,
    ) -> Float[Tensor, " b"] | Streams:
        """Predictions, and what led to them where `streams` are asked for."""
        (z_title, titled), (z_tags, tagged) = self.title(title, image), self.tags(tags, image)  # [b, d], [b]
        # Users' numbers are standardised, so that what is missing is as everybody's mean.
        z = torch.cat([z_title, z_tags, self.users(users), numbers.nan_to_num()], dim=-1)  # [b, 3d + m]
        prediction = self.head(z).squeeze(-1)  # [b]
        return Streams(prediction, z_title, z_tags, titled & tagged) if streams else prediction


class Contrasted:
    """Squared error; in training, with `strength` times the contrast of title and tags."""

    def __init__(self, strength: float, temperature: float):
        self.strength, self.temperature = strength, temperature
        self.compares_rows = strength > 0  # which no process sees part of
        self.__qualname__ = f"Contrasted({strength}, {temperature})"  # names the loss in checkpoints

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        if not (self.strength and network.training):
            return squared_error(network, batch)
        made = network(**inputs(batch), streams=True)
        loss = nn.functional.mse_loss(made.prediction, batch["y"])
        if not made.both.any():
            return loss
        return loss + self.strength * info_nce(made.title[made.both], made.tags[made.both], self.temperature)


class TTCVLT(Composed):
    """Transformers over title and picture and over tags and picture, whose readings of a post should be alike."""

    columns = ("user_id",)

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        hidden: Width = 256,
        layers: Count = 2,
        heads: Count = 4,
        contrast: NotNegative = 0.1,
        temperature: Positive = 0.07,
        dropout: Dropout = 0.1,
        standardize: bool = True,
        training: Training = TRAINING,
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network over `features` and users.

        Args:
            features: under `title`, `tags` and `image` one of tokens each, numbers of words (`words` with `columns:
                [title]`) or vectors (`timm_regions`), or one vector a post; numbers of who posts and when under
                `user`, standardised, or none.
            hidden: numbers of a token, of hidden layers and of users' vectors.
            layers: of each transformer.
            heads: of its attention; they share `hidden`.
            contrast: lambda, the share of the contrast of title and tags in the loss.
            temperature: tau, what cosines are divided by.
            dropout: share of neurons left out in hidden layers.
            standardize: learn the target standardised, or as it is.
            training: how the network learns, and when it stops.
            seed: of weights and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        self.features = one_each(features, needed=TOKENS, optional=["user"])
        self._network = {"hidden": hidden, "layers": layers, "heads": heads, "dropout": dropout}
        if hidden % heads:
            raise UserError(f"heads: {heads} do not share hidden: {hidden} evenly")
        self._model = Regressor(
            self._begin, loss=Contrasted(contrast, temperature), predict_batch=training.batch_size,
            training=training, seed=seed, device=device, standardize=standardize, checkpoint=checkpoint,
            label="ttc_vlt",
        )  # fmt: skip

    def _begin(self, *, numbers: int, **_: int) -> nn.Module:
        return TTCVLTNetwork(**self._shapes, users=len(self._known), numbers=numbers, **self._network)

    def fit(self, train: Examples, validation: Examples) -> None:
        self._known = Known.of(train.posts["user_id"])
        self._shapes = {role: _shape(role, self.features[role][0], train) for role in TOKENS}
        self._model.fit(self._arrays(train), train.y, self._arrays(validation), validation.y)

    def _arrays(self, posts: Examples) -> Arrays:
        tokens = {role: _tokens(posts.features[self.features[role][0]], shape) for role, shape in self._shapes.items()}
        users = self._known.numbers(posts.posts["user_id"])
        return {**tokens, "users": users, "numbers": posts.matrix(self.features.get("user", ()))}

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self._arrays(posts))

    def save(self, folder: Path) -> None:
        shapes = {role: asdict(shape) for role, shape in self._shapes.items()}
        store.write_json(folder / "inputs.json", {"shapes": shapes, "users": self._known.values})
        super().save(folder)

    def load(self, folder: Path) -> None:
        learned = store.read_json(folder / "inputs.json")
        self._shapes = {role: Shape(**shape) for role, shape in learned["shapes"].items()}
        self._known = Known(learned["users"])
        super().load(folder)


def _shape(role: str, name: str, train: Examples) -> Shape:
    """What a feature's tokens are. Raises `UserError` where it has none."""
    values = train.features[name]
    places, words = values.shape[1:], values.dtype.kind in "iu"
    if len(places) > (1 if words else 2) or not values.width:
        raise UserError(f"features.{role}: {name} has neither words nor vectors; use words or timm_regions")
    if words:
        return Shape(places[0], words=vocabulary(values))
    return Shape(places[0] if len(places) == 2 else 1, numbers=places[-1])


def _tokens(values: FeatureValues, shape: Shape) -> np.ndarray | FeatureValues:
    return known_words(values, shape.words) if shape.words else values
