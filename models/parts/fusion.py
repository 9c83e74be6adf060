"""Words and regions in one transformer, as ViLT reads them, and the contrast between two such readings.

Kim, Son and Kim, ViLT: Vision-and-Language Transformer Without Convolution or Region Supervision: a token that stands
for all, the text's and the picture's, layers of self-attention with the norm before each half, the norm, the first
token. InfoNCE: van den Oord, Li and Vinyals, Representation Learning with Contrastive Predictive Coding.

Shapes: b posts, m tokens of a modality, s of all, x numbers a token, d the width of the transformer.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from pipeline.storage.examples import PADDING


@dataclass(frozen=True)
class Shape:
    """What a modality is made of: `places` for tokens, of so many `numbers`, or of so many different `words`."""

    places: int
    numbers: int | None = None
    words: int | None = None


class Tokens(nn.Module):
    """Words by their numbers, or vectors through a layer, each with what is learned of its place.

    Places of each modality have vectors of their own, which tell the modality as well.
    """

    def __init__(self, shape: Shape, width: int):
        super().__init__()
        self.words = nn.Embedding(shape.words, width) if shape.words else None
        self.vectors = nn.Linear(shape.numbers, width) if shape.numbers else None
        self.place = nn.Parameter(torch.randn(shape.places, width) * width**-0.5)

    def forward(self, x: Shaped[Tensor, "b ..."]) -> tuple[Float[Tensor, "b m d"], Bool[Tensor, "b m"]]:
        """Tokens, and which there are: no padding, no regions of NaN; a vector a post is one token."""
        if self.words is not None:
            return self.words(x) + self.place, x != PADDING
        x = x.view(len(x), len(self.place), -1)  # [b, m, x]
        present = ~x.isnan().any(-1)  # [b, m]
        return self.vectors(x.masked_fill(~present.unsqueeze(-1), 0)) + self.place, present


class Fusion(nn.Module):
    """A text and a picture, each as its tokens, to one vector; of whatever of them there is."""

    def __init__(self, text: Shape, image: Shape, *, width: int, layers: int, heads: int, dropout: float):
        """Of `heads` that share `width` evenly."""
        super().__init__()
        self.first = nn.Parameter(torch.randn(width) * width**-0.5)
        self.text, self.image = Tokens(text, width), Tokens(image, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(
        self, text: Shaped[Tensor, "b ..."], image: Shaped[Tensor, "b ..."]
    ) -> tuple[Float[Tensor, "b d"], Bool[Tensor, " b"]]:
        """The first token behind all layers, and which posts have a text."""
        (words, there), (regions, seen) = self.text(text), self.image(image)  # [b, m, d], [b, m]
        first = self.first.expand(len(words), 1, -1)  # [b, 1, d]
        tokens = torch.cat([first, words, regions], dim=1)  # [b, s, d]
        present = torch.cat([torch.ones_like(there[:, :1]), there, seen], dim=1)  # [b, s]
        return self.layers(tokens, src_key_padding_mask=~present)[:, 0], there.any(1)


def info_nce(one: Float[Tensor, "b d"], other: Float[Tensor, "b d"], temperature: float) -> Float[Tensor, ""]:
    """How ill each vector finds its own among the others, in both directions; no less than 0.

    s_ij = cos(one_i, other_j) / temperature, and the mean of the cross-entropies of rows and of columns. The logarithm
    of b minus it is a lower bound of the mutual information of both.
    """
    one, other = (nn.functional.normalize(x, dim=-1) for x in (one, other))
    s, own = one @ other.T / temperature, torch.arange(len(one), device=one.device)  # [b, b], [b]
    return (nn.functional.cross_entropy(s, own) + nn.functional.cross_entropy(s.T, own)) / 2
