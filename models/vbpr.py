"""Visual BPR: what a user likes of pictures beside what a user likes.

He and McAuley, VBPR: Visual Bayesian Personalized Ranking from Implicit Feedback (AAAI 2016): (1) x_ui = alpha + beta_u
+ beta_i + gamma_u . gamma_i + theta_u . (E f_i) + beta' . f_i, where f_i is the picture's vector; (2) the sum over
triples of -ln sigma(x_ui - x_uj) and penalties, halves of squares: `penalty` on the gammas and thetas of a triple,
`bias_penalty` on beta_i and a tenth of it on beta_j, `visual_penalty` on E and beta', for each triple. Sizes, rates and
penalties are those of Cornac. alpha and beta_u cancel, and are left out.

Ours: f is standardised by its training posts, or E f would be as large as its units; a post without a picture has
zeros there, the mean picture. A new post has its picture, and the mean of the rest.

Shapes: k users, p posts, b triples a batch, n posts asked for, d numbers a picture, f numbers a vector.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from models.parts.bpr import DEVIATION, passes
from models.parts.descent import Descent, auc, check_stopping, descend
from models.parts.draws import DRAWS, Negatives, Triples, touched
from models.parts.factors import Factored, Seen
from models.parts.optimizers import OPTIMIZERS
from models.parts.projection import Projection
from models.parts.roles import one_each
from models.parts.training import few_threads
from pipeline.base.ranges import Count, NotNegative, Width
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feed

VISUAL = ("E", "beta")
DESCENT = Descent(learning_rate=0.005, epochs=50)


def first(
    rng: np.random.Generator, *, users: int, posts: int, width: int, factors: int, visual_factors: int
) -> dict[str, np.ndarray]:
    """Small random numbers, such that E f is about as large as gamma; biases of zero."""
    shapes = {"gamma_u": (users, factors), "gamma_i": (posts, factors), "theta_u": (users, visual_factors)}
    drawn = {name: rng.normal(0, DEVIATION, shape) for name, shape in shapes.items()}
    drawn["E"] = rng.normal(0, DEVIATION / np.sqrt(width), (visual_factors, width))
    return drawn | {"beta_i": np.zeros(posts), "beta": np.zeros(width)}


def loss(
    w: Mapping[str, Tensor] | nn.ParameterDict,
    f: tuple[Tensor, Tensor],
    triples: tuple[Tensor, Tensor, Tensor],
    *,
    penalty: float,
    bias_penalty: float,
    visual_penalty: float,
) -> tuple[Tensor, Tensor]:
    """Equation 2 over a batch of triples [b], whose posts' pictures are `f`, twice [b, d]: ranking, and penalties."""
    u, i, j = triples
    gamma_u, theta_u = w["gamma_u"][u], w["theta_u"][u]  # [b, f]
    gamma_i, gamma_j = w["gamma_i"][i], w["gamma_i"][j]  # [b, f]
    beta_i, beta_j = w["beta_i"][i], w["beta_i"][j]  # [b]
    seen = f[0] - f[1]  # [b, d]
    x = beta_i - beta_j + (gamma_u * (gamma_i - gamma_j)).sum(-1)  # [b] (1)
    x = x + (theta_u * (seen @ w["E"].T)).sum(-1) + seen @ w["beta"]  # [b] (1)
    factors = [gamma_u, gamma_i, gamma_j, theta_u]
    penalties = penalty * _half(*factors) + bias_penalty * (_half(beta_i) + _half(beta_j) / 10)
    return -logsigmoid(x).sum(), penalties + len(x) * visual_penalty * _half(w["E"], w["beta"])


def _half(*values: Tensor) -> Tensor:
    return sum((value.square().sum() for value in values), torch.zeros(())) / 2


class VBPR(Factored):
    """BPR with factors of a picture's vector, and what the vector is worth to everybody."""

    def __init__(
        self,
        *,
        features: dict[str, list[str]],
        factors: Width = 10,
        visual_factors: Width = 10,
        penalty: NotNegative = 0.01,
        bias_penalty: NotNegative = 0.01,
        visual_penalty: NotNegative = 0.0,
        negatives: Negatives = "catalogue",
        batch_size: Count = 100,
        descent: Descent = DESCENT,
        seed: int = 0,
    ):
        """VBPR by Adam over drawn triples.

        Args:
            features: one vector of the picture under `image`.
            factors: numbers of gamma.
            visual_factors: numbers of theta.
            penalty: on gamma and theta.
            bias_penalty: on the bias of shared posts, a tenth on that of others.
            visual_penalty: on E and beta'.
            negatives: posts not shared are drawn from all posts known when training ended, or from the lists.
            batch_size: triples a step.
            descent: how it learns.
            seed: of first numbers and triples.
        """
        self.features = one_each(features, needed=("image",))
        self._factors = {"factors": factors, "visual_factors": visual_factors}
        self._penalties = {"penalty": penalty, "bias_penalty": bias_penalty, "visual_penalty": visual_penalty}
        self._negatives: Negatives = negatives
        self._batch_size, self._descent, self._seed = batch_size, descent, seed
        self._scale = Projection()

    def fit(self, train: Feed, validation: Feed) -> None:
        check_stopping(self._descent, validation)
        rng, seen = np.random.default_rng(self._seed), Seen(train, posts=touched(train, self._negatives))
        f = self._scale.fit(train.posts.matrix(self.features["image"]))  # [p, d]
        sizes = {"users": len(train.users), "posts": len(train.posts), "width": f.shape[1]}
        drawn = first(rng, **sizes, **self._factors)
        w = nn.ParameterDict({name: torch.from_numpy(values.astype(np.float32)) for name, values in drawn.items()})
        learned = {name: tensor.detach().numpy() for name, tensor in w.items()}
        draw, shares = DRAWS[self._negatives](train), train.shares.shape[1]
        take = self._steps(w, torch.from_numpy(f))
        epoch = passes(draw, take, rng=rng, shares=shares, batch_size=self._batch_size)
        validate = self._validation(seen, validation, learned) if len(validation) else None
        with few_threads(w):
            self._course = descend(learned, epoch, validate, self._descent, label="vbpr")
        self._users, self._posts = seen.tables(*_own(learned))
        self._visual = {name: learned[name] for name in VISUAL}

    def _steps(self, w: nn.ParameterDict, f: Tensor) -> Callable[[Triples], float]:
        """Steps of Adam, by the pictures [p, d] of all posts."""
        optimizer = OPTIMIZERS["adam"](w.values(), lr=self._descent.learning_rate)

        def take(triples: Triples) -> float:
            u, i, j = map(torch.from_numpy, triples)
            ranking, penalties = loss(w, (f[i], f[j]), (u, i, j), **self._penalties)
            optimizer.zero_grad()
            (ranking + penalties).backward()
            optimizer.step()
            return float(ranking.detach())

        return take

    def _validation(self, seen: Seen, lists: Feed, learned: Mapping[str, np.ndarray]) -> Callable[[], float]:
        rows, places = np.unique(lists.lists, return_inverse=True)
        f = self._pictures(lists.posts.take(rows))

        def validate() -> float:
            users, posts = _own(learned)
            vectors = _beside(seen.posts_at(posts, rows), f, learned)[places.reshape(lists.lists.shape)]
            return auc(np.einsum("lf,lcf->lc", seen.users_at(users, lists.viewers), vectors))

        return validate

    def _pictures(self, posts: Examples) -> np.ndarray:
        """Vectors [n, d] of pictures, standardised."""
        return self._scale.apply(posts.matrix(self.features["image"]))

    def _vectors(self, posts: Examples) -> np.ndarray:
        return _beside(super()._vectors(posts), self._pictures(posts), self._visual)

    def save(self, folder: Path) -> None:
        super().save(folder)
        self._scale.save(folder / "scale.safetensors")
        save_file(self._visual, folder / "visual.safetensors")

    def load(self, folder: Path) -> None:
        super().load(folder)
        self._scale.load(folder / "scale.safetensors")
        self._visual = load_file(folder / "visual.safetensors")


def _own(w: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What users [k, f] and posts [p, f] have of their own: [gamma_u, 1, theta_u] and [gamma_i, beta_i]."""
    users = np.column_stack([w["gamma_u"], np.ones_like(w["gamma_u"][:, 0]), w["theta_u"]])
    return users, np.column_stack([w["gamma_i"], w["beta_i"]])


def _beside(own: np.ndarray, f: np.ndarray, w: Mapping[str, np.ndarray]) -> np.ndarray:
    """Vectors [n, f] of posts, their own and their pictures': [gamma_i, beta_i + beta' f_i, E f_i]."""
    bias = own[:, -1] + f @ w["beta"]
    return np.column_stack([own[:, :-1], bias, f @ w["E"].T])
