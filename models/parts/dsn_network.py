"""The network of `dsn`: equations 3-21 of the DSN paper, and what its authors' code does instead.

Zhang, Xie, Yang, Tian, Jiang and Cui, Improving Social Media Popularity Prediction with Multiple Post
Dependencies. `models/dsn.py` says what is ours.

Shapes: b posts, l posts a window, the post itself last, v and t numbers of a picture's and a text's vector, k levels
of categories, m numbers of a user, d the width of hidden layers, f of all that is known of a post.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from models.parts import categories
from models.parts.dense import dense
from models.parts.lookup import Lookup
from models.parts.sequences import Adapter, Comparison, Fusion, Lookback

Padding = Literal["masked", "zeros"]


class Seen(NamedTuple):
    """A prediction, and how much of it came from each post before; None where the network does not ask them."""

    prediction: Float[Tensor, " b"]
    past: Float[Tensor, "b past"] | None


class DSNNetwork(nn.Module):
    """Equations 3-21, over those inputs that have a size."""

    def __init__(
        self,
        *,
        image: int | None,
        text: int | None,
        levels: Sequence[int],
        users: int,
        numbers: int,
        hidden: int,
        heads: int,
        alpha: float,
        beta: float,
        dropout: float,
        category: categories.Kind = "hierarchical",
        category_dropout: float = 0.0,
        short_term: bool = True,
        long_term: bool = True,
        padding: Padding = "masked",
        dense_inputs: bool = False,
        residual: bool = True,
        comparison: Comparison = "dot",
        feed_forward: bool = True,
        dense_user: bool = False,
    ):
        """Of `image` and `text` numbers a vector, None without; `levels` and `users` are rows of their tables."""
        super().__init__()
        self.image = Adapter(image, hidden, alpha) if image else None
        self.text = Adapter(text, hidden, beta) if text else None
        self.category = categories.embed(category, levels, hidden, category_dropout) if levels else None
        width = hidden * (bool(image) + bool(text)) + (self.category.width if self.category else 0)
        self.inputs, self.fusion, self.lookback, self.output = nn.Identity(), None, None, None
        self.padding: Padding = padding
        if width:
            if dense_inputs:
                self.inputs, width = dense((width, 2 * hidden, hidden), dropout), hidden
            self.fusion = Fusion(width, hidden, dropout, residual=residual) if short_term else Alone(width, hidden)
            self.lookback = Lookback(hidden, heads, comparison) if long_term else None
            self.output = FeedForward(hidden, dropout, past=long_term) if feed_forward else Added(hidden)
        self.users = Lookup(users, hidden)
        self.numbers = nn.Sequential(nn.Linear(numbers, hidden), nn.ReLU()) if dense_user and numbers else nn.Identity()
        user = hidden + (hidden if dense_user and numbers else numbers)
        self.head = dense(((hidden if width else 0) + user, hidden, 1), dropout)

    def forward(self, **inputs: Tensor) -> Float[Tensor, " b"]:
        """Predictions; the arguments are those of `look`."""
        return self.look(**inputs).prediction

    def look(
        self,
        users: Int[Tensor, " b"],
        numbers: Float[Tensor, "b m"],
        present: Bool[Tensor, "b l"] | None = None,
        image: Float[Tensor, "b l v"] | None = None,
        text: Float[Tensor, "b l t"] | None = None,
        category: Int[Tensor, "b l k"] | None = None,
    ) -> Seen:
        """Predictions, and where the attention lay."""
        # Users' numbers are standardised, so that what is missing is as everybody's mean.
        u = [self.users(users), self.numbers(numbers.nan_to_num())]  # [b, d], [b, m or d] (Table 1)
        if self.output is None:
            return Seen(self.head(torch.cat(u, dim=-1)).squeeze(-1), None)  # (21)
        present = torch.ones_like(present) if self.padding == "zeros" else present  # [b, l]
        f = []
        if self.image is not None:
            f.append(self.image(_known(image, present)))  # [b, l, d] (4)
        if self.text is not None:
            f.append(self.text(_known(text, present)))  # [b, l, d] (5)
        if self.category is not None:
            f.append(self.category(category))  # [b, l, d] (6-9)
        phi = self.fusion(self.inputs(torch.cat(f, dim=-1)), present)  # [b, l, d] (10-16)
        h, weights = (None, None) if self.lookback is None else self.lookback(phi, present)  # [b, d] (17-19)
        h_tilde = self.output(h, phi[:, -1])  # [b, d] (20)
        return Seen(self.head(torch.cat([h_tilde, *u], dim=-1)).squeeze(-1), weights)  # (21)

    def extra_repr(self) -> str:
        return f"padding={self.padding}"


class Alone(nn.Module):
    """Equation 12 without the LSTM and its gate (ours): each post for itself."""

    def __init__(self, numbers: int, width: int):
        super().__init__()
        self.shortcut, self.norm = nn.Linear(numbers, width, bias=False), nn.LayerNorm(width)

    def forward(self, f: Float[Tensor, "b l f"], present: Tensor) -> Float[Tensor, "b l d"]:
        return self.norm(self.shortcut(f))


class FeedForward(nn.Module):
    """Equation 20; of the post alone where there is no attention."""

    def __init__(self, width: int, dropout: float, *, past: bool):
        super().__init__()
        self.dense = dense((2 * width if past else width, width, width), dropout)

    def forward(self, h: Float[Tensor, "b d"] | None, phi: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return self.dense(phi if h is None else torch.cat([h, phi], dim=-1))


class Added(nn.Module):
    """As released instead of equation 20: what the posts before gave, through a layer, added to the post."""

    def __init__(self, width: int):
        super().__init__()
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width)

    def forward(self, h: Float[Tensor, "b d"] | None, phi: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return self.norm(phi if h is None else torch.relu(self.dense(h)) + phi)


def _known(x: Float[Tensor, "b l x"], present: Bool[Tensor, "b l"]) -> Float[Tensor, "b l x"]:
    """Zeros for posts that are not there, and for those that lack the vector."""
    return torch.where(present.unsqueeze(-1), x, 0).nan_to_num()
