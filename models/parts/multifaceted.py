"""What `amnl` and `amnl_plus` share: their inputs, their training, and scores of pairs.

Shapes: n posts, m sentences a post, w words a sentence, k users, d the width of vectors.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.base import Ranker
from models.parts import sentences
from models.parts.attention import Words
from models.parts.batches import Arrays, Data, Tensors, some
from models.parts.factors import PAIRS
from models.parts.followings import Followings
from models.parts.lists import Lists, Resampled, Users
from models.parts.loop import Curve, Training
from models.parts.social import Margin, MultiFaceted, Preferences, draw_weights, preference
from models.parts.training import check_stopping, fit_network, predict_network, seeded
from pipeline.storage import store, word_vectors
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feed, distinct

TRAINING = Training(optimizer="adagrad", learning_rate=0.01, batch_size=128, epochs=30, patience=5)
"""The paper's rule and rate; batches, epochs and stopping are ours, it converges after 9."""
WORDS = 0.4
"""Deviation of the numbers of first word vectors, about that of GloVe's."""


class Faceted(Ranker):
    """A network over pictures, sentences and followees."""

    def __init__(
        self,
        features: Mapping[str, list[str]],
        *,
        columns: list[str] | None,
        comments: bool,
        text: bool,
        social: bool,
        factors: int,
        hidden: int,
        embedding: int,
        space: int,
        sentences: int,
        length: int,
        maximum_words: int,
        vectors: str | None,
        margin: float,
        followees: int,
        resample: bool,
        training: Training,
        seed: int,
        device: str,
        checkpoint: Path | None,
    ):
        """As the rankers say."""
        self.features = dict(features)
        self.columns = tuple(columns or ["text"]) if text else ()
        self._comments, self._text, self._social, self._most, self._resample = (
            comments,
            text,
            social,
            followees,
            resample,
        )
        self._sizes = {"embedding": embedding, "states": hidden, "width": factors}
        self._space, self._first, self._length, self._maximum = space, sentences, length, maximum_words
        self._vectors = vectors if text else None
        self._loss, self._training = Margin(margin), training
        self._seed, self._device, self._checkpoint = seed, device, checkpoint

    def files(self) -> list[Path]:
        return word_vectors.named(self._vectors, self._sizes["embedding"], "vectors") if self._vectors else []

    @abstractmethod
    def fusion(self, words: int | None, widths: Mapping[str, int]) -> nn.Module:
        """The network that makes vectors of posts, of so many rows of words and numbers by role."""

    def fit(self, train: Feed, validation: Feed) -> None:
        check_stopping(self._training, validation)
        self.learn(train)
        self._network = self.begin()
        self._curve = fit_network(
            self._network,
            self.lists(train, resample=self._resample),
            self.lists(validation),
            self._training,
            loss=self._loss,
            seed=self._seed,
            device=self._device,
            checkpoint=self._checkpoint,
            label=type(self).__name__.lower(),
        )

    def learn(self, train: Feed) -> None:
        """Learn from training posts what words there are, and who follows whom."""
        self._people = Followings.of(train, self._most)
        self._read(train)
        self._widths = {role: some(train.posts.features[name]).shape[-1] for role, (name,) in self.features.items()}

    def begin(self) -> MultiFaceted:
        """The network before training."""
        with seeded(self._seed, self._device):
            network = self._make()
            draw_weights(network)
            for module in network.modules():
                if isinstance(module, Words):
                    nn.init.normal_(module.table.weight, std=WORDS)
                    module.silence()
                    self._place(module.table.weight)
        return network

    @torch.no_grad()
    def _place(self, table: Tensor) -> None:
        """Put vectors that are known of words [v, e] where they belong; the others stay drawn at random."""
        if self._vectors:
            known = word_vectors.read(self._vectors, table.shape[1], "vectors")
            for word, row in self._index.items():
                if word in known:
                    table[row] = torch.from_numpy(np.array(known[word], dtype=np.float32))
                    self._known += 1

    def lists(self, feed: Feed, *, resample: bool = False) -> Lists:
        """The lists of a part as the network is fed them."""
        given = (feed, self._people, Tensors(self._arrays(feed.posts)))
        if resample:
            return Resampled(*given, social=self._social, seed=self._seed)
        return Lists(*given, social=self._social)

    def _make(self) -> MultiFaceted:
        words = sentences.END + 1 + len(self._words) if self._text else None
        preferences = Preferences(len(self._people), self._sizes["width"], self._space, social=self._social)
        return MultiFaceted(preferences, self.fusion(words, self._widths))

    def _read(self, train: Feed) -> None:
        """Choose the words, and keep the sentences of posts that have comments."""
        self._known = 0
        self._words, self._index, self._told = [], {}, pd.Index([], dtype=object)
        self._numbers = np.empty((0, self._first, self._length), dtype=np.int32)
        if not self._text:
            return
        told = sentences.of_posts(train.posts.posts, self.columns, self._first)
        commented = np.zeros(len(told), dtype=bool)
        if self._comments:
            commented = sentences.with_comments(told, train.comments, self._first)
        self._words = sentences.vocabulary(told[: train.known], self._length, self._maximum)
        self._index = sentences.index_of(self._words)
        rows = np.flatnonzero(commented)
        self._told = pd.Index(train.posts.posts["post_id"].to_numpy(dtype=object)[rows], dtype=object)
        self._numbers = self._numbered([told[row] for row in rows])

    def _numbered(self, told: list[list[sentences.Sentence]]) -> np.ndarray:
        return sentences.numbered(told, self._index, first=self._first, length=self._length)

    def _arrays(self, posts: Examples) -> Arrays:
        """What the fusion is fed of posts, by the names of its arguments."""
        arrays = {role: some(posts.features[name]) for role, (name,) in self.features.items()}
        return {**arrays, "sentences": self._sentences(posts)} if self._text else arrays

    def _sentences(self, posts: Examples) -> np.ndarray:
        """Numbers of words [n, m, w]: with comments, where training read any."""
        kept = self._told.get_indexer(pd.Index(posts.posts["post_id"], dtype=object))
        new = np.flatnonzero(kept < 0)
        numbers = np.empty((len(posts), *self._numbers.shape[1:]), dtype=np.int32)
        numbers[kept >= 0] = self._numbers[kept[kept >= 0]]
        numbers[new] = self._numbered(sentences.of_posts(posts.posts.iloc[new], self.columns, self._first))
        return numbers

    def _said(self, numbers: np.ndarray) -> np.ndarray:
        """Sentences [n, m] in words, empty where one stands again."""
        said = np.full(numbers.shape[:2], "", dtype=object)
        for i, post in enumerate(numbers):
            for j, sentence in enumerate(post):
                if not j or (sentence != post[j - 1]).any():
                    said[i, j] = sentences.in_words(sentence, self._words)
        return said

    def score(self, users: np.ndarray, posts: Examples) -> np.ndarray:
        once, rows = distinct(posts)
        who, own = np.unique(self._people.rows(users), return_inverse=True)
        scores = np.empty(len(users))
        if not len(users):
            return scores
        z, of_users = self._ask(self._network.fusion, Tensors(self._arrays(once))), self._of_users(who)
        for start in range(0, len(users), PAIRS):
            block = slice(start, start + PAIRS)
            pairs = (torch.from_numpy(part) for part in (of_users[own[block]], z[rows[block]]))
            scores[block] = preference(*pairs).numpy()
        return scores

    def _ask(self, network: nn.Module, data: Data) -> np.ndarray:
        asked = predict_network(network, data, batch_size=self._training.batch_size, device=self._device)
        return asked.astype(np.float64)

    def _of_users(self, rows: np.ndarray) -> np.ndarray:
        """Vectors [k, e] of users at rows, and of those they follow."""
        return self._ask(self._network.preferences, Users(self._people, rows, social=self._social))

    def save(self, folder: Path) -> None:
        save_file(self._network.state_dict(), folder / "network.safetensors")
        self._people.save(folder)
        numbers = self._numbers.reshape(len(self._told), self._first * self._length)
        columns = {f"{i}": column for i, column in enumerate(numbers.T)}
        store.write_frame(folder / "comments.parquet", pd.DataFrame({"id": self._told.to_numpy(), **columns}))
        learned = {"words": self._words, "known": self._known, "widths": self._widths, "curve": asdict(self._curve)}
        store.write_json(folder / "network.json", learned)

    def load(self, folder: Path) -> None:
        learned = store.read_json(folder / "network.json")
        self._words, self._widths, self._curve = learned["words"], learned["widths"], Curve(**learned["curve"])
        self._known = learned["known"]
        self._index, self._people = sentences.index_of(self._words), Followings.load(folder)
        told = store.read_frame(folder / "comments.parquet")
        self._told = pd.Index(told["id"], dtype=object)
        self._numbers = told.drop(columns="id").to_numpy(np.int32).reshape(len(told), self._first, self._length)
        self._network = self._make()
        self._network.load_state_dict(load_file(folder / "network.safetensors"))

    def report(self) -> dict[str, float]:
        parameters = sum(p.numel() for p in self._network.parameters())
        told = {"parameters": parameters, "users": len(self._people) - 1}
        told |= {"words": len(self._words), "words_with_given_vectors": self._known}
        best = {"validation_auc": 1 - min(self._curve.validation)} if self._curve.validation else {}
        return {**told, "steps": self._curve.step[-1], **best}

    def curve(self) -> dict[str, list[float]]:
        """The validation loss is 1 - AUC."""
        return {name: list(losses) for name, losses in asdict(self._curve).items() if losses}
