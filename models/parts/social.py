"""Whom a user follows and what it is to the user: the ranking function of `amnl` and `amnl_plus`, and its loss.

Image Retweet Prediction via Attentional Multi-Faceted Ranking Network Learning, sections II-A and II-B, whose
equations have no numbers: F_u(z) = f_u(z) h_N(z), f_u(z) = u . z, h_N(z) the sum over followees q of alpha_q f_q(z),
with alpha the softmax of p . tanh(W u + W q + b); max(0, c + F_u(z_k) - F_u(z_i)) of a post i that was shared and
another, k. Since h is linear in z, it is the product of z and one vector of a user, s = sum of alpha_q q.

Ours: a user without followees has h = 1; users whom training does not touch have the mean vector of those it does.

Shapes: b users or lists, c posts a list, q followees a user, n different posts, d the width of vectors, e
= 2d + 1.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.parts.attention import masked_softmax
from models.parts.batches import Batch
from models.parts.lookup import Lookup
from models.parts.multimodal import Additive

NOBODY = -1
"""Fills up rows of followees."""


class Preferences(nn.Module):
    """Vectors of users, and what those they follow are to them."""

    def __init__(self, users: int, width: int, space: int, *, social: bool):
        """Of `users` numbers; without `social` there is no h."""
        super().__init__()
        self.users = Lookup(users, width)
        self.attention = Additive(width, width, space) if social else None

    def forward(self, users: Int[Tensor, " b"], followees: Int[Tensor, "b q"] | None = None) -> Float[Tensor, "b e"]:
        """u, s, and d times whether there is an s, side by side: so that one product of each with z is F's."""
        u = self.users(users)  # [b, d]
        if self.attention is None or followees is None or not followees.shape[1]:
            return torch.cat([u, torch.zeros_like(u), torch.zeros_like(u[:, :1])], dim=-1)
        mask = followees != NOBODY  # [b, q]
        q = self.users(followees)  # [b, q, d]
        alpha = masked_softmax(self.attention(u, q), mask)  # [b, q]
        s = (alpha.to(q.dtype).unsqueeze(1) @ q).squeeze(1)  # [b, d]
        return torch.cat([u, s, mask.any(-1, keepdim=True).to(u.dtype)], dim=-1)


def preference(users: Float[Tensor, "*b e"], z: Float[Tensor, "*b d"]) -> Float[Tensor, "*b"]:
    """F of pairs of a user, as `Preferences` gives it, and a post."""
    u, s, social = users[..., : z.shape[-1]], users[..., z.shape[-1] : -1], users[..., -1] > 0
    return (u * z).sum(-1) * torch.where(social, (s * z).sum(-1), 1.0)


class MultiFaceted(nn.Module):
    """Scores of lists: users by `preferences`, posts by `fusion`."""

    def __init__(self, preferences: Preferences, fusion: nn.Module):
        super().__init__()
        self.preferences, self.fusion = preferences, fusion

    def forward(
        self,
        users: Int[Tensor, " b"],
        lists: Int[Tensor, "b c"],
        followees: Int[Tensor, "b q"] | None = None,
        **posts: Tensor,
    ) -> Float[Tensor, "b c"]:
        """F; `lists` are places among the n `posts`."""
        z = self.fusion(**posts)  # [n, d]
        of_users = self.preferences(users, followees)  # [b, e]
        return preference(of_users.unsqueeze(1).expand(-1, lists.shape[1], -1), z[lists])  # [b, c]


def margin_loss(scores: Float[Tensor, "b c"], c: float) -> Float[Tensor, ""]:
    """The sum over the others of a list, the first of which was shared; mean over lists."""
    return (c + scores[:, 1:] - scores[:, :1]).clamp_min(0).sum(-1).mean()


class Margin:
    """The loss in training; in validation 1 - AUC, by which it is stopped."""

    def __init__(self, c: float):
        self.c = c
        self.__qualname__ = f"Margin({c})"  # names the loss in checkpoints

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        scores = network(**batch).float()  # [b, c]
        if network.training:
            return margin_loss(scores, self.c)
        return (1 - torch.sign(scores[:, :1] - scores[:, 1:])).mean() / 2


@torch.no_grad()
def draw_weights(network: nn.Module) -> None:
    """Gaussian ones with mean zero, as the paper says; ours: such that sums are as large as what they are of.

    Biases are zero; uses torch's generator.
    """
    for name, parameter in network.named_parameters():
        if parameter.dim() < 2:
            nn.init.zeros_(parameter)
        elif not name.endswith("words.table.weight"):
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
