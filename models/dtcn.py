"""DTCN, the deep temporal context network: a post beside its user's posts of the hours and of the days before it.

Wu, Cheng, Zhang, Huang, Li and Mei, Sequential Prediction of Social Media Popularity with Deep Temporal Context
Networks; `models/parts/time_blocks.py` says which posts the two contexts are. As released: the layers and their
widths, how time weights the steps, RMSprop with step 1e-4 (its other constants are PyTorch's, not Keras's), patience.
Ours, for the released code reads one context at a time and the paper's attention over scales was not at hand: an LSTM a
context and the attention between both; the space in which it compares; batches of 128; users and pictures that are not
known are zeros.

Shapes: b posts, s contexts, l steps of each, the post itself last, o = s (l - 1) + 1 posts to look at, v numbers of a
picture, m of a user, p and q widths of dense layers, k of an LSTM, a the space of attention, c numbers of a time.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.base import Composed
from models.parts.batches import Arrays, some
from models.parts.inside import look_inside
from models.parts.loop import Training
from models.parts.regressor import Regressor
from models.parts.roles import one_each
from models.parts.sequences import Recurrent
from models.parts.time_blocks import Chosen, Context, choose, steps_in_time
from models.parts.windows import Window
from pipeline.base.errors import UserError
from pipeline.base.ranges import Dropout, Length, Pair, Positive, Width
from pipeline.storage import store
from pipeline.storage.examples import Examples

CONTEXTS: tuple[Context, ...] = ("neighbouring", "periodic")
ROLES = ("user", "image")
TIME_NUMBERS = 3
TRAINING = Training(optimizer="rmsprop", learning_rate=1e-4, epochs=1000, patience=100, batch_size=128)
"""As released, but for the batch."""


class Looked(NamedTuple):
    """A prediction, and how much of it each context gave."""

    prediction: Float[Tensor, " b"]
    contexts: Float[Tensor, "b s"]


class DTCNNetwork(nn.Module):
    """Two dense layers a modality, the second shared; an LSTM a context; attention between contexts."""

    def __init__(
        self, *, user: int, image: int, contexts: int, dense: Sequence[int], hidden: int, space: int, dropout: float
    ):
        """Of `user` and `image` numbers a post."""
        super().__init__()
        first, second = dense
        self.user, self.image, self.second = nn.Linear(user, first), nn.Linear(image, first), nn.Linear(first, second)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = nn.ModuleList(Recurrent(2 * second, hidden) for _ in range(contexts))
        self.state, self.time = nn.Linear(hidden, space, bias=False), nn.Linear(TIME_NUMBERS, space, bias=False)
        self.score, self.output = nn.Linear(space, 1, bias=False), nn.Linear(hidden, 1)

    def forward(self, **inputs: Tensor) -> Float[Tensor, " b"]:
        """Predictions; the arguments are those of `look`."""
        return self.look(**inputs).prediction

    def look(
        self,
        user: Float[Tensor, "b o m"],
        image: Float[Tensor, "b o v"],
        weights: Float[Tensor, "b s l"],
        times: Float[Tensor, "b s c"],
    ) -> Looked:
        """Predictions, and what attention gave each context; steps that there are not have the weight 0."""
        x = torch.cat([self._dense(self.user, user), self._dense(self.image, image)], dim=-1)  # [b, o, 2q]
        h = []
        for i, (recurrent, steps) in enumerate(zip(self.recurrent, self._steps(x, weights), strict=True)):
            states = recurrent(steps, weights[:, i] > 0)  # [b, l, k]
            h.append((weights[:, i, :, None] * states).sum(1))  # [b, k]
        h = torch.stack(h, dim=1)  # [b, s, k]
        alpha = self.score(torch.tanh(self.state(h) + self.time(times))).softmax(1)  # [b, s, 1]
        joint = self.dropout((alpha * h).sum(1))  # [b, k]
        return Looked(self.output(joint).squeeze(-1), alpha.squeeze(-1))

    def _dense(self, first: nn.Module, x: Float[Tensor, "b o x"]) -> Float[Tensor, "b o q"]:
        # Users' numbers are standardised, so that what is missing is as everybody's mean.
        return torch.tanh(self.second(self.dropout(torch.tanh(first(x.nan_to_num())))))

    @staticmethod
    def _steps(x: Float[Tensor, "b o x"], weights: Float[Tensor, "b s l"]) -> list[Float[Tensor, "b l x"]]:
        """Each context's own posts and, behind them, the post itself."""
        before = weights.shape[2] - 1
        return [torch.cat([x[:, i * before : (i + 1) * before], x[:, -1:]], 1) for i in range(weights.shape[1])]


class DTCN(Composed):
    """A user's newest posts of the last blocks of hours and of the same hours of earlier days, weighted by time."""

    columns = ("user_id",)
    looks_back = True

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        contexts: Sequence[Context] = CONTEXTS,
        length: Length = 10,
        days: Positive = 18,
        dense: Pair = (32, 16),
        hidden: Width = 128,
        space: Width = 64,
        dropout: Dropout = 0.5,
        standardize: bool = True,
        training: Training = TRAINING,
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network over `features`.

        Args:
            features: numbers of who posts and when under `user`, standardised, and one vector of the picture under
                `image`, ResNet's in the paper.
            contexts: which of neighbouring and periodic there are.
            length: steps of a context, the post to predict among them.
            days: how far a context reaches back.
            dense: units of the two layers that each step's numbers go through.
            hidden: states of an LSTM.
            space: numbers in which attention compares contexts (ours).
            dropout: share of neurons left out between the dense layers and before the output.
            standardize: learn the target standardised (ours), or as it is.
            training: how the network learns, and when it stops.
            seed: of weights and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        if not contexts or len({*contexts}) < len(contexts):
            raise UserError(f"contexts: {list(contexts)} must name contexts, each once")
        self.features = one_each(features, needed=ROLES)
        self._contexts, self._length, self._days = tuple(contexts), length, days
        options = {"contexts": len(contexts), "dense": dense, "hidden": hidden, "space": space, "dropout": dropout}
        self._model = Regressor(
            lambda **_: DTCNNetwork(**self._sizes, **options),
            training=training, seed=seed, device=device, standardize=standardize, checkpoint=checkpoint, label="dtcn",
        )  # fmt: skip

    def fit(self, train: Examples, validation: Examples) -> None:
        self._sizes = {role: some(train.features[name]).width for role, (name,) in self.features.items()}
        arrays = self._arrays(validation)
        self._model.fit(self._arrays(train), train.y, arrays, validation.y)
        shares = look_inside(self._model, arrays).get("contexts", np.empty((0, len(self._contexts))))  # [n, s]
        self._shares = dict(zip(self._contexts, shares.mean(0).tolist(), strict=True)) if len(shares) else {}

    def _arrays(self, posts: Examples) -> Arrays:
        chosen = choose(posts, self._contexts, steps=self._length - 1, days=self._days)
        in_time = [steps_in_time(posts, rows, self._days) for rows in chosen.values()]
        weights, times = (np.stack(part, axis=1) for part in zip(*in_time, strict=True))  # [n, s, l], [n, s, c]
        earlier = Chosen(np.hstack(list(chosen.values())))  # [n, o - 1]
        length = earlier.chosen.shape[1] + 1
        windows = {
            role: Window(some(posts.features[name]), some(posts.past.features[name]), earlier, length)
            for role, (name,) in self.features.items()
        }
        return {**windows, "weights": weights, "times": times}

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self._arrays(posts))

    def report(self) -> dict[str, float]:
        """The network's numbers, and how much validation posts took from each context, on average."""
        return {**super().report(), **{f"weight_{context}": share for context, share in self._shares.items()}}

    def save(self, folder: Path) -> None:
        store.write_json(folder / "inputs.json", {"sizes": self._sizes, "shares": self._shares})
        super().save(folder)

    def load(self, folder: Path) -> None:
        learned = store.read_json(folder / "inputs.json")
        self._sizes, self._shares = learned["sizes"], learned["shares"]
        super().load(folder)
