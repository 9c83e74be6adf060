"""What a post is to the networks of `amnl` and `amnl_plus`: a picture and sentences become one vector z.

Image Retweet Prediction via Attentional Multi-Faceted Ranking Network Learning, section II-B, whose equations have no
numbers. A post without a picture has zeros in place of its vectors, one without sentences y = 0 (ours).

Ours, of the guided fusion: a location is a number along columns and one along rows, the ends of g the edges of the
picture; between the centres of regions a reading is bilinear, so that gradients reach the location, and beyond the
outer ones it is of these. f is the mean of the map where no vector is given. The second recurrent network is an LSTM,
its output its state; its matrices are those of every step.

Shapes: n posts, m sentences a post, w words a sentence, k a state, v numbers of a picture or region, s x s regions in
rows r, o readings around a location, d the width of z, a that of the attention.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.parts.attention import Words

AMPLITUDE, SLOPE = 1.7159, 2 / 3


def g(x: Tensor) -> Tensor:
    """The scaled hyperbolic tangent."""
    return AMPLITUDE * torch.tanh(SLOPE * x)


class Additive(nn.Module):
    """p . tanh(W one + W other + b): how much one thing heeds each of several others."""

    def __init__(self, one: int, other: int, width: int):
        """Of so many numbers the one and each other; `width` of the space they are compared in."""
        super().__init__()
        self.one, self.other = nn.Linear(one, width), nn.Linear(other, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, one: Float[Tensor, "n x"], others: Float[Tensor, "n o y"]) -> Float[Tensor, "n o"]:
        inside = torch.tanh(self.one(one).unsqueeze(1) + self.other(others))  # [n, o, a]
        return self.score(inside).squeeze(-1)  # [n, o]


class Sentences(nn.Module):
    """y_i1, y_i2, ...: the LSTM's state after the last word of each sentence; zero where there is none."""

    def __init__(self, words: int, embedding: int, states: int):
        super().__init__()
        self.words = Words(words, embedding, states)

    def forward(self, sentences: Int[Tensor, "n m w"]) -> Float[Tensor, "n m k"]:
        n, m, w = sentences.shape
        rows, places = torch.unique(sentences.view(n * m, w), dim=0, return_inverse=True)  # repeated ones once
        read = self.words(rows)  # [., w, k]
        return read.pool(read.last()).index_select(0, places).view(n, m, -1)  # [n, m, k]


class Summed(nn.Module):
    """z = g(W f + W y), y the maximum over sentences; without what an ablation goes without."""

    def __init__(self, *, numbers: int | None, words: int | None, embedding: int, states: int, width: int):
        """Of `numbers` a picture and rows of `words`; None goes without."""
        super().__init__()
        self.image = nn.Linear(numbers, width, bias=False) if numbers else None
        self.sentences = Sentences(words, embedding, states) if words else None
        self.text = nn.Linear(states, width, bias=False) if words else None

    def forward(
        self, image: Float[Tensor, "n v"] | None = None, sentences: Int[Tensor, "n m w"] | None = None
    ) -> Float[Tensor, "n d"]:
        parts = []
        if self.image is not None:
            parts.append(self.image(_filled(image)))  # [n, d]
        if self.sentences is not None:
            y = self.sentences(sentences).amax(1)  # [n, k]
            parts.append(self.text(y))  # [n, d]
        return g(sum(parts[1:], parts[0]))  # [n, d]


class Seen(NamedTuple):
    """What the guided fusion gives: z, and in each step where it was and how much of each region it took."""

    z: Float[Tensor, "n d"]
    locations: Float[Tensor, "n m 2"]
    """From -1 to 1 along columns and along rows."""
    regions: Float[Tensor, "n m r"]


class Guided(nn.Module):
    """The textually guided fusion: each sentence looks around a location of the map, which moves on from there."""

    def __init__(
        self,
        *,
        numbers: int,
        image: int | None,
        words: int | None,
        embedding: int,
        states: int,
        width: int,
        space: int,
        window: int,
        steps: int,
    ):
        """Of `numbers` a region and `image` of the vector, None for the mean of the map.

        Without `words` (AMNL+i), the mean of the map is read in every one of the `steps`.
        """
        super().__init__()
        self.sentences = Sentences(words, embedding, states) if words else None
        self.attention = Additive(states, numbers, space) if words else None
        self.recurrent = nn.LSTM(numbers, states, batch_first=True)
        self.from_image = nn.Linear(image or numbers, 2, bias=False) if words else None
        self.from_state = nn.Linear(states, 2, bias=False) if words else None
        self.output = nn.Linear(states, width, bias=False)
        self.register_buffer("first", (2 * torch.rand(2) - 1) * AMPLITUDE)  # l_0, of all posts
        self.register_buffer("offsets", torch.arange(window) - (window - 1) / 2)
        self.steps = steps

    def forward(self, **inputs: Tensor) -> Float[Tensor, "n d"]:
        """Vectors of posts; the arguments are those of `look`."""
        return self.look(**inputs).z

    def look(
        self,
        regions: Float[Tensor, "n r v"],
        image: Float[Tensor, "n x"] | None = None,
        sentences: Int[Tensor, "n m w"] | None = None,
    ) -> Seen:
        """Vectors of posts, and where it looked."""
        x = _filled(regions)  # [n, r, v]
        mean = x.mean(1)  # [n, v]
        if self.sentences is None:
            h = self.recurrent(mean.unsqueeze(1).expand(-1, self.steps, -1))[0]  # [n, m, k]
            even = torch.full_like(x[:, None, :, 0], 1 / x.shape[1]).expand(-1, self.steps, -1)
            return Seen(self.output(h[:, -1]), x.new_zeros(len(x), self.steps, 2), even)
        y = self.sentences(sentences)  # [n, m, k]
        f = self.from_image(mean if image is None else _filled(image))  # [n, 2], W(j) f
        location, state = self.first.to(x.dtype).expand(len(x), 2), None
        locations, seen = [], []
        for j in range(self.steps):
            near = around(location, self.offsets, round(x.shape[1] ** 0.5))  # [n, o, r]
            eta = near @ x  # [n, o, v]
            alpha = self.attention(y[:, j], eta).softmax(-1).to(x.dtype)  # [n, o]
            taken = (alpha.unsqueeze(1) @ near).squeeze(1)  # [n, r]
            locations.append(location / AMPLITUDE)
            seen.append(taken)
            h, state = self.recurrent((alpha.unsqueeze(1) @ eta), state)  # [n, 1, k]
            location = g(f + self.from_state(h.squeeze(1)))  # [n, 2]
        return Seen(self.output(h.squeeze(1)), torch.stack(locations, 1), torch.stack(seen, 1))

    def extra_repr(self) -> str:
        return f"steps={self.steps}"


def around(location: Float[Tensor, "n 2"], offsets: Float[Tensor, " q"], side: int) -> Float[Tensor, "n o r"]:
    """How much each reading around a location takes from each region; sums to one."""
    places = ((location / AMPLITUDE + 1) / 2 * side - 0.5).unsqueeze(-1) + offsets.to(location.dtype)  # [n, 2, q]
    places = places.clamp(0, side - 1)
    regions = torch.arange(side, device=location.device, dtype=location.dtype)  # [s]
    near = (1 - (places.unsqueeze(-1) - regions).abs()).clamp_min(0)  # [n, 2, q, s]
    columns, rows = near.unbind(1)  # [n, q, s]
    both = rows[:, :, None, :, None] * columns[:, None, :, None, :]  # [n, q, q, s, s]
    return both.flatten(3).flatten(1, 2)  # [n, o, r]


def _filled(x: Tensor) -> Tensor:
    """Zeros in place of the NaN of what is missing."""
    return torch.nan_to_num(x.float() if x.dtype.itemsize < 4 else x, nan=0.0, posinf=0.0, neginf=0.0)
