"""Att-MLP, a perceptron that weighs picture, text, category and user against each other: a rival of DSN.

Xu, Lin, Zhao, Shi, Deng and Wang, Multimodal Deep Learning for Social Media Popularity Prediction with Attention
Mechanism (ACM Multimedia 2020). No code of it is known, and the paper of `dsn` says one sentence; so all of it is ours:
(1) h_m = ReLU(W_m x_m), (2) e_m = w . tanh(W h_m + b), (3) a = softmax(e), (4) a dense layer of as many units and a
number over [a_1 h_1; a_2 h_2; ...]. A category is the learned vectors of its levels side by side, a user the learned
vector of the user beside the user's numbers. A post that lacks a modality gives it no weight; it lacks a category of
which training has seen no level, and a user that training has not seen and of whom no number is known.

Shapes: n posts, b posts a batch, v and t numbers of a picture's and a text's vector, c levels of categories, m numbers
of a user, k modalities, d the width of hidden layers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from models.base import Composed
from models.dsn import LEVELS, TRAINING
from models.parts import categories
from models.parts.attention import masked_softmax
from models.parts.batches import Arrays, Stored, some
from models.parts.dense import dense
from models.parts.inside import look_inside
from models.parts.lookup import UNSEEN, Known, Lookup, numbered
from models.parts.loop import Training
from models.parts.regressor import Regressor
from models.parts.roles import one_each
from pipeline.base.errors import UserError
from pipeline.base.ranges import Dropout, Width
from pipeline.storage import store
from pipeline.storage.examples import Examples

VECTORS = ("image", "text")


class Weighed(NamedTuple):
    """A prediction, and how much of it each modality decided."""

    prediction: Float[Tensor, " b"]
    modality: Float[Tensor, "b k"]


class AttMLPNetwork(nn.Module):
    """Equations 1-4, over the modalities that have a size."""

    def __init__(
        self,
        *,
        image: int | None,
        text: int | None,
        levels: Sequence[int],
        users: int,
        numbers: int,
        hidden: int,
        dropout: float,
    ):
        """Of `image` and `text` numbers a vector, None without; `levels` and `users` are rows of their tables."""
        super().__init__()
        self.category = categories.embed("concatenation", levels, hidden, 0.0) if levels else None
        self.users = Lookup(users, hidden)
        widths = {"image": image, "text": text, "category": self.category and self.category.width}
        widths |= {"user": hidden + numbers}
        self.layers = nn.ModuleDict({m: nn.Linear(width, hidden, bias=False) for m, width in widths.items() if width})
        self.score = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False))
        self.head = dense((len(self.layers) * hidden, hidden, 1), dropout)

    def forward(self, **inputs: Tensor) -> Float[Tensor, " b"]:
        """Predictions; the arguments are those of `look`."""
        return self.look(**inputs).prediction

    def look(
        self,
        users: Int[Tensor, " b"],
        numbers: Float[Tensor, "b m"],
        image: Float[Tensor, "b v"] | None = None,
        text: Float[Tensor, "b t"] | None = None,
        category: Int[Tensor, "b c"] | None = None,
    ) -> Weighed:
        """Predictions, and the weights of the modalities."""
        user = torch.cat([self.users(users), numbers.nan_to_num()], dim=-1)  # [b, d + m]
        given = {"user": (user, (users != UNSEEN) | _known(numbers))}
        if self.category is not None:
            vectors = self.category(category.unsqueeze(1)).squeeze(1)  # [b, c * d]
            given["category"] = vectors, (category != UNSEEN).any(-1)
        given |= {m: (x.nan_to_num(), _known(x)) for m, x in {"image": image, "text": text}.items() if x is not None}
        h = torch.stack([torch.relu(layer(given[m][0])) for m, layer in self.layers.items()], dim=1)  # [b, k, d] (1)
        there = torch.stack([given[m][1] for m in self.layers], dim=1)  # [b, k]
        a = masked_softmax(self.score(h).squeeze(-1), there)  # [b, k] (2, 3)
        z = (a.unsqueeze(-1) * h).flatten(1)  # [b, k * d]
        return Weighed(self.head(z).squeeze(-1), a)  # (4)


def _known(x: Float[Tensor, "b x"]) -> Bool[Tensor, " b"]:
    return x.isfinite().any(-1)


class AttMLP(Composed):
    """Perceptron with attention over modalities; it tells how much each of them decided."""

    looks = True

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        levels: Sequence[str] = LEVELS,
        hidden: Width = 256,
        dropout: Dropout = 0.25,
        standardize: bool = True,
        training: Training = TRAINING,
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network over `features`, categories and users.

        Args:
            features: one vector of the picture under `image`, one of the text under `text`, and numbers of who posts
                and when under `user`, standardised; what is left out is no modality, or a user without numbers.
            levels: columns of categories, from coarse to fine; none goes without the modality.
            hidden: numbers of all hidden layers and learned vectors.
            dropout: share of neurons left out in the last hidden layer.
            standardize: learn the target standardised, or as it is.
            training: how the network learns; as DSN does, by default.
            seed: of weights and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        self.features = one_each(features, needed=(), optional=(*VECTORS, "user"))
        if len({*levels}) < len(levels):
            raise UserError(f"levels: {list(levels)} must name columns, each once")
        self._levels, self.columns = tuple(levels), ("user_id", *levels)
        vectors = [role for role in VECTORS if role in self.features]
        self.modalities = (*vectors, *(["category"] if levels else []), "user")
        self._network = {"hidden": hidden, "dropout": dropout}
        self._model = Regressor(
            self._begin,
            training=training, seed=seed, device=device, standardize=standardize, checkpoint=checkpoint,
            label="att_mlp",
        )  # fmt: skip

    def _begin(self, *, numbers: int, image: int | None = None, text: int | None = None, **_: int) -> nn.Module:
        sizes = {"levels": [len(self._known[level]) for level in self._levels], "users": len(self._known["user_id"])}
        return AttMLPNetwork(image=image, text=text, numbers=numbers, **sizes, **self._network)

    def fit(self, train: Examples, validation: Examples) -> None:
        self._known = {column: Known.of(train.posts[column]) for column in self.columns}
        self._model.fit(self._arrays(train), train.y, self._arrays(validation), validation.y)
        mean = self.attention(train)["modality"].mean(axis=0, dtype=np.float64)  # [k]
        self._weights = {f"weight_{name}": float(a) for name, a in zip(self.modalities, mean, strict=True)}

    def _arrays(self, posts: Examples) -> Arrays:
        arrays: dict[str, np.ndarray | Stored] = {
            "users": self._known["user_id"].numbers(posts.posts["user_id"]),
            "numbers": posts.matrix(self.features.get("user", ())),
        }
        for role in VECTORS:
            if role in self.features:
                arrays[role] = some(posts.features[self.features[role][0]])
        if self._levels:
            arrays["category"] = numbered(posts.posts, {level: self._known[level] for level in self._levels})
        return arrays

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self._arrays(posts))

    def attention(self, posts: Examples) -> dict[str, np.ndarray]:
        """How much of each prediction each of the `modalities` decided: `modality` [n, k]."""
        return look_inside(self._model, self._arrays(posts))

    def report(self) -> dict[str, float]:
        """Of the network, and the mean weight of each modality over the training posts, `weight_<modality>`."""
        return {**super().report(), **self._weights}

    def save(self, folder: Path) -> None:
        known = {column: of.values for column, of in self._known.items()}
        store.write_json(folder / "inputs.json", {"known": known, "weights": self._weights})
        super().save(folder)

    def load(self, folder: Path) -> None:
        learned = store.read_json(folder / "inputs.json")
        self._known = {column: Known(values) for column, values in learned["known"].items()}
        self._weights = learned["weights"]
        super().load(folder)
