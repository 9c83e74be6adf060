"""The posts of the dataset as answers speak of them: how popular they were, whose they are, what they bear.

Shapes: n posts.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.base import targets
from pipeline.base.paths import Paths
from pipeline.base.targets import Transform
from pipeline.storage import store

USERS = 1000
"""Users a form proposes, those of most posts first."""
VALUES = 300
"""Values of another column that it proposes."""
CHOSEN = ("category", "subcategory", "concept")
OF_USER = (
    *("followers", "following", "user_photos", "user_views", "user_tags", "user_faves", "user_groups", "is_pro"),
    *("path_alias", "first_photo_at", "first_photo_taken_at", "timezone", "timezone_offset"),
    *("user_description", "user_location"),
)
"""Columns that are a user's, whichever the post."""


@dataclass(frozen=True)
class Standing:
    """Where a prediction lies among earlier posts."""

    n: int
    below: float
    """Share of them that are less popular."""


class Past:
    """All posts of the dataset; `counts` are the targets."""

    def __init__(self, paths: Paths, counts: Collection[str]):
        self.columns = store.columns_of(paths.posts)
        wanted = {"post_id", "user_id", "posted_at", "collected_at", *CHOSEN, *OF_USER, *counts}
        frame = store.read_frame(paths.posts, [column for column in self.columns if column in wanted])
        self.frame = frame
        self._scaled: dict[tuple[str, str, float | None], np.ndarray] = {}
        ids = frame["user_id"] if "user_id" in frame else pd.Series(None, index=frame.index, dtype="object")
        self.users = ids.value_counts().index.tolist()
        self._rows = ids.groupby(ids).indices

    def __len__(self) -> int:
        return len(self.frame)

    def proposed(self, column: str) -> list[str]:
        """What a form proposes for a column, the most frequent first."""
        if column == "user_id":
            return self.users[:USERS]
        if column not in CHOSEN or column not in self.frame:
            return []
        return self.frame[column].value_counts().index[:VALUES].tolist()

    def knows(self, user: str) -> bool:
        """Whether a user has any post."""
        return user in self._rows

    def latest(self, user: str) -> dict[str, object]:
        """What the latest post of a user says of the user: columns of `OF_USER` that it has."""
        if user not in self._rows:
            return {}
        posts = self.frame.iloc[self._rows[user]]
        post = posts.sort_values("posted_at", kind="stable").iloc[-1] if "posted_at" in posts else posts.iloc[-1]
        return {column: post[column] for column in OF_USER if column in post and pd.notna(post[column])}

    def popularity(self, target: str, transform: Transform) -> np.ndarray:
        """How popular all posts were [n] on the scale of a transform, NaN where that is not known."""
        key = (target, transform.name, transform.maximum)
        if key not in self._scaled:
            self._scaled[key] = _scaled(self.frame, target, transform)
        return self._scaled[key]

    def of(self, target: str, transform: Transform, user: str | None = None) -> np.ndarray:
        """How popular posts were [n], sorted: all, or one user's."""
        values = self.popularity(target, transform)
        chosen = values if user is None else values[self._rows.get(user, np.array([], dtype=int))]
        return np.sort(chosen[np.isfinite(chosen)])

    def standing(self, target: str, transform: Transform, value: float, user: str | None = None) -> Standing | None:
        """Where a prediction lies among all posts, or a user's; None where there are none."""
        values = self.of(target, transform, user)
        if not len(values):
            return None
        below = (np.searchsorted(values, value, "left") + np.searchsorted(values, value, "right")) / 2
        return Standing(len(values), float(below) / len(values))

    def usual_days(self) -> float:
        """Days after which posts were looked at, the median; a week where they do not say."""
        days = targets.days_online(self.frame)
        known = days[np.isfinite(days) & (days > 0)] if days is not None else np.array([])
        return round(float(np.median(known)), 1) if len(known) else 7.0


def _scaled(frame: pd.DataFrame, target: str, transform: Transform) -> np.ndarray:
    good = targets.usable(frame, target, transform.name)
    days = targets.days_online(frame)
    raw = frame[target].to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.full(len(frame), np.nan)
    values[good] = transform.apply(raw[good], None if days is None else days[good])
    return values
