"""CITING's model: a user's vector against the sum of the vectors of a post's words, visual ones among them.

Chen and co-authors' released code (kite1988/famf):
(1) y(u, i) = p_u . (|W_i|^-1/2 sum_w n_w q_w + |V_i|^-1/2 sum_v q_v), with words n_w times of |W_i| in all, and visual
words of the picture,
(2) ln(1 + exp(y(u, j) - y(u, i))) of a shared post i and another j, and penalties, halves of squares, on what a triple
reads, once each. Vectors start as N(0, .1). After a pass (3) the rate is 1.05 times as large where the loss fell; where
not, it is halved, and the pass undone; (4) and .99 times that. No post has a vector or bias of its own: a new post is
its words.

What differs. Words are those of the columns and of comments; those that CITING finds by OCR, behind links and by
searching for the picture are read where a column has them. Visual words are a feature of numbers of words, where there
is one; CITING's are the five likeliest of ImageNet's thousand kinds. The pass is chosen on validation lists; the
released code stops on test. Ours: a post none of whose words training has seen has the word of a post without any; the
loss of (3) is that of (2) without penalties.

Shapes: k users, p posts, v words, visual ones behind the others, r that a batch reads, b triples a batch, f
numbers a vector, n posts asked for.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import expit

from models.parts import documents
from models.parts.bpr import DEVIATION, add_at
from models.parts.descent import Descent, auc, check_stopping, descend
from models.parts.draws import DRAWS, Negatives, Triples, every_pair
from models.parts.factors import Factored, Seen, Table
from models.parts.roles import one_each
from pipeline.base.ranges import Count, NotNegative, Width
from pipeline.storage import store
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feed

FALLEN, RISEN, DECAY = 1.05, 0.5, 0.99
DESCENT = Descent(learning_rate=0.01, epochs=400)
VISUAL = "visual_words"


def step(
    users: np.ndarray,
    words: np.ndarray,
    items: sparse.csr_array,
    triples: Triples,
    *,
    learning_rate: float,
    user_penalty: float,
    penalties: np.ndarray,
) -> float:
    """One step down (2), in place, of the vectors of users [k, f] and words [v, f], from where all triples [b] stand.

    `items` [p, v] is what stands before each q in (1), `penalties` [v] those of words. Gives the sum of the losses.
    """
    u, i, j = triples
    here, shared, other = _read_here(items[i], items[j])
    q, p = words.take(here, axis=0), users.take(u, axis=0)  # [r, f], [b, f]
    difference = (shared - other) @ q  # [b, f]
    x = np.einsum("bf,bf->b", p, difference)  # [b], y(u, i) - y(u, j) (1)
    g = learning_rate * expit(-x)[:, None]  # [b, 1] (2)
    read = np.bincount((shared + other).indices, minlength=len(here))  # [r], by how many triples
    words[here] += (shared - other).T @ (g * p) - (learning_rate * penalties[here] * read)[:, None] * q
    add_at(users, u, g * difference - learning_rate * user_penalty * p)
    return float(np.logaddexp(0, -x).sum())


def _read_here(*items: sparse.csr_array) -> tuple[np.ndarray, sparse.csr_array, sparse.csr_array]:
    """The words [r] that either of two tables [b, v] reads, few of many, and the tables of these alone [b, r]."""
    here, places = np.unique(np.concatenate([table.indices for table in items]), return_inverse=True)
    parts = np.split(places, [items[0].nnz])
    return here, *(
        sparse.csr_array((table.data, part, table.indptr), shape=(table.shape[0], len(here)))
        for table, part in zip(items, parts, strict=True)
    )


def bold(rate: float, before: float, after: float) -> tuple[float, bool]:
    """The rate for the next pass, by the losses of the last one that was kept and of this one, which may be undone."""
    if math.isinf(before):
        return rate * DECAY, False
    fell = after < before
    return rate * DECAY * (FALLEN if fell else RISEN), not fell  # (3, 4)


class Citing(Factored):
    """A vector a user and a word; of posts, words are all it knows."""

    def __init__(
        self,
        *,
        features: dict[str, list[str]] | None = None,
        columns: list[str] | None = None,
        comments: bool = True,
        minimum_count: Count = 1,
        factors: Width = 10,
        user_penalty: NotNegative = 0.05,
        text_penalty: NotNegative = 0.01,
        visual_penalty: NotNegative = 0.01,
        negatives: Negatives = "lists",
        batch_size: Count = 64,
        descent: Descent = DESCENT,
        seed: int = 0,
    ):
        """Words of posts, and how they are weighed.

        Args:
            features: numbers of words under `visual_words`, or none.
            columns: of texts, such as title, text and tags; null is text.
            comments: whether comments that may be read are words of their post.
            minimum_count: how often a word occurs in posts known when training ended.
            factors: numbers of a vector.
            user_penalty: on vectors of users.
            text_penalty: on those of words.
            visual_penalty: on those of visual words.
            negatives: posts not shared are all those in the lists, or drawn from all posts known when training ended.
            batch_size: triples a step.
            descent: how it learns.
            seed: of first vectors and the order of triples.
        """
        self.features = one_each(features or {}, needed=(), optional=(VISUAL,))
        self.columns = tuple(columns or ["text"])
        self._comments, self._minimum, self._factors = comments, minimum_count, factors
        self._user_penalty, self._penalties = user_penalty, (text_penalty, visual_penalty)
        self._negatives: Negatives = negatives
        self._batch_size, self._descent, self._seed = batch_size, descent, seed

    def fit(self, train: Feed, validation: Feed) -> None:
        check_stopping(self._descent, validation)
        rng, seen = np.random.default_rng(self._seed), Seen(train, posts=np.ones(len(train.posts), dtype=bool))
        items = self._learn_words(train)
        v, visual = len(self._index), self._visual_count
        users, words = (rng.normal(0, DEVIATION, (n, self._factors)) for n in (len(train.users), v + visual))
        penalties = np.repeat(self._penalties, (v, visual))
        epoch = self._pass(train, items, users, words, penalties, rng)
        validate = self._validation(seen, train, validation, items, users, words) if len(validation) else None
        parameters = {"users": users, "words": words}
        self._course = descend(parameters, epoch, validate, self._descent, label="citing")
        self._words = words
        self._users, self._posts = seen.tables(users, items @ words)

    def _learn_words(self, train: Feed) -> sparse.csr_array:
        """Choose the words; the items [p, v] of the training posts."""
        told = documents.words_of(train.posts.posts, self.columns)
        if self._comments:
            documents.with_comments(told, train.comments)
        self._index = pd.Index(documents.vocabulary(told, self._minimum), dtype=object)
        shown = self._shown(train.posts)
        self._visual_count = int(np.nan_to_num(shown).max(initial=-1)) + 1
        return self._items(told, shown)

    def _items(self, told: list[list[str]], shown: np.ndarray) -> sparse.csr_array:
        parts = [documents.texts(told, self._index), documents.pictures(shown, self._visual_count)]
        return sparse.hstack(parts, format="csr")

    def _shown(self, posts: Examples) -> np.ndarray:
        """Numbers [n, m] of visual words; none without the feature."""
        return posts.matrix(self.features.get(VISUAL, []))

    def _pass(
        self,
        train: Feed,
        items: sparse.csr_array,
        users: np.ndarray,
        words: np.ndarray,
        penalties: np.ndarray,
        rng: np.random.Generator,
    ) -> Callable[[], float]:
        """A pass, which gives its mean loss, and follows the losses with its rate (3, 4)."""
        rate, least = self._descent.learning_rate, math.inf
        kind, size, every = (
            {"user_penalty": self._user_penalty, "penalties": penalties},
            self._batch_size,
            every_pair(train),
        )
        draw = DRAWS["catalogue"](train)

        def epoch() -> float:
            nonlocal rate, least
            before = users.copy(), words.copy()
            u, i, j = every if self._negatives == "lists" else draw(rng, train.shares.shape[1])
            batches = np.array_split(rng.permutation(len(u)), max(1, -(-len(u) // size)))
            losses = [step(users, words, items, (u[b], i[b], j[b]), learning_rate=rate, **kind) for b in batches]
            loss = sum(losses) / max(1, len(u))
            rate, undone = bold(rate, least, loss)
            if undone:
                users[...], words[...] = before
            least = min(loss, least)
            return loss

        return epoch

    def _validation(
        self,
        seen: Seen,
        train: Feed,
        lists: Feed,
        items: sparse.csr_array,
        users: np.ndarray,
        words: np.ndarray,
    ) -> Callable[[], float]:
        rows, places = np.unique(lists.lists, return_inverse=True)
        old = rows < len(train.posts)
        later = lists.posts.take(rows[~old])
        items = sparse.vstack([items[rows[old]], self._new(later)], format="csr")  # rows are sorted: old ones first

        def validate() -> float:
            vectors = (items @ words)[places.reshape(lists.lists.shape)]
            return auc(np.einsum("lf,lcf->lc", seen.users_at(users, lists.viewers), vectors))

        return validate

    def _new(self, posts: Examples) -> sparse.csr_array:
        """The items [n, v] of posts that training has not seen."""
        return self._items(documents.words_of(posts.posts, self.columns), self._shown(posts))

    def _vectors(self, posts: Examples) -> np.ndarray:
        vectors, new = super()._vectors(posts), np.flatnonzero(self._posts.rows(posts.posts["post_id"]) < 0)
        vectors[new] = self._new(posts.take(new)) @ self._words
        return vectors

    def save(self, folder: Path) -> None:
        super().save(folder)
        names = [*self._index, *(f"{VISUAL} {number}" for number in range(self._visual_count))]
        Table(names, self._words).save(folder / "words.parquet")
        store.write_json(folder / "words.json", {"visual": self._visual_count})

    def load(self, folder: Path) -> None:
        super().load(folder)
        self._visual_count = store.read_json(folder / "words.json")["visual"]
        names, self._words = Table.read(folder / "words.parquet")
        self._index = pd.Index(names[: len(names) - self._visual_count], dtype=object)

    def report(self) -> dict[str, float]:
        return {**super().report(), "words": len(self._index), "visual_words": self._visual_count}
