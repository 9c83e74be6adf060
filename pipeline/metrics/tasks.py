"""What there is to predict: how popular a post gets, and who will share it. How each is scored and told.

Shapes: n units, posts or users; k metrics of ranking.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.metrics import ranking, regression
from pipeline.metrics.shared import Metric


@dataclass(frozen=True)
class Task:
    """One kind of question. Systems of different tasks never stand in one table."""

    name: str
    metrics: Mapping[str, Metric]
    """By name: from the truth [n] and predictions [..., n], or [..., n, k], to a number a row of them."""
    leading: str
    """The metric that orders systems."""
    lowest: bool
    """Whether the lowest is the best."""
    loss: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """What paired tests compare: from the same to a number [..., n] a unit."""
    losses: str
    """What that is, in words."""
    units: str
    """What is resampled and counted."""
    heads: Mapping[str, str]
    """Columns of the leaderboard: the metric, and what people read."""
    explained: str
    """What these heads mean."""

    protocol: str
    """What the protocol on its leaderboard says."""
    title: str = "Leaderboard"
    counted: str = ""
    """What stands behind the number of units."""

    @property
    def order(self) -> str:
        """Which system stands on top."""
        return f"{'Lowest' if self.lowest else 'Highest'} {self.heads[self.leading]}"

    def file(self, stem: str) -> str:
        """The name of one of its files among those of all tasks."""
        return stem if self is POPULARITY else f"{stem}_{self.name}"


def per_user(relevant: np.ndarray, scores: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each user's k metrics of ranking from posts [p]: users [n], sorted, and numbers [m, n, k] of scores [m, p].

    `relevant` and `users` [p] say of each post whether it was shared and to whom it was shown.
    """
    names, at, counts = np.unique(users, return_inverse=True, return_counts=True)
    found = np.empty((len(scores), len(names), len(RANKING.metrics)))
    order = np.argsort(at, kind="stable")
    ends = np.cumsum(counts)
    for count in np.unique(counts):  # users with as many posts are scored together
        which = np.flatnonzero(counts == count)
        posts = order[ends[which][:, None] - count + np.arange(count)]  # [users, count]
        for i, metric in enumerate(ranking.discover().values()):
            found[:, which, i] = metric(relevant[posts].astype(np.float64), scores[:, posts])
    return names, found


def _absolute_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    return np.abs(prediction - y)


def _mean_of(column: int, y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The mean over users of one of their metrics."""
    return np.mean(prediction[..., column], axis=-1)


def _not_in_order(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    return 1 - prediction[..., list(ranking.discover()).index("auc")]


POPULARITY = Task(
    name="popularity",
    metrics=regression.discover(),
    leading="rmse",
    lowest=True,
    loss=_absolute_error,
    losses="absolute errors",
    units="posts",
    heads={
        "rmse": "RMSE",
        "mae": "MAE",
        "median_absolute_error": "MedAE",
        "mean_error": "ME",
        "error_variance": "variance",
        "spearman": "Spearman",
    },
    protocol="method, train:validation:test, seed, transform of the target",
    explained="MedAE: median absolute error. ME: mean error, prediction minus truth. variance: of the error.",
)
RANKING = Task(
    name="ranking",
    metrics={name: partial(_mean_of, column) for column, name in enumerate(ranking.discover())},
    leading="auc",
    lowest=False,
    loss=_not_in_order,
    losses="AUC",
    units="users",
    heads={"auc": "AUC", "precision_at_1": "P@1", "precision_at_3": "P@3", "ndcg": "NDCG", "mrr": "MRR"},
    protocol="shares in train:validation:test, in order of time where they have any, seed, how lists were drawn",
    explained=(
        "All are means over users, each of all posts in the user's lists together; ties count as an order by chance. "
        "AUC: share of the pairs of a shared post and another in the right order. P@1, P@3: share of shared posts "
        "among the first one and three. NDCG, MRR: discounted gain over the best possible; one over the first shared "
        "post's place."
    ),
    title="Leaderboard: who will share it",
    counted=" users",
)
TASKS = (POPULARITY, RANKING)
