"""Mean fastText vector of a post: vectors from a file, or learned on the training part; subwords for unknown words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from features.parts import fasttext_vectors, word_learning
from features.parts.mean_vectors import MeanVectors
from pipeline.base.ranges import Count, Length, Seed, Share, Vocabulary
from pipeline.base.tokens import Tokenizer, Words

if TYPE_CHECKING:
    from gensim.models import KeyedVectors


class Fasttext(MeanVectors):
    """Mean of the fastText vectors of a post's words, each as often as it occurs: float16 [dimensions].

    Bojanowski et al. 2017, as gensim learns and reads it: a word unheard of has the mean vector of its pieces, runs
    of letters. Source: the text of the paper `dsn`'s rival `catboost_window`. **Ours**: the mean, and learning on the
    training part where no file is named. A post without text has zeros and is valid.
    """

    def __init__(
        self,
        *,
        vectors: str | None = None,
        dimensions: Length = 100,
        minimum_count: Count = 5,
        maximum_words: Vocabulary | None = None,
        shortest: Length = 3,
        longest: Length = 6,
        buckets: Vocabulary = 50_000,
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

        `vectors`: fastText's own file (.bin), or one of words alone (.vec; it knows no pieces), plain, gzip or zip;
        null learns them on the training part, of which alone speak `minimum_count` of occurrences there,
        `maximum_words` that are kept, the most frequent, null for all, `shortest` and `longest` piece in letters,
        `buckets` that pieces share (**ours**: the paper's 2,000,000 would make half a gigabyte of each system's
        state), `skip_gram` (else a continuous bag of words), `window` of words to either side, `epochs`, `sample`
        (words that are a larger share of all are passed over the oftener; 0: none), and `seed`.
        `dimensions` of a vector. `columns` among title, text and tags, null for those the data has; `english`: words
        of ASCII characters only; `placeholders`: links and mentions count as the words `<url>` and `<user>`;
        `tokenizer`: that for tweets or, as UHAN was released, any two letters, digits or underscores and more in a
        row; `length`: words of a post that are read, the first, null for all.
        """
        super().__init__(
            vectors=vectors, dimensions=dimensions, minimum_count=minimum_count, maximum_words=maximum_words,
            columns=columns, english=english, placeholders=placeholders, tokenizer=tokenizer, length=length,
        )  # fmt: skip
        if shortest > longest:
            raise self.error("shortest", f"{shortest} letters are more than the {longest} of longest")
        self._seed = seed
        self._pieces = {"min_n": shortest, "max_n": longest, "bucket": buckets}
        self._training = {
            "vector_size": dimensions, "sg": int(skip_gram), "window": window, "epochs": epochs, "sample": sample,
        }  # fmt: skip

    def check(self) -> None:
        if self._path is not None:
            fasttext_vectors.check(self._path, self._dimensions)

    def load(self, path: Path) -> "KeyedVectors":
        """Vectors by word, and of words by their pieces where the file has them."""
        return fasttext_vectors.load(path, self._dimensions)

    def learn(self, documents: Sequence[Words], counts: Counter[str]) -> dict[str, Any]:
        """The words, their vectors, and those of the buckets of pieces."""
        from gensim.models import FastText

        words = self.choose(counts)
        options = {**self._training, **self._pieces}
        learned = word_learning.train(FastText, documents, counts, words, seed=self._seed, **options).wv
        vectors = {"vectors": learned[words], "pieces": learned.vectors_ngrams}
        return {"words": words, **{k: word_learning.to_text(v.astype(np.float16)) for k, v in vectors.items()}}

    def recall(self, state: Mapping[str, Any]) -> "KeyedVectors":
        """The vectors of gensim, which give one to each word."""
        sizes = {"vectors": len(state["words"]), "pieces": self._pieces["bucket"]}
        arrays = {
            name: word_learning.of_text(state[name], (n, self._dimensions), "float16").astype(np.float32)
            for name, n in sizes.items()
        }
        return fasttext_vectors.make(state["words"], **arrays, **self._pieces)
