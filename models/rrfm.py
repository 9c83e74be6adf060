"""The relaxed ranking factor model: shared posts above a margin, all others below another, most of them in groups.

Cheng and co-authors' own code (LocRec, 2017); equations are of its objective, with u_i and v_j vectors of users and
posts, O_i what user i shared, posts in groups h of n_h, and margins r_ih:
(1) vbar_ih, the mean vector of those of group h that i did not share,
(2) L = sum_i [sum_(j in O_i) f(1 - u_i . v_j) + sum_h f(u_i . vbar_ih - r_ih) + sum_(j in E_i) f(u_i . v_j - r_ig(j))]
    + penalty (|U|^2 / 2 + |V|^2 / 2 + sum r_ih), with r_ih >= 1,
(3) f(x) = max(0, x), with the gradient sigma(5 x) of its smooth form.
E_i are some posts that i did not share and that score above the mean of their whole group. A pass moves all vectors of
posts down (2), then those of users, then margins; the rate grows by 5 % where the loss fell and is halved where not.

Ours: E_i are drawn before a pass and kept through it, in three tries a post wanted, for there may be too few and the
released loop would never end; one drawn twice counts twice. The pass is chosen on the validation lists; without
`patience` it stops as released, which is far too late where it was measured. A new user or post has the mean vector.

Shapes: k users, p posts, s shares, e posts of all E_i, h groups, f numbers a vector.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import expit

from models.parts.descent import Descent, check_stopping, descend
from models.parts.draws import Negatives, Shared, touched
from models.parts.factors import Factored, Seen
from pipeline.base.ranges import Count, NotNegative, Width
from pipeline.storage.feed import Feed

SHARPNESS = 5
FALLEN, RISEN, FASTEST = 1.05, 0.5, 3
"""What the rate is multiplied with, and how many times the first one it may be; it is never less than that."""
TRIES = 3
"""Posts looked at for each one of E_i that is wanted."""
SETTLED, SETTLED_AFTER = 5e-15, 5
"""Relative change of the loss at which the released code stops, and passes before it does."""
BLOCK = 4096
"""Users whose E_i are drawn at once."""
DESCENT = Descent(learning_rate=1e-3, epochs=250)
Pairs = tuple[np.ndarray, np.ndarray]
"""Rows of users and of posts."""


@dataclass
class State:
    """What is learned: vectors of users [k, f] and of posts [p, f], and margins [k, h]; changed in place."""

    users: np.ndarray
    posts: np.ndarray
    margins: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, users: int, posts: int, groups: int, factors: int) -> "State":
        """As released: numbers from 0 to .1, margins from 1 to 1.1."""
        u, v, r = (rng.uniform(0, 0.1, shape) for shape in ((users, factors), (posts, factors), (users, groups)))
        return cls(u, v, 1 + r)


def grouped(rng: np.random.Generator, posts: int, groups: int) -> np.ndarray:
    """The group [p] of each post: groups of equal size, but for one post, by chance."""
    of = np.empty(posts, dtype=np.int64)
    of[rng.permutation(posts)] = np.arange(posts) % groups
    return of


class Objective:
    """Equation 2 and its descent, for who shared what and posts in groups."""

    def __init__(self, shares: np.ndarray, users: int, groups: np.ndarray, *, penalty: float):
        """Of `shares`, users and posts [2, s], each pair once, and the group of each post [p]."""
        self.shares, self._groups, self._penalty = shares, groups, penalty
        self._shape = (users, len(groups))
        self._member = sparse.csr_array((np.ones(len(groups)), (np.arange(len(groups)), groups)))  # [p, h]
        self._shared = Shared(shares, users, len(groups))
        self.sizes = np.asarray(self._member.sum(axis=0))  # [h]
        self._left = self.sizes - self._by_group(np.ones(shares.shape[1]))  # [k, h]

    def _pairs(self, pairs: Pairs | np.ndarray, values: np.ndarray) -> sparse.csr_array:
        """Values of pairs as a table [k, p]."""
        return sparse.csr_array((values, (pairs[0], pairs[1])), shape=self._shape)

    def _by_group(self, values: np.ndarray) -> np.ndarray:
        """Sums [k, h] of values [s] of shares."""
        return (self._pairs(self.shares, values) @ self._member).toarray()

    def whole_means(self, posts: np.ndarray) -> np.ndarray:
        """The mean vectors [h, f] of whole groups."""
        return self._member.T @ posts / np.maximum(1, self.sizes)[:, None]

    def extra(self, rng: np.random.Generator, state: State, wanted: int) -> Pairs:
        """E: of each user up to `wanted` posts, drawn among those not shared that score above their group's mean."""
        blocks = np.array_split(np.arange(self._shape[0]), -(-self._shape[0] // BLOCK))
        drawn = [self._extra_of(rng, state, users, wanted) for users in blocks]
        return np.concatenate([u for u, _ in drawn]), np.concatenate([j for _, j in drawn])

    def _extra_of(self, rng: np.random.Generator, state: State, users: np.ndarray, wanted: int) -> Pairs:
        u = np.repeat(users, TRIES * wanted)
        j = rng.integers(0, self._shape[1], len(u))
        means = (state.users[users] @ self.whole_means(state.posts).T)[u - users[0], self._groups[j]]
        u, j = (rows[(_scores(state, (u, j)) > means) & ~self._shared.has(u, j)] for rows in (u, j))
        return tuple(rows[np.arange(len(u)) - np.searchsorted(u, u) < wanted] for rows in (u, j))

    def _over(self, state: State, extra: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By how much what (2) has in f is above zero: of shares [s], of groups [k, h], of E [e]."""
        x = _scores(state, self.shares)
        sums = state.users @ (self._member.T @ state.posts).T - self._by_group(x)  # [k, h]
        of_groups = np.where(self._left > 0, sums / np.maximum(1, self._left) - state.margins, -np.inf)  # (1)
        return 1 - x, of_groups, _scores(state, extra) - state.margins[extra[0], self._groups[extra[1]]]

    def loss(self, state: State, extra: Pairs) -> float:
        """Equation 2 without its penalties, as the released code reports it and goes by."""
        return sum(float(np.maximum(0, over).sum()) for over in self._over(state, extra))

    def step(self, state: State, extra: Pairs, learning_rate: float) -> None:
        """Move posts, then users, then margins, each down (2) from where the others then are."""
        state.posts -= learning_rate * self._of_posts(state, extra)
        state.users -= learning_rate * self._of_users(state, extra)
        state.margins -= learning_rate * self._of_margins(state, extra)
        np.maximum(state.margins, 1, out=state.margins)

    def _slopes(self, state: State, extra: Pairs) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
        """What every gradient is made of: how (2) grows with u_i . v_j, by pair [k, p], by group [k, h]; and (3) of E.

        The mean of a group holds no post that was shared: of those, what the group has is taken off again.
        """
        shared, of_groups, of_extra = (expit(SHARPNESS * over) for over in self._over(state, extra))  # (3)
        by_group = of_groups / np.maximum(1, self._left)  # [k, h]
        taken = by_group[self.shares[0], self._groups[self.shares[1]]]  # [s]
        by_pair = self._pairs(self.shares, -shared - taken) + self._pairs(extra, of_extra)
        return by_pair, by_group, of_extra

    def _of_posts(self, state: State, extra: Pairs) -> np.ndarray:
        by_pair, by_group, _ = self._slopes(state, extra)
        of_group = by_group.T @ state.users  # [h, f]
        return by_pair.T @ state.users + of_group[self._groups] + self._penalty * state.posts

    def _of_users(self, state: State, extra: Pairs) -> np.ndarray:
        by_pair, by_group, _ = self._slopes(state, extra)
        sums = self._member.T @ state.posts  # [h, f]
        return by_pair @ state.posts + by_group @ sums + self._penalty * state.users

    def _of_margins(self, state: State, extra: Pairs) -> np.ndarray:
        _, by_group, of_extra = self._slopes(state, extra)
        gradient = self._penalty - by_group * np.maximum(1, self._left)  # [k, h]
        np.subtract.at(gradient, (extra[0], self._groups[extra[1]]), of_extra)
        return gradient


def _scores(state: State, pairs: Pairs | np.ndarray) -> np.ndarray:
    return np.einsum("nf,nf->n", state.users[pairs[0]], state.posts[pairs[1]])


class RRFM(Factored):
    """A vector a user and a post; what a user did not share is kept below a margin of the user's own, by groups."""

    def __init__(
        self,
        *,
        factors: Width = 10,
        groups: Count = 100,
        extra: Count = 100,
        penalty: NotNegative = 0.01,
        negatives: Negatives = "lists",
        descent: Descent = DESCENT,
        seed: int = 0,
    ):
        """RRFM by descent over everything at once.

        Args:
            factors: numbers of a vector.
            groups: of posts.
            extra: posts of E_i.
            penalty: of vectors and margins.
            negatives: the posts in groups are all that were known when training ended, or, for the lists the paper of
                `amnl` draws, those that are in lists or were shared.
            descent: how it learns; without patience, as released.
            seed: of first numbers, groups and E.
        """
        self._factors, self._groups, self._extra, self._penalty = factors, groups, extra, penalty
        self._negatives: Negatives = negatives
        self._descent, self._seed = descent, seed

    def fit(self, train: Feed, validation: Feed) -> None:
        check_stopping(self._descent, validation)
        rng, seen = np.random.default_rng(self._seed), Seen(train, posts=touched(train, self._negatives))
        users, posts = int(seen.users.sum()), int(seen.posts.sum())
        groups = grouped(rng, posts, self._groups)
        objective = Objective(seen.own(train.shares), users, groups, penalty=self._penalty)
        state = State.draw(rng, users, posts, int(groups.max()) + 1, self._factors)
        validate = (lambda: seen.auc(validation, state.users, state.posts)) if len(validation) else None
        epoch = self._pass(objective, state, rng)
        self._course = descend(vars(state), epoch, validate, self._descent, settled=settled, label="rrfm")
        self._users, self._posts = seen.tables(state.users, state.posts)

    def _pass(self, objective: Objective, state: State, rng: np.random.Generator) -> Callable[[], float]:
        """A pass, which gives the loss after it, a share."""
        rate, losses = Rate(self._descent.learning_rate), [math.inf]

        def epoch() -> float:
            extra = objective.extra(rng, state, self._extra)
            objective.step(state, extra, rate.now)
            losses.append(objective.loss(state, extra))
            rate.follow(losses)
            return losses[-1] / objective.shares.shape[1]

        return epoch


class Rate:
    """A learning rate that follows the losses, as released."""

    def __init__(self, first: float):
        self._first = self.now = first

    def follow(self, losses: Sequence[float]) -> None:
        """After a pass, by all losses so far."""
        if np.isfinite(losses[-2]):
            self.now *= FALLEN if losses[-1] < losses[-2] else RISEN
        self.now = min(max(self.now, self._first), FASTEST * self._first)


def settled(losses: Sequence[float]) -> bool:
    """The released rule to stop: after five passes, where a loss is that of the pass before."""
    return len(losses) > SETTLED_AFTER and abs(losses[-1] - losses[-2]) < SETTLED * abs(losses[-2])
