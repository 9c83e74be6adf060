"""What the labels of earlier posts say, for each group after each of its posts: made once, then looked up.

Shapes: m posts with a label, k of them with a group and a time, n posts asked for.
"""

import numpy as np
import pandas as pd

from features.parts.past import Timeline

PULLS = (2, 8)
"""Posts of the level of everybody that a mean is pulled to it by."""
RANKS, HALF_LIVES = (3, 10), (30, 365)
"""Posts, and days, after which an earlier label counts half."""
LATELY = 200
"""Posts of everybody after which an earlier one counts half."""
KEPT = ("last", "last_but_one", "mean_of_3", "median", "smallest", "largest")
OF_GROUP = (
    *("known", "mean", *(f"mean_with_{pull}" for pull in PULLS), *KEPT),
    *(f"mean_by_{rank}_posts" for rank in RANKS),
    *(f"mean_by_{days}_days" for days in HALF_LIVES),
    *("deviation", "days_since"),
)
"""What is told of a group; the labels' own unit, but for `known` posts and `days_since` the last of them."""
OF_ALL = ("known", "mean", "lately")
"""What is told of everybody."""


class Labels:
    """Labels of earlier posts by group: what was known of one before some instant.

    The order of posts of one instant is that of their labels, which is the same wherever they stand.
    """

    def __init__(self, groups: np.ndarray, days: np.ndarray, y: np.ndarray):
        """Of m posts: groups of object, None for none; days, NaN for none; labels."""
        self._timeline = Timeline(groups, days, y)
        self._known = _known(self._timeline, y[self._timeline.rows])

    def before(self, groups: np.ndarray, ends: np.ndarray) -> pd.DataFrame:
        """What is known of groups [n] strictly before `ends` [n]: a row each, NaN where there is none; `known` is 0."""
        start, end = self._timeline.before(groups, ends)
        places = np.where(end > start, end - 1, -1)
        found = self._known.take(places).reset_index(drop=True)  # the last row, that of no post, for -1
        return found.assign(known=end - start, day=self._timeline.at(places))


def _known(timeline: Timeline, y: np.ndarray) -> pd.DataFrame:
    """After each post [k] what the labels of its group say so far, and a row of NaN for groups without any."""
    labels, codes = pd.Series(y, dtype=np.float64), timeline.codes
    of_group = labels.groupby(codes)
    known = pd.DataFrame({"total": of_group.cumsum(), "squares": (labels**2).groupby(codes).cumsum()})
    known["last"], known["last_but_one"] = labels, of_group.shift(1)
    known["mean_of_3"] = pd.concat([of_group.shift(back) for back in range(3)], axis=1).mean(axis=1)
    known["smallest"], known["largest"] = of_group.cummin(), of_group.cummax()
    known["median"] = of_group.expanding().median().to_numpy()
    for rank in (*RANKS, LATELY):
        known[f"mean_by_{rank}_posts"] = of_group.ewm(halflife=rank).mean().to_numpy()
    for half_life in HALF_LIVES:
        known[f"mean_by_{half_life}_days"] = _by_age(labels, timeline, half_life)
    return pd.concat([known, known.iloc[:0].reindex([len(known)])])


def _by_age(labels: pd.Series, timeline: Timeline, half_life: float) -> pd.Series:
    """Means of the labels of a group so far, each weighed by how long before the last it was."""
    since_first = pd.Series(timeline.days - pd.Series(timeline.days).groupby(timeline.codes).transform("min"))
    weight = np.exp2(np.minimum(since_first / half_life, 1000.0))  # no float is larger than 2^1024
    total = (labels * weight).groupby(timeline.codes).cumsum()
    return total / weight.groupby(timeline.codes).cumsum()


def of_all(found: pd.DataFrame) -> np.ndarray:
    """The columns `OF_ALL` [n, 3] of what is known of everybody."""
    mean = found["total"] / found["known"].where(found["known"] > 0)
    return np.stack([found["known"], mean, found[f"mean_by_{LATELY}_posts"]], axis=1)


def of_group(found: pd.DataFrame, level: np.ndarray, days: np.ndarray) -> np.ndarray:
    """The columns `OF_GROUP` [n, ...] of what is known of groups, at `days` [n]; `level` [n] is everybody's mean."""
    n = found["known"]
    mean, total = found["total"] / n.where(n > 0), found["total"].fillna(0)
    told = {
        "mean": mean,
        **{f"mean_with_{pull}": (total + pull * level) / (n + pull) for pull in PULLS},
        "deviation": np.sqrt(np.maximum(found["squares"] / n.where(n > 1) - mean**2, 0)),
        "days_since": days - found["day"],
    }
    return found.assign(**told)[list(OF_GROUP)].to_numpy(dtype=np.float64)
