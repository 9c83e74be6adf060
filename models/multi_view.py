"""Multi-view: a picture and a text as one vector, the user's averages, and what the user posted before, in order.

Tan, Liu, Li, Zhang and Zhang, An Efficient Multi-View Multimodal Data Processing Framework for Social Media Popularity
Prediction (ACM Multimedia 2022), a rival of DSN of which no code is known. Its fusion encoder is ALBEF; ours is
[v; t; v * t] of the vectors of picture and text, both through a layer to one width where theirs differ. Averages over
the user's last posts are those of `catboost_window`. What the user posted before is the last step of one encoder layer
with attention of linear cost over the joint vectors of at most 32 earlier posts, the post itself not among them. Ours
as well: a perceptron of two layers over it all, beside the user's numbers and learned vector; pictures and texts that
are not known are zeros.

Shapes: b posts, n earlier posts, l = n + 1 with the post itself, v and t numbers of a picture's and a text's vector, m
numbers of a user, c of the vector that both become, d the width of hidden layers.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from models.base import Composed
from models.dsn import TRAINING
from models.parts.averages import BY, Fill, MovingAverage
from models.parts.batches import Arrays, some
from models.parts.dense import dense
from models.parts.linear_attention import Kind, LastStep
from models.parts.lookup import Known, Lookup
from models.parts.loop import Training
from models.parts.regressor import Regressor
from models.parts.roles import one_each
from models.parts.windows import Present, Window
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Dropout, Length, Width
from pipeline.storage import store
from pipeline.storage.examples import Examples

VECTORS = ("image", "text")


class MultiViewNetwork(nn.Module):
    """Joint vector, averages, last step of the encoder and user, one perceptron over them."""

    def __init__(
        self,
        *,
        image: int,
        text: int,
        users: int,
        numbers: int,
        length: int,
        attention: Kind,
        rank: int | None,
        heads: int,
        hidden: int,
        dropout: float,
    ):
        """Of `image` and `text` numbers a vector and `users` rows of their table; `length` is posts before."""
        super().__init__()
        same = image == text
        self.image, self.text = (nn.Identity() if same else nn.Linear(x, hidden) for x in (image, text))
        joint = 3 * (image if same else hidden)
        self.earlier = LastStep(joint, hidden, steps=length, heads=heads, kind=attention, rank=rank, dropout=dropout)
        self.users = Lookup(users, hidden)
        self.head = dense((joint + image + text + 2 * hidden + numbers, hidden, 1), dropout)

    def forward(
        self,
        image: Float[Tensor, "b l v"],
        text: Float[Tensor, "b l t"],
        present: Bool[Tensor, "b l"],
        image_mean: Float[Tensor, "b v"],
        text_mean: Float[Tensor, "b t"],
        users: Int[Tensor, " b"],
        numbers: Float[Tensor, "b m"],
    ) -> Float[Tensor, " b"]:
        """Predictions; the post itself is the last of a window."""
        v, t = self.image(image.nan_to_num()), self.text(text.nan_to_num())  # [b, l, c]
        joint = torch.cat([v, t, v * t], dim=-1)  # [b, l, 3c]
        before = self.earlier(joint[:, :-1], present[:, :-1])  # [b, d]
        # Users' numbers are standardised, so that what is missing is as everybody's mean.
        known = [image_mean.nan_to_num(), text_mean.nan_to_num(), self.users(users), numbers.nan_to_num()]
        return self.head(torch.cat([joint[:, -1], before, *known], dim=-1)).squeeze(-1)


class MultiView(Composed):
    """Picture and text together, averages of the user's last posts, and attention of linear cost over them."""

    columns = (BY,)
    looks_back = True

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        attention: Kind = "performer",
        rank: Count | None = None,
        length: Length = 32,
        image_window: Length = 5,
        text_window: Length = 3,
        fill: Fill = "present",
        hidden: Width = 256,
        heads: Count = 4,
        dropout: Dropout = 0.25,
        standardize: bool = True,
        training: Training = TRAINING,
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network over `features` and users.

        Args:
            features: one vector of the picture under `image`, one of the text under `text`, best of one space as
                CLIP's are, and numbers of who posts and when under `user`, standardised, or none.
            attention: of Linformer or of Performer, or the usual one.
            rank: mixtures of posts that Linformer makes, or Performer's random features; null for a mixture of four
                posts, or d ln d features of heads d wide. The usual one has none.
            length: earlier posts of the user that are read, at most.
            image_window: posts that a picture's average is over, the post itself among them.
            text_window: the same of a text's.
            fill: what a window lacks counts as nothing (present), or, as released elsewhere, as zero.
            hidden: numbers of all hidden layers and learned vectors.
            heads: of the attention; they share `hidden`.
            dropout: share of neurons left out in hidden layers.
            standardize: learn the target standardised, or as it is.
            training: how the network learns; as DSN does, by default.
            seed: of weights, random features and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        self.features = one_each(features, needed=VECTORS, optional=["user"])
        self._length, self._fill = length, fill
        self._windows = {"image": image_window, "text": text_window}
        self._network = {
            "length": length, "attention": attention, "rank": rank, "heads": heads, "hidden": hidden, "dropout": dropout
        }  # fmt: skip
        if hidden % heads:
            raise UserError(f"heads: {heads} do not share hidden: {hidden} evenly")
        self._model = Regressor(
            self._begin,
            training=training, seed=seed, device=device, standardize=standardize, checkpoint=checkpoint,
            label="multi_view",
        )  # fmt: skip

    def _begin(self, *, image_mean: int, text_mean: int, numbers: int, **_: int) -> nn.Module:
        return MultiViewNetwork(
            image=image_mean, text=text_mean, numbers=numbers, users=len(self._known), **self._network
        )

    def fit(self, train: Examples, validation: Examples) -> None:
        self._known = Known.of(train.posts[BY])
        self._model.fit(self._arrays(train), train.y, self._arrays(validation), validation.y)

    def _arrays(self, posts: Examples) -> Arrays:
        earlier, length = posts.earlier(BY), self._length + 1
        arrays: Arrays = {
            "present": Present(earlier, length),
            "users": self._known.numbers(posts.posts[BY]),
            "numbers": posts.matrix(self.features.get("user", ())),
        }
        for role, window in self._windows.items():
            (name,) = self.features[role]
            own, past = some(posts.features[name]), some(posts.past.features[name])
            mean = MovingAverage(own, past, earlier, window, self._fill)
            arrays = {**arrays, role: Window(own, past, earlier, length), f"{role}_mean": mean}
        return arrays

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self._arrays(posts))

    def save(self, folder: Path) -> None:
        store.write_json(folder / "users.json", self._known.values)
        super().save(folder)

    def load(self, folder: Path) -> None:
        self._known = Known(store.read_json(folder / "users.json"))
        super().load(folder)
