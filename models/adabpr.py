"""BPR whose negatives are hard ones: posts that rank high in what the user cares for.

Rendle and Freudenthaler, Improving Pairwise Learning for Item Recommendation from Implicit Feedback (WSDM 2014), the
adaptive oversampling: for a user and a shared post (1) a factor is drawn with p(f | u) ~ |p_uf| sd_i(q_if), (2) a rank
with p(r) ~ exp(-r / lambda), and the negative is the post of that rank by q_.f, from the highest where p_uf > 0 and
from the lowest where not. Orders and deviations are those of the last (3) |I| ln |I| draws. The boosting of BPR that
is called AdaBPR as well is another thing.

Ours: lambda is a share of the posts, since a fixed one means another thing on each dataset; the bias of a post is no
factor; a post the user shared is drawn again as often as `models.parts.draws` says.

Shapes: k users, p posts, f factors, n draws.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np

from models.parts import bpr
from models.parts.bpr import Vectors
from models.parts.descent import Descent, check_stopping
from models.parts.draws import of_shares, touched
from models.parts.factors import Factored
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, NotNegative, Positive, Width, some
from pipeline.storage.feed import Feed


def factors(uniform: np.ndarray, users: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Equation 1: factors [n], by numbers [n] drawn from 0 to 1, factors of users [n, f] and their deviations [f]."""
    weights = np.cumsum(np.abs(users) * deviation, axis=1)  # [n, f]
    weights = np.where(weights[:, -1:] > 0, weights, np.arange(1, len(deviation) + 1))  # none weighs: all alike
    return np.sum(weights[:, :-1] <= uniform[:, None] * weights[:, -1:], axis=1)


def ranks(uniform: np.ndarray, scale: float, posts: int) -> np.ndarray:
    """Equation 2: ranks [n] from 0 on, by numbers [n] drawn from 0 to 1; `scale` is lambda."""
    r = -scale * np.log1p(-uniform * -np.expm1(-posts / scale))
    return np.minimum(r.astype(np.int64), posts - 1)


class Oversampling:
    """Draws posts by the ranks they have when BPR's vectors are as far as they are."""

    def __init__(self, vectors: Vectors, *, scale: float):
        """Of `vectors` that a training moves; `scale` is lambda, in posts."""
        self._vectors, self._scale = vectors, scale
        self._often = len(vectors.posts) * math.log(max(2, len(vectors.posts)))  # (3)
        self._drawn = math.inf

    def __call__(self, rng: np.random.Generator, users: np.ndarray) -> np.ndarray:
        """A post for each of `users` [n], whether they shared it or not."""
        if self._drawn >= self._often:
            self.refresh()
        self._drawn += len(users)
        f = factors(rng.random(len(users)), self._vectors.users[users, 1:], self.deviation)
        return self.posts(users, f, ranks(rng.random(len(users)), self._scale, len(self._vectors.posts)))

    def refresh(self) -> None:
        """Order the posts anew, by each factor from the highest on [f, p]."""
        q = self._vectors.posts[:, 1:]
        self.deviation, self._drawn = q.std(axis=0), 0
        self._orders = np.argsort(-q.T, axis=1, kind="stable")

    def posts(self, users: np.ndarray, f: np.ndarray, r: np.ndarray) -> np.ndarray:
        """The posts [n] of ranks r, from the end of the order where the user's factor is not above zero."""
        up = self._vectors.users[users, 1 + f] > 0
        return self._orders[f, np.where(up, r, self._orders.shape[1] - 1 - r)]


class AdaBPR(Factored):
    """BPR with adaptive oversampling."""

    def __init__(
        self,
        *,
        oversampling: Positive | Annotated[Sequence[Positive], "at least one number", some] = 0.2,
        factors: Width = 16,
        item_bias: bool = True,
        penalty: NotNegative = 0.01,
        batch_size: Count = 1024,
        descent: Descent = Descent(),
        seed: int = 0,
    ):
        """BPR by steps over drawn triples.

        Args:
            oversampling: lambda of (2) as a share of all posts known when training ended; of several that with the
                best AUC on the validation lists.
            factors: numbers of a vector.
            item_bias: whether a post has a bias, what it is worth to everybody.
            penalty: on the squares of what a triple reads.
            batch_size: triples a step.
            descent: how it learns.
            seed: of first vectors and triples.
        """
        self._shares = list(oversampling) if isinstance(oversampling, Sequence) else [oversampling]
        self._options = {"factors": factors, "item_bias": item_bias, "penalty": penalty, "batch_size": batch_size}
        self._options |= {"descent": descent, "seed": seed}
        self._descent = descent

    def fit(self, train: Feed, validation: Feed) -> None:
        check_stopping(self._descent, validation)
        if len(self._shares) > 1 and not len(validation):
            raise UserError("oversampling: there are no validation lists to choose one on; give one number")
        fitted = [self._fit(train, validation, share) for share in self._shares]
        best = max(fitted, key=lambda one: one.course.best)
        self._users, self._posts, self._course = best

    def _fit(self, train: Feed, validation: Feed, share: float) -> bpr.Fitted:
        def draw(vectors: Vectors) -> bpr.Draw:
            return of_shares(train, Oversampling(vectors, scale=share * train.known))

        fitted = bpr.fit(train, validation, draw, touched(train, "catalogue"), ahead=1, **self._options)
        fitted.course.settings["oversampling"] = share
        return fitted
