"""How much each group of what a system reads adds to a prediction: who posts, when, the picture, and so on.

Lundberg and Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017: the values of Shapley (equation 8
there). Trees tell those of each input exactly (TreeSHAP), and a group has their sum. Any other system is asked with and
without each group, in all combinations; what it is asked without is as in `background`. **Ours**: groups as the
players, of which there are so few that nothing need be sampled, and the mean training post as background.

Shapes: n posts, g groups, w numbers a feature.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import factorial
from typing import Any

import numpy as np
import pandas as pd

from pipeline.storage.earlier import TIME
from pipeline.storage.examples import Examples, FeatureValues

BASE = "base"
"""What is predicted before anything of a post is known."""
AT_ONCE = 512
"""Rows that a system is asked about at once, unless there are more posts."""
COLUMNS = {**dict.fromkeys(("category", "subcategory", "concept"), "category"), TIME: "history"}
"""Groups of columns of posts that systems read beside features; others are about who posts. A time tells a system which
posts were before; when a post goes out, features tell."""


@dataclass(frozen=True)
class Groups:
    """Which group each input of a system is about."""

    features: Mapping[str, np.ndarray]
    """Of each number [w] of a feature."""
    columns: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """All that there are, sorted."""
        return sorted({name for of in self.features.values() for name in of} | set(self.columns.values()))


def of_columns(columns: Iterable[str]) -> dict[str, str]:
    """The groups of the columns a system reads."""
    return {column: COLUMNS.get(column, "who") for column in columns}


def by_group(system: Any, posts: Examples, groups: Groups, background: Callable[[], Examples]) -> dict[str, np.ndarray]:
    """What each group adds [n], and `BASE`; together they are the predictions of `posts` by a system, or a like.

    `background` gives one post that stands for one of which nothing is known; it is called where it is needed.
    """
    parts = system.parts()
    if parts:
        told = [(weight, by_group(part, posts, groups, background)) for weight, part in parts]
        return {k: np.sum([w * of.get(k, np.zeros(len(posts))) for w, of in told], axis=0) for k in _keys(groups)}
    added = system.contributions(posts)
    return _shapley(system, posts, groups, background()) if added is None else _summed(added, groups, len(posts))


def _keys(groups: Groups) -> list[str]:
    return [BASE, *groups.names]


def _summed(added: Mapping[str, np.ndarray], groups: Groups, n: int) -> dict[str, np.ndarray]:
    """Contributions of inputs, [n] or [n, w] by feature, column and `BASE`, summed by group."""
    found = {key: np.zeros(n) for key in _keys(groups)}
    for name, values in added.items():
        if name in groups.features:
            for group in set(groups.features[name]):
                found[group] += values[:, groups.features[name] == group].sum(axis=1)
        else:
            found[groups.columns.get(name, BASE)] += values
    return found


def _shapley(system: Any, posts: Examples, groups: Groups, background: Examples) -> dict[str, np.ndarray]:
    """Equation 8: the mean over all orders of groups of what each changes when it becomes known."""
    names, n = groups.names, len(posts)
    subsets = [frozenset(of) for size in range(len(names) + 1) for of in itertools.combinations(names, size)]
    value = _values(system, posts, groups, subsets, background)
    found = {BASE: value[frozenset()]}
    for name in names:
        found[name] = np.zeros(n)
        for of in (of for of in subsets if name not in of):
            weight = factorial(len(of)) * factorial(len(names) - len(of) - 1) / factorial(len(names))
            found[name] += weight * (value[of | {name}] - value[of])
    return found


def _values(
    system: Any, posts: Examples, groups: Groups, subsets: Sequence[frozenset[str]], background: Examples
) -> dict[frozenset[str], np.ndarray]:
    """Predictions [n] of posts of which only some groups are known, for each of the `subsets`.

    Few posts are asked about with many subsets at once: to ask takes longer than to predict them.
    """
    found, n = {}, len(posts)
    step = max(1, AT_ONCE // max(1, n))
    for start in range(0, len(subsets), step):
        some = subsets[start : start + step]
        asked = _one_after_the_other([known(posts, groups, of, background) for of in some])
        found |= zip(some, np.asarray(system.predict(asked), np.float64).reshape(len(some), n), strict=True)
    return found


def _one_after_the_other(parts: Sequence[Examples]) -> Examples:
    """The posts of all parts, which are the same posts with other inputs."""
    first, *others = parts
    if not others:
        return first
    features = {
        name: FeatureValues(np.concatenate([part.features[name].values for part in parts]), values.names)
        for name, values in first.features.items()
    }
    y = None if first.y is None else np.tile(first.y, len(parts))
    return replace(first, posts=pd.concat([part.posts for part in parts], ignore_index=True), features=features, y=y)


def known(posts: Examples, groups: Groups, kept: Collection[str], background: Examples) -> Examples:
    """Posts of which only the groups `kept` are known; all else is as in `background`."""
    features = {name: _masked(posts, name, of, kept, background) for name, of in groups.features.items()}
    gone = [column for column, group in groups.columns.items() if group not in kept]
    nobody = background.posts[gone].iloc[np.zeros(len(posts), dtype=int)].set_axis(posts.posts.index)
    return replace(posts, posts=posts.posts.assign(**nobody), features={**posts.features, **features})


def _masked(posts: Examples, name: str, of: np.ndarray, kept: Collection[str], background: Examples) -> FeatureValues:
    stored, gone = posts.features[name], ~np.isin(of, list(kept))
    if not gone.any():
        return stored
    values = stored[:].reshape(len(posts), -1)  # a copy
    values[:, gone] = background.features[name].values.reshape(1, -1)[:, gone]
    return FeatureValues(values.reshape(stored.shape), stored.names)


def mean_of(posts: Examples) -> Examples:
    """One post with the mean of each number; whose it is and other words are missing, and so are numbers of words."""
    frame = pd.DataFrame({c: pd.Series([_middle(posts.posts[c])], dtype=posts.posts[c].dtype) for c in posts.posts})
    features = {name: FeatureValues(_mean(values)[None], values.names) for name, values in posts.features.items()}
    return replace(posts, posts=frame, features=features, y=None)


def _middle(column: pd.Series) -> object:
    return column.mean() if pd.api.types.is_float_dtype(column) else None


def _mean(feature: FeatureValues) -> np.ndarray:
    """Over posts that have any; whole numbers are of words, of which there are none in the middle."""
    if not np.issubdtype(feature.dtype, np.floating):
        return np.zeros(feature.shape[1:], dtype=feature.dtype)
    values = feature.values.astype(np.float64)
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(feature.dtype)
