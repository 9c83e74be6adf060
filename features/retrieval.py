"""What became of earlier posts that are like a post, in words, picture, tags or category: their labels."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.base import EncodedFeature
from features.efficientnet import Efficientnet
from features.parts.likeness import Shared, Units, of_vectors
from features.parts.nearest import OF_NEAREST, Groups, Window, nearest, told
from features.parts.past import Past, column_of, days_of
from features.parts.shown import NOBODY, USER, LabelFeature
from features.sentence import Sentence
from pipeline.base.ranges import Count
from pipeline.storage.earlier import TIME

Likeness = Literal["sentence", "efficientnet", "tags", "category"]
SIMILAR: tuple[Likeness, ...] = ("sentence", "efficientnet", "tags", "category")
SHARED = {"tags": lambda text: text.lower().split(), "category": lambda text: [text] if text else []}
"""Columns whose values have words that posts share."""


class Retrieval(LabelFeature):
    """Labels of the earlier training posts that are most like a post: float32 columns.

    Source: none, ours. Posts are alike by the cosine of their vectors of `sentence` or `efficientnet`, as an entry
    without keys has them, or by shared tags or the same category, the rarer in training the more. Of the labels
    strictly before a post, by other users, those of the most similar posts: how many are `known`, their mean, their
    deviation (`spread`), and the mean of their cosines (`similarity`). Posts that share nothing are not similar; of
    equally similar ones the later ones count. What is not known is NaN. Beside `history` it was of no use that an
    interval would support, over four windows in time and over ten folds of users, so no default forecast reads it.

    Time grows with posts times `latest`: one core compares 30,000 posts in some 40 seconds by all four, and half a
    million by `sentence` in four minutes. Vectors of all posts are in memory, two bytes a number, and twice while they
    are read.
    Columns: `similar_<sentence|efficientnet|tags|category>_<target>_<transform>_<what>`.
    """

    def __init__(
        self,
        *,
        similar: list[Likeness] | None = None,
        posts: Count = 50,
        latest: Count = 20_000,
        own: bool = False,
        target: str | None = None,
        validation: bool = False,
        matched: bool = True,
        device: str = "cpu",
    ):
        """Which posts; the rest as `LabelFeature`.

        `similar`: what posts are alike by, null for all that the data has; `posts` that count, the most similar;
        `latest` earlier labels that a post is compared with, at most; `own`: those of the post's user, too, which
        `history` has; `device` of the network, from the pipeline.
        """
        super().__init__(target=target, validation=validation, matched=matched)
        self.similar = list(SIMILAR) if similar is None else similar
        if not self.similar or len({*self.similar}) < len(self.similar):
            raise self.error("similar", f"{self.similar} must be some of {', '.join(SIMILAR)}, each once")
        self._most, self._latest, self._own = posts, latest, own
        made: dict[str, EncodedFeature] = {"sentence": Sentence(), "efficientnet": Efficientnet(device=device)}
        self._encoders = {name: made[name] for name in self.similar if name in made}
        read = (column for name in self.similar for column in self._columns(name))
        self.columns = tuple(dict.fromkeys((TIME, USER, *read)))

    def _columns(self, name: str) -> tuple[str, ...]:
        return self._encoders[name].columns if name in self._encoders else (name,)

    def _there(self, available: Collection[str]) -> list[str]:
        """What posts with these columns are alike by."""
        return [name for name in self.similar if {*self._columns(name)} & {*available}]

    def missing(self, available: Collection[str]) -> list[str]:
        lacking = [] if self._there(available) else [c for c in self.columns if c not in (TIME, USER)]
        return [*super().missing(available), *lacking]

    @property
    def encoders(self) -> Mapping[str, EncodedFeature]:
        return {name: self._encoders[name] for name in self._there(self.given) if name in self._encoders}

    def check(self) -> None:
        for encoder in self._encoders.values():
            encoder.check()

    def files(self) -> list[Path]:
        return [file for encoder in self._encoders.values() for file in encoder.files()]

    def fingerprint(self) -> dict[str, Any]:
        weights = {name: encoder.fingerprint()["weights"] for name, encoder in self._encoders.items()}
        return {"weights": weights} if weights else {}

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def names(self) -> list[str]:
        return [f"similar_{name}_{self.called}_{what}" for name in self._there(self.given) for what in OF_NEAREST]

    def fit(self, posts: pd.DataFrame) -> None:
        super().fit(posts[[column for column in ("post_id", *self.columns) if column in posts]])
        self.columns = tuple(self.given)

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self.columns = tuple(self.given)

    def look(self, past: Past) -> None:
        super().look(past)
        posts, days = past.posts, days_of(past.posts)
        known = np.flatnonzero(np.isfinite(past.y) & ~np.isnan(days))
        known = known[np.lexsort((past.y[known], days[known]))]  # those of one instant in the order of their labels
        self._y, self._days = past.y[known], days[known]
        train = posts[past.part == "train"]
        self._shared = {name: Shared(train[name], SHARED[name]) for name in self._there(self.given) if name in SHARED}
        labelled = posts.iloc[known]
        self._users = pd.Index(pd.unique(labelled[USER].dropna()) if USER in labelled else [], dtype=object)
        self._groups = Groups(self._user(labelled), self.shown.fold[known])
        self._units = {name: self._unit(name, labelled) for name in self._there(self.given)}

    def _user(self, posts: pd.DataFrame) -> np.ndarray:
        if self._own:
            return np.full(len(posts), NOBODY)
        return self._users.get_indexer(pd.Index(column_of(posts, USER), dtype=object))

    def _unit(self, name: str, posts: pd.DataFrame) -> Units:
        column = pd.Series(column_of(posts, name), dtype=object)
        if name in self._shared:
            return self._shared[name].units(column)
        return of_vectors(column, self._encoders[name].shape[0])

    def extract(self, posts: pd.DataFrame) -> np.ndarray:
        window = Window.of(self._days, self.shown.until(posts), self._latest)
        groups = Groups(self._user(posts), self.shown.of(posts))
        values = [self._told(self._unit(name, posts), units, window, groups) for name, units in self._units.items()]
        return np.concatenate(values, axis=1).astype(np.float32)

    def _told(self, units: Units, labelled: Units, window: Window, groups: Groups) -> np.ndarray:
        return told(*nearest(units, labelled, window, groups, self._groups, most=self._most), self._y)
