"""One trained system, opened once and asked about drafts as often as one likes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.base import HORIZON
from models.base import System
from models.trained import ENDS, FILE, Trained
from pipeline.asking import reasons
from pipeline.asking.drafts import Drafts, by_nobody
from pipeline.asking.featured import Featured
from pipeline.base import targets
from pipeline.base.errors import MissingColumn, UserError, require
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage.earlier import TIME
from pipeline.storage.examples import Examples, FeatureValues, unpublished


def find(paths: Paths, name: str) -> Trained:
    """The system or ranker of that name. Raises `UserError` where it was not trained."""
    found = names(paths)
    if name not in found:
        raise UserError(f"--system {name}: not trained here; run dvc repro (trained: {', '.join(found) or 'none'})")
    trained = Trained.open(paths, name)
    if not trained.run:
        raise UserError(f"--system {name}: left out in training: {trained.why}")
    return trained


def names(paths: Paths) -> list[str]:
    """Names of all systems and rankers that were trained or left out, sorted."""
    return sorted(path.parent.name for path in paths.model("*").parent.glob(f"*/{FILE}"))


@dataclass(frozen=True)
class Asked:
    """Drafts as one system is fed them."""

    drafts: Drafts
    examples: Mapping[str, Examples]
    """The n drafts by target."""
    status: pd.Series | None
    """The status [n] of their pictures, where the system looks at pictures."""


class Forecaster:
    """Predictions of one trained system for any drafts, through the very features it was trained on."""

    def __init__(self, paths: Paths, p: Params, name: str, *, cache: Path | None = None):
        """Raises `UserError` where there is no such system, or what it was trained with has changed since.

        `cache` as in `Featured`.
        """
        self._paths, self.trained = paths, find(paths, name)
        if self.trained.kind.ranks:
            raise UserError(
                f"--system {name}: it puts posts in order for users and predicts no count; ask python -m pipeline.rank"
            )
        self.featured = Featured(paths, p, self.trained, cache=cache)
        self._past = {target: self.trained.past(paths, target) for target in self.trained.targets}
        self._systems = {target: self.trained.systems(target) for target in self.trained.targets}
        seeds = self.trained.seeds
        self._around = {t: [self.trained.conformal(t, seed) for seed in seeds] for t in self.trained.targets}

    def __call__(self, drafts: Drafts) -> pd.DataFrame:
        """Predictions for n drafts, a row each in their order.

        Columns: `post_id`; `image`, the status of the picture, where the system looks at pictures; for each target
        `<target>_<transform>`, the prediction on the scale of training (mean over seeds), and `<target>`, the count
        it stands for; where the system has intervals, both with `_low` and `_high` as well. A count per day comes back
        only with `drafts.days`. Drafts without `user_id` are those of new users. Systems that look back see the posts
        of the dataset that are earlier than a draft. Raises `UserError` where drafts lack another column.
        """
        return self.table(self.ask(drafts))

    def ask(self, drafts: Drafts) -> Asked:
        """The drafts with their features. Raises `UserError` where they lack a column."""
        drafts = by_nobody(drafts, self.trained)
        try:
            values, status = self.featured(drafts)
            examples = {target: self._examples(drafts.frame, values, target) for target in self.trained.targets}
        except MissingColumn as error:
            raise error.within(str(drafts.file)) from None
        return Asked(drafts, examples, status)

    def again(
        self, asked: Asked, drafts: Drafts, rows: np.ndarray, *, changed: Collection[str] = (TIME, HORIZON)
    ) -> Asked:
        """`drafts`, which are those at `rows` of others that were asked about, but for some `changed` columns.

        By default they are posted at other times. Features that read none of these columns are not made again.
        """
        return self._changed(asked, drafts, rows, self.featured.again(_values(asked), drafts, rows, changed))

    def repainted(self, asked: Asked, rows: np.ndarray, pictures: Sequence[np.ndarray]) -> Asked:
        """Those at `rows` of drafts that were asked about, but with other `pictures`, uint8 RGB [h, w, 3]."""
        frame = asked.drafts.frame.iloc[rows].assign(post_id=[str(row) for row in range(len(rows))])
        drafts = replace(asked.drafts, frame=frame.reset_index(drop=True))
        return self._changed(asked, drafts, rows, self.featured.repainted(_values(asked), drafts, rows, pictures))

    def _changed(self, asked: Asked, drafts: Drafts, rows: np.ndarray, values: dict[str, FeatureValues]) -> Asked:
        examples = {target: self._examples(drafts.frame, values, target) for target in self.trained.targets}
        status = None if asked.status is None else asked.status.iloc[rows].reset_index(drop=True)
        return Asked(drafts, examples, status)

    def pictures(self, asked: Asked) -> list[np.ndarray | None]:
        """What the system's features see of the drafts' pictures, as `Featured.pictures` has it."""
        return self.featured.pictures(asked.drafts)

    def reads(self, columns: Collection[str]) -> bool:
        """Whether any feature of the system reads one of these columns."""
        return self.featured.reads(columns)

    def _examples(self, frame: pd.DataFrame, values: dict[str, Any], target: str) -> Examples:
        needed = self.trained.needs(target)
        require(needed, frame, f"the system {self.trained.name} needs")
        groups = [column for column in self.trained.groups if column in frame]
        drafts = frame[list(dict.fromkeys(["post_id", *needed, *groups]))]
        return unpublished(drafts, values, target, self.trained.transform(target).name, self._past[target])

    def first(self, target: str) -> System:
        """The system of the first seed, whose attention stands for all."""
        return self._systems[target][0]

    def predict(self, posts: Examples) -> np.ndarray:
        """Predictions [n] of the target of `posts`, mean over seeds."""
        return np.mean([system.predict(posts) for system in self._systems[posts.target]], axis=0)

    def forecast(self, posts: Examples) -> dict[str, np.ndarray]:
        """Predictions [n] as "", and, where the system has intervals, their ends as "_low" and "_high"."""
        found = []
        for system, around in zip(self._systems[posts.target], self._around[posts.target], strict=True):
            prediction = system.predict(posts)
            found.append([prediction, *(() if around is None else around.interval(posts, prediction))])
        return dict(zip(("", *(f"_{end}" for end in ENDS)), np.mean(found, axis=0), strict=False))

    def reasons(self, posts: Examples) -> pd.DataFrame:
        """What each group of inputs adds to the predictions of posts, as `pipeline.asking.reasons.told` says."""
        return reasons.told(self._paths, self.trained, self._systems[posts.target], posts)

    def table(self, asked: Asked) -> pd.DataFrame:
        """The answer to drafts that have their features."""
        table = {"post_id": asked.drafts.post_id}
        if asked.status is not None:
            table["image"] = asked.status
        for target, posts in asked.examples.items():
            table |= self.columns(target, self.forecast(posts), asked.drafts.days)
        return pd.DataFrame(table)

    def columns(self, target: str, forecast: Mapping[str, np.ndarray], days: float | None) -> dict[str, np.ndarray]:
        """What a `forecast` of a target is called in tables, on the scale of training and, if it has one, as counts."""
        transform = self.trained.transform(target).name
        table = {f"{target}_{transform}{end}": values for end, values in forecast.items()}
        if transform != "identity" and (transform not in targets.PER_DAY or days):
            table |= {f"{target}{end}": self.count(target, values, days) for end, values in forecast.items()}
        return table

    def count(self, target: str, prediction: np.ndarray, days: float | None = None) -> np.ndarray:
        """The counts [n], none below zero, that predictions [n] stand for after `days` online."""
        return np.maximum(self.trained.transform(target).inverse(prediction, days), 0)


def _values(asked: Asked) -> Mapping[str, FeatureValues]:
    """The features of the drafts, which all targets share."""
    return next(iter(asked.examples.values())).features
