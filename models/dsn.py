"""DSN, the dependency-aware sequence network: a post among everybody's posts before it. Ablations are arguments.

Zhang, Xie, Yang, Tian, Jiang and Cui, Improving Social Media Popularity Prediction with Multiple Post
Dependencies. Ours, where the paper is silent: a post with fewer posts before it has a shorter sequence, and with none
it takes nothing from them; posts of the same instant are not before it; without the LSTM and its gates equation 12
is the norm of fW; without attention equation 20 reads the post alone; pictures and texts that a post lacks are zeros,
which the adapters, having no bias, leave; users and categories unseen in training have the mean of all vectors;
dropout is on the LSTM's states, inside GRN, and on hidden layers of equations 20 and 21.

Shapes: n posts, l posts a window, the post itself last.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from torch import nn

from models.base import Composed
from models.parts import categories
from models.parts.batches import Arrays, Stored, some
from models.parts.dsn_network import DSNNetwork, Padding
from models.parts.inside import look_inside
from models.parts.lookup import UNSEEN, Known, numbered
from models.parts.loop import Training
from models.parts.regressor import Regressor
from models.parts.roles import one_each
from models.parts.sequences import Comparison
from models.parts.windows import Present, Window
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Dropout, Length, Share, Width
from pipeline.storage import store
from pipeline.storage.examples import Examples, FeatureValues

Input = Literal["image", "text", "category"]
INPUTS: tuple[Input, ...] = ("image", "text", "category")
VECTORS: tuple[Input, ...] = ("image", "text")
LEVELS = ("category", "subcategory", "concept")
TRAINING = Training(learning_rate=1e-3, weight_decay=1e-4, epochs=10, batch_size=512)
"""As the paper says."""


class DSN(Composed):
    """Dependency-aware sequence network over the posts of all users in order of time, up to the one to predict."""

    looks = True
    looks_back = True

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        length: Length = 8,
        inputs: Sequence[Input] = INPUTS,
        levels: Sequence[str] = LEVELS,
        category: categories.Kind = "hierarchical",
        short_term: bool = True,
        long_term: bool = True,
        alpha: Share = 0.2,
        beta: Share = 0.6,
        hidden: Width = 256,
        heads: Count = 4,
        dropout: Dropout = 0.25,
        category_dropout: Dropout = 0.0,
        padding: Padding = "masked",
        dense_inputs: bool = False,
        residual: bool = True,
        comparison: Comparison = "dot",
        feed_forward: bool = True,
        dense_user: bool = False,
        standardize: bool = True,
        training: Training = TRAINING,
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network over `features` and categories. With the paper's own arguments it is DSN.

        Args:
            features: one vector of the picture under `image`, one of the text under `text`, and numbers of who posts
                and when under `user`, standardised (Table 1 beside the user's own vector).
            length: posts of a window, the one to predict among them.
            inputs: what is known of each post of it: image, text, category; none leaves the user alone (Table 4).
            levels: columns of categories, from coarse to fine.
            category: how they become a vector: equations 6 to 9, one level, or all of them (Table 6); or as released.
            short_term: the LSTM and its gates, equations 11 to 16 (Table 7).
            long_term: attention to the posts before, equations 17 to 19 (Table 7).
            alpha: share of a picture's vector that stays as it was, equation 3.
            beta: the same of a text's.
            hidden: numbers of all hidden layers and learned vectors.
            heads: of the attention; they share `hidden`.
            dropout: share of neurons left out in hidden layers.
            category_dropout: share of the numbers of categories left out; as released, 0.25.
            padding: posts before the first are not there, or, as released, zeros that count.
            dense_inputs: a network of two layers before the LSTM, as released.
            residual: the sum and the norm of equation 12; released without.
            comparison: how attention compares posts: equation 17, or, as released, a sum of which the query falls out.
            feed_forward: equation 20, or, as released, the sum of what attention gave and the post.
            dense_user: a layer over the user's numbers, as released.
            standardize: learn the target standardised (ours), or as it is.
            training: how the network learns, and when it stops.
            seed: of weights and the order of rows.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        self._network = {
            "hidden": hidden, "heads": heads, "alpha": alpha, "beta": beta, "dropout": dropout, "category": category,
            "category_dropout": category_dropout, "short_term": short_term, "long_term": long_term, "padding": padding,
            "dense_inputs": dense_inputs, "residual": residual, "comparison": comparison,
            "feed_forward": feed_forward, "dense_user": dense_user,
        }  # fmt: skip
        if len({*inputs}) < len(inputs):
            raise UserError(f"inputs: {list(inputs)} must name inputs, each once")
        vectors = [role for role in VECTORS if role in inputs]
        self.features = one_each(features, needed=vectors, optional=["user"], unread=VECTORS)
        self._levels = tuple(levels) if "category" in inputs else ()
        if "category" in inputs and (not levels or len({*levels}) < len(levels)):
            raise UserError(f"levels: {list(levels)} must name columns, each once")
        self.columns = ("user_id", *self._levels)
        self._length, self._sequence = length, bool(inputs)
        self._model = Regressor(
            lambda **_: self._begin(),
            training=training, seed=seed, device=device, standardize=standardize, checkpoint=checkpoint, label="dsn",
        )  # fmt: skip
        if hidden % heads:
            raise UserError(f"heads: {heads} do not share hidden: {hidden} evenly")
        if self._levels:
            categories.check(category, self._levels)

    def _begin(self) -> nn.Module:
        sizes = {role: self._sizes.get(role) for role in VECTORS}
        levels = [len(self._known[level]) for level in self._levels]
        users, numbers = len(self._known["user_id"]), self._sizes.get("user", 0)
        return DSNNetwork(**sizes, levels=levels, users=users, numbers=numbers, **self._network)

    def fit(self, train: Examples, validation: Examples) -> None:
        self.learn(train)
        self._model.fit(self.arrays(train), train.y, self.arrays(validation), validation.y)

    def learn(self, train: Examples) -> None:
        """Learn from training posts what values there are, and how wide vectors are."""
        self._known = {column: Known.of(train.posts[column]) for column in self.columns}
        self._sizes = {role: some(train.features[name]).width for role, (name,) in self.features.items()}

    def arrays(self, posts: Examples) -> Arrays:
        """What the network is fed, by the names of its arguments."""
        arrays: dict[str, np.ndarray | Stored] = {
            "users": self._known["user_id"].numbers(posts.posts["user_id"]),
            "numbers": posts.matrix(self.features.get("user", ())),
        }
        if not self._sequence:
            return arrays
        earlier, past = posts.earlier(), posts.past
        arrays["present"] = Present(earlier, self._length)
        for role in VECTORS:
            if role in self.features:
                (name,) = self.features[role]
                own, before = (some(part.features[name]) for part in (posts, past))
                arrays[role] = Window(own, before, earlier, self._length)
        if self._levels:
            of = {level: self._known[level] for level in self._levels}
            own, before = (FeatureValues(numbered(part.posts, of)) for part in (posts, past))
            fill = UNSEEN if self._network["padding"] == "masked" else UNSEEN + 1  # as released, the first category
            arrays["category"] = Window(own, before, earlier, self._length, fill)
        return arrays

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self.arrays(posts))

    def attention(self, posts: Examples) -> dict[str, np.ndarray]:
        """How much each prediction took from each of the posts before it: `past` and `past_rows` [n, l - 1]."""
        weights = look_inside(self._model, self.arrays(posts)) if self._looks_at_posts else {}
        return {**weights, "past_rows": posts.before(self._length - 1)} if weights else {}

    @property
    def _looks_at_posts(self) -> bool:
        return self._sequence and self._network["long_term"] and self._length > 1

    def save(self, folder: Path) -> None:
        known = {column: of.values for column, of in self._known.items()}
        store.write_json(folder / "inputs.json", {"sizes": self._sizes, "known": known})
        super().save(folder)

    def load(self, folder: Path) -> None:
        learned = store.read_json(folder / "inputs.json")
        self._sizes = learned["sizes"]
        self._known = {column: Known(values) for column, values in learned["known"].items()}
        super().load(folder)
