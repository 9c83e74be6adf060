"""What systems over regions, words and users share: their inputs, their training, and looking inside.

Shapes: n posts, r regions, v numbers a region, w words.
"""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from models.base import Composed, Roles
from models.parts.attention import Head, Words
from models.parts.batches import Batch
from models.parts.first_weights import FirstWeights, as_keras
from models.parts.inside import look_inside
from models.parts.lookup import Known
from models.parts.loop import Training
from models.parts.regressor import Regressor
from models.parts.training import squared_error
from pipeline.base.errors import UserError
from pipeline.storage import store
from pipeline.storage.examples import PADDING, UNKNOWN_WORD, Examples, FeatureValues

Sizes = dict[str, int | None]
TRAINING = Training(epochs=100, batch_size=128, validate_every=64, patience=20)
"""As the UHAN paper says; its epochs, of which it stops long before, are ours."""


class WordsRegions(Composed):
    """A network over the regions of a picture, the words of a text and who posts, any of which it may lack."""

    looks = True

    def __init__(
        self,
        features: Roles,
        *,
        image: bool,
        text: bool,
        user: bool,
        penalty: float,
        first_weights: FirstWeights,
        training: Training,
        **options: Any,
    ):
        """Roles of `features` that an ablation goes without are not read; the rest as the systems say."""
        self._roles = {"regions": image, "words": text}
        for role in features:
            if role not in self._roles:
                raise UserError(f"features.{role}: nothing reads this role; known: {', '.join(self._roles)}")
        self.features = {role: features.get(role, ()) for role, used in self._roles.items() if used}
        for role, names in self.features.items():
            if len(names) != 1:
                raise UserError(f"features.{role}: expected one feature, not {', '.join(names) or 'none'}")
        self.columns = ("user_id",) if user else ()
        self._first_weights = first_weights
        self._model = Regressor(
            lambda **_: self._begin(),
            loss=Penalised(penalty), training=training, predict_batch=training.batch_size, **options,
        )  # fmt: skip

    @abstractmethod
    def make(self, sizes: Sizes) -> nn.Module:
        """The network for so many numbers a region, words and users; None for what it goes without."""

    def _begin(self) -> nn.Module:
        network = self.make(self._sizes())
        if self._first_weights == "keras":
            as_keras(network)
        return network

    def _sizes(self) -> Sizes:
        return {**self._learned, "users": len(self._users) if self.columns else None}

    def fit(self, train: Examples, validation: Examples) -> None:
        self._learned = {role: self._size(train, role) for role in self._roles}
        self._users = Known.of(train.posts["user_id"]) if self.columns else Known([])
        self._model.fit(self._arrays(train), train.y, self._arrays(validation), validation.y)

    def _size(self, train: Examples, role: str) -> int | None:
        """Numbers a region, or words with a row of their own: all that training rows have."""
        if role not in self.features:
            return None
        (name,) = self.features[role]
        values = train.features[name]
        if role == "regions" and len(values.shape) != 3:
            raise UserError(f"features.regions: {name} has no regions; use timm_regions or vgg_regions")
        if role == "words" and (len(values.shape) != 2 or values.dtype.kind not in "iu"):
            raise UserError(f"features.words: {name} has no numbers of words; use words")
        return values.shape[2] if role == "regions" else vocabulary(values)

    def _arrays(self, posts: Examples) -> dict[str, np.ndarray | FeatureValues]:
        arrays = {role: posts.features[name] for role, (name,) in self.features.items()}
        if "words" in arrays:
            arrays["words"] = known_words(arrays["words"], self._learned["words"])  # [n, w]
        if self.columns:
            arrays["users"] = self._users.numbers(posts.posts["user_id"])  # [n]
        return arrays

    def predict(self, posts: Examples) -> np.ndarray:
        return self._model.predict(self._arrays(posts))

    def attention(self, posts: Examples) -> dict[str, np.ndarray]:
        """Where the network looked: `visual` [n, r], `textual` [n, w], and `inter` [n, 2] (picture, words).

        Those the system has, none of no posts. Weights sum to one; to zero where a post lacks the modality.
        """
        return look_inside(self._model, self._arrays(posts))

    def save(self, folder: Path) -> None:
        store.write_json(folder / "inputs.json", {"sizes": self._learned, "users": self._users.values})
        super().save(folder)

    def load(self, folder: Path) -> None:
        learned = store.read_json(folder / "inputs.json")
        self._learned, self._users = learned["sizes"], Known(learned["users"])
        super().load(folder)

    def curve(self) -> dict[str, list[float]]:
        return self._model.curve()


def vocabulary(values: FeatureValues) -> int:
    """Words with a row of their own: all that training rows have, padding and the unknown word."""
    return max(UNKNOWN_WORD, int(values.values.max(initial=0))) + 1


def known_words(values: FeatureValues, words: int) -> np.ndarray:
    """Numbers of words [n, w] below `words`; larger ones, which no training row has, are the unknown word."""
    numbers = np.maximum(values.values, PADDING)  # [n, w]
    return np.where(numbers < words, numbers, UNKNOWN_WORD)


class Penalised:
    """Squared error; in training, with `strength` times the squares of word vectors and the head's biases."""

    def __init__(self, strength: float):
        self.strength = strength
        self.__qualname__ = f"Penalised({strength})"  # names the loss in checkpoints

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        loss = squared_error(network, batch)
        if not (self.strength and network.training):
            return loss
        return loss + self.strength * sum(p.square().sum() for p in penalised(network))


def penalised(network: nn.Module) -> Iterator[Tensor]:
    """The parameters the authors' released code penalises."""
    for module in network.modules():
        if isinstance(module, Words):
            yield module.table.weight
        elif isinstance(module, Head):
            yield from (layer.bias for layer in module.layers if isinstance(layer, nn.Linear))
