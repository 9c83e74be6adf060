"""What a post is about: its share in each of some topics, learned on the training part."""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.parts import word_learning
from features.parts.text import TextFeature, count
from pipeline.base.ranges import Count, Length, Seed, Vocabulary
from pipeline.base.tokens import Tokenizer, Words

if TYPE_CHECKING:
    from gensim.models import LdaModel

Bag = list[tuple[int, int]]


class Lda(TextFeature):
    """Shares of topics, latent Dirichlet allocation's expectation of them given the post's words; they sum to one.

    Blei et al. 2003, learned online (Hoffman et al. 2010) by gensim, with symmetric priors. Source: the text of the
    paper `dsn`'s rival `catboost_window`, which does not say how many topics: 100 is **ours**. A post without text,
    or without a known word, has the prior's equal shares and is valid. Columns: `topic_<number>`.
    """

    dtype = "float32"

    def __init__(
        self,
        *,
        topics: Length = 100,
        minimum_count: Count = 5,
        maximum_words: Vocabulary | None = 50_000,
        passes: Length = 5,
        seed: Seed = 0,
        columns: list[str] | None = None,
        english: bool = False,
        placeholders: bool = False,
        tokenizer: Tokenizer = "tweets",
        length: Length | None = None,
    ):
        """How many topics, of which words.

        `topics` there are; `minimum_count`: training posts a word occurs in; `maximum_words` that are kept, those with
        the most posts, null for all; `passes` over the training posts; `seed` of the first topics; `columns` among
        title, text and tags, null for those the data has; `english`: of ASCII characters only; `placeholders`: links
        and mentions count as the words `<url>` and `<user>`; `tokenizer`: that for tweets or, as UHAN was released,
        any two letters, digits or underscores and more in a row; `length`: words of a post that are read, the first,
        null for all.
        """
        super().__init__(
            columns=columns, english=english, placeholders=placeholders, tokenizer=tokenizer, length=length,
            minimum_count=minimum_count, maximum_words=maximum_words,
        )  # fmt: skip
        self._topics, self._passes, self._seed = topics, passes, seed
        self._state: dict[str, Any] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._topics,)

    @property
    def names(self) -> list[str]:
        return [f"topic_{number}" for number in range(self._topics)]

    def fit(self, posts: pd.DataFrame) -> None:
        documents = self.words(posts)
        vocabulary = self.choose(count(documents, "posts"))
        position = {word: i for i, word in enumerate(vocabulary)}
        bags = [_bag(words, position) for words in word_learning.shuffled(documents, self._seed)]
        model = self._model(vocabulary, corpus=[bag for bag in bags if bag], passes=self._passes)
        self.restore({"vocabulary": vocabulary, "weights": word_learning.to_text(model.expElogbeta)})

    def state(self) -> dict[str, Any]:
        return self._state

    def restore(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)
        vars(self).pop("_learned", None)

    @cached_property
    def _learned(self) -> "LdaModel":
        """The model that a state describes."""
        vocabulary = self._state["vocabulary"]
        model = self._model(vocabulary)
        model.expElogbeta = word_learning.of_text(self._state["weights"], (self._topics, len(vocabulary)), "float32")
        return model

    def _model(self, vocabulary: list[str], **learning: Any) -> "LdaModel":
        from gensim.models import LdaModel

        word_learning.quiet()
        named = dict(enumerate(vocabulary))
        options = {"num_topics": self._topics, "id2word": named, "random_state": self._seed, "eval_every": None}
        return LdaModel(**options, **learning)

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        position = {word: i for i, word in enumerate(self._state["vocabulary"])}
        values = np.empty((len(posts), self._topics), dtype=np.float32)
        for row, words in zip(values, self.words(posts), strict=True):
            row[:] = self._shares(_bag(words, position))
        return values

    def _shares(self, bag: Bag) -> np.ndarray:
        """Expected shares [topics] of one post; each begins from the same random ones, whatever came before it."""
        self._learned.random_state = np.random.RandomState(self._seed)
        gamma = self._learned.inference([bag])[0][0]
        return gamma / gamma.sum()


def _bag(words: Words | list[str], position: Mapping[str, int]) -> Bag:
    """(position, how often) of the known words, in order."""
    return sorted(Counter(position[word] for word in words if word in position).items())
