"""A blend, once its parts are trained: a view of them, made anew whenever it is opened; nothing is stored twice.

Shapes: k parts, n posts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from models import blended_intervals
from models.base import flat
from models.parts.intervals import Conformal
from models.trained import PREDICTED, Learned, Trained, predictions
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.storage.examples import Examples, read_past


@dataclass(frozen=True)
class Average:
    """Predictions of several groups of systems, the mean of each group weighed."""

    weights: np.ndarray
    """[k]."""
    systems: Sequence[Sequence[Any]]
    """The systems of each of the k parts, one a seed."""

    def parts(self) -> list[tuple[float, Any]]:
        """Weights and systems whose weighted sum its predictions are."""
        pairs = zip(self.weights, self.systems, strict=True)
        return [(float(w) / len(systems), system) for w, systems in pairs if w > 0 for system in systems]

    def predict(self, posts: Examples) -> np.ndarray:
        """Predictions [n]; a part without weight is not asked."""
        asked = [(w, systems) for w, systems in zip(self.weights, self.systems, strict=True) if w > 0]
        return np.sum([w * np.mean([s.predict(posts) for s in systems], axis=0) for w, systems in asked], axis=0)


@dataclass(frozen=True)
class Blended(Trained):
    """A trained entry that is an average of others; it reads what they read."""

    parts: Mapping[str, Trained] = field(default_factory=dict)
    """Those of its parts that ran, by name."""
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    """By target, a weight [k] for each of them."""
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Its predictions, with the columns `PREDICTED`, and with `ENDS` where it has intervals."""
    around: Mapping[str, Conformal] = field(default_factory=dict)
    """By target, its intervals, calibrated on the validation part as those of others are."""

    @classmethod
    def of(cls, paths: Paths, trained: Trained) -> "Trained":
        """The blend that an entry describes, of parts that lie there. Raises `UserError` where one does not."""
        blend = trained.unfitted()
        parts = {name: Trained.open(paths, name) for name in blend.parts}
        ran = {name: part for name, part in parts.items() if part.run}
        if not ran:
            return replace(trained, run=False, why="none of its parts can run")
        first = next(iter(ran.values()))
        predicted = {name: _mean_over_seeds(predictions(paths, name)) for name in ran}
        weights = {target: blend.weigh(*_validation(predicted, target)) for target in first.targets}
        told = {
            "seeds": first.seeds[:1],
            "features": _features(ran),
            "targets": {target: _learned(ran, weights[target], target) for target in first.targets},
        }
        table = _weighed(predicted, weights, first.seeds[0])
        blended = cls(**{**vars(trained), **told}, parts=ran, weights=weights, table=table)
        if trained.entry.intervals is None:
            return blended
        outside = {name: part.out_of_fold() for name, part in ran.items()} if blended.folds else {}
        if any(map(len, outside.values())):  # time may leave no fold
            more = {name: _mean_over_seeds(frame) for name, frame in outside.items()}
            table = pd.concat([_weighed(more, weights, first.seeds[0]), table], ignore_index=True)
        around, table = blended_intervals.of(paths, blended.entry.intervals, ran, weights, table, outside)
        return replace(blended, around=around, table=table)

    def conformal(self, target: str, seed: int) -> Conformal | None:
        return self.around.get(target)

    def systems(self, target: str) -> list[Any]:
        return [Average(self.weights[target], [part.systems(target) for part in self.parts.values()])]

    def needs(self, target: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for part in self.parts.values() for column in part.needs(target)))

    def past(self, paths: Paths, target: str) -> Examples | None:
        pasts = [part.past(paths, target) for part in self.parts.values()]
        if all(past is None for past in pasts):
            return None
        looking = [part for part, past in zip(self.parts.values(), pasts, strict=True) if past is not None]
        names = dict.fromkeys(name for part in looking for name in flat(part.unfitted().features))
        columns = dict.fromkeys(column for part in looking for column in part.needs(target))
        return read_past(paths, features=list(names), columns=list(columns))


def _features(parts: Mapping[str, Trained]) -> dict[str, Any]:
    """Metadata of all features that parts read. Raises `UserError` where two read different ones of one name."""
    found: dict[str, Any] = {}
    for part in parts.values():
        for name, metadata in part.features.items():
            if found.setdefault(name, metadata) != metadata:
                raise UserError(f"features.{name}: changed since {part.name} was trained; run dvc repro first")
    return found


def _mean_over_seeds(frame: pd.DataFrame) -> pd.DataFrame:
    """Predictions of a part: a row a target, part and post."""
    return frame.groupby(["target", "part", "post_id"], sort=False)[["y", "prediction"]].mean()


def _validation(predicted: Mapping[str, pd.DataFrame], target: str) -> tuple[np.ndarray, np.ndarray]:
    """What was to be predicted [n] of the validation part, and what parts predicted [k, n]."""
    first = next(iter(predicted.values()))
    own = first.index[(first.index.get_level_values(0) == target) & (first.index.get_level_values(1) == "validation")]
    said = [frame["prediction"].reindex(own).to_numpy() for frame in predicted.values()]
    return first["y"].reindex(own).to_numpy(), np.array(said)


def _weighed(predicted: Mapping[str, pd.DataFrame], weights: Mapping[str, np.ndarray], seed: int) -> pd.DataFrame:
    """The blend's predictions, as `predictions` gives those of other entries."""
    first = next(iter(predicted.values()))
    of_target = np.array([weights[target] for target in first.index.get_level_values("target")])  # [n, k]
    said = np.stack([frame["prediction"].reindex(first.index).to_numpy() for frame in predicted.values()], axis=1)
    frame = first.assign(prediction=(of_target * said).sum(axis=1), seed=seed).reset_index()
    return frame[list(PREDICTED)]


def _learned(parts: Mapping[str, Trained], weights: np.ndarray, target: str) -> Learned:
    """The weights of parts, and the importance of inputs, that of parts as they are weighed."""
    shares: dict[str, float] = {}
    for part, weight in zip(parts.values(), weights, strict=True):
        of_part = pd.DataFrame(list(part.targets[target].importance.values())).fillna(0).mean()
        for name, share in of_part.items():
            shares[str(name)] = shares.get(str(name), 0.0) + weight * share
    total = sum(shares.values())
    first = next(iter(parts.values()))
    seed = first.seeds[0]
    return Learned(
        first.targets[target].transform,
        report={seed: {f"weight_of_{name}": float(weight) for name, weight in zip(parts, weights, strict=True)}},
        importance={seed: {name: share / total for name, share in shares.items()} if total else {}},
        chosen={seed: {"blend": _words(parts, weights)}},
    )


def _words(parts: Mapping[str, Trained], weights: np.ndarray) -> str:
    return ", ".join(f"{weight:.2f} `{name}`" for name, weight in zip(parts, weights, strict=True))
