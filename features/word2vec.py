"""Mean word2vec vector of a post: vectors from a file, or learned on the training part."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from features.parts import word_learning
from features.parts.mean_vectors import MeanVectors
from pipeline.base.ranges import Count, Length, Seed, Share, Vocabulary
from pipeline.base.tokens import Tokenizer, Words


class Word2vec(MeanVectors):
    """Mean of the word2vec vectors of a post's known words, each as often as it occurs: float16 [dimensions].

    Mikolov et al. 2013, with negative sampling, as gensim learns it. Source: the text of the paper `dsn`'s rival
    `att_mlp`. **Ours**: the mean, and learning on the training part where no file is named. A post without a known
    word, or without text, has zeros and is valid.
    """

    def __init__(
        self,
        *,
        vectors: str | None = None,
        dimensions: Length = 100,
        minimum_count: Count = 5,
        maximum_words: Vocabulary | None = None,
        skip_gram: bool = True,
        window: Length = 5,
        epochs: Length = 5,
        sample: Share = 0.001,
        seed: Seed = 0,
        columns: list[str] | None = None,
        english: bool = False,
        placeholders: bool = False,
        tokenizer: Tokenizer = "tweets",
        length: Length | None = None,
    ):
        """Whose vectors, or how they are learned.

        `vectors`: a file in word2vec's binary or text format or GloVe's, plain, gzip or zip; null learns them on the
        training part, of which alone speak `minimum_count` of occurrences there, `maximum_words` that are kept, the
        most frequent, null for all, `skip_gram` (else a continuous bag of words), `window` of words to either side,
        `epochs`, `sample` (words that are a larger share of all are passed over the oftener; 0: none), and `seed`.
        `dimensions` of a vector. `columns` among title, text and tags, null for those the data
        has; `english`: words of ASCII characters only; `placeholders`: links and mentions count as the words `<url>`
        and `<user>`; `tokenizer`: that for tweets or, as UHAN was released, any two letters, digits or underscores
        and more in a row; `length`: words of a post that are read, the first, null for all.
        """
        super().__init__(
            vectors=vectors, dimensions=dimensions, minimum_count=minimum_count, maximum_words=maximum_words,
            columns=columns, english=english, placeholders=placeholders, tokenizer=tokenizer, length=length,
        )  # fmt: skip
        self._seed = seed
        self._training = {
            "vector_size": dimensions, "sg": int(skip_gram), "window": window, "epochs": epochs, "sample": sample,
        }  # fmt: skip

    def learn(self, documents: Sequence[Words], counts: Counter[str]) -> dict[str, Any]:
        """The words, and their vectors."""
        from gensim.models import Word2Vec

        words = self.choose(counts)
        model = word_learning.train(Word2Vec, documents, counts, words, seed=self._seed, **self._training)
        return {"words": words, "vectors": word_learning.to_text(model.wv[words].astype(np.float16))}

    def recall(self, state: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Vectors by word."""
        words = state["words"]
        vectors = word_learning.of_text(state["vectors"], (len(words), self._dimensions), "float16")
        return dict(zip(words, vectors.astype(np.float32), strict=True))
