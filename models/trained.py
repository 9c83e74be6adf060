"""Trained systems as the stage `train` leaves them: data/models/<name>/system.json, and what each seed learned.

Shapes: n posts.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.base import Kind, flat, make
from models.parts import intervals
from models.parts.intervals import Conformal
from pipeline.base.code import hash_file
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.base.sections import Entry, Intervals
from pipeline.base.targets import SHARES, Transform
from pipeline.storage import store
from pipeline.storage.examples import Examples, read_past

FILE, SEAL, INTERVALS = "system.json", "sha256", "intervals"
PREDICTED = ("post_id", "target", "part", "seed", "y", "prediction")
"""Columns of data/predictions/<name>.parquet."""
ENDS = ("low", "high")
"""Two more of them, where the entry has intervals."""
FOLDS, SEEN = "folds.parquet", "seen"
"""In the folder of a system whose intervals have `folds`: the same of training posts, which were predicted out of fold,
and whether the column of groups had their value in what was learned from."""
RANKED = ("list", "user_id", "post_id", "score", "part", "seed")
"""Those of a ranker."""
BySeed = dict[int, dict[str, Any]]


@dataclass
class Learned:
    """What training told of one target, each by seed, as the methods of `System` of the same names say."""

    transform: dict[str, Any]
    """Arguments of the target's `Transform`; a ranker has none."""
    columns: Sequence[str] = ()
    """Columns of posts that a system reads beside its features to predict it."""
    report: BySeed = field(default_factory=dict)
    chosen: BySeed = field(default_factory=dict)
    importance: BySeed = field(default_factory=dict)
    curve: BySeed = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """One entry of `systems` after training; `run` is false, and `why` says so, where it was left out."""

    folder: Path
    entry: Entry
    run: bool
    why: str | None = None
    seeds: tuple[int, ...] = ()
    features: Mapping[str, Any] = field(default_factory=dict)
    """Metadata of the features it reads, by name."""
    targets: Mapping[str, Learned] = field(default_factory=dict)
    """By target; a ranker's is `pipeline.base.targets.SHARES`."""
    kind: Kind = field(default_factory=Kind)
    """What it is; of one that was left out, as far as the plan says."""
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 of each file that it learned, by its path in the folder; written by `write`."""

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.entry.name

    @classmethod
    def open(cls, paths: Paths, name: str) -> "Trained":
        """The trained system of that name. Raises `UserError` where there is none, or one that was changed since.

        A blend is opened with its parts.
        """
        trained = cls._read(paths.model(name))
        if not trained.run or not trained.kind.blends:
            return trained
        from models.blended import Blended  # is one itself

        return Blended.of(paths, trained)

    @classmethod
    def _read(cls, folder: Path) -> "Trained":
        try:
            content = json.loads(store.existing(folder / FILE).read_text(encoding="utf-8"))
            whole = content.pop(SEAL) == _seal(content) and "kind" in content
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            whole = False
        if not whole:
            raise _damaged(folder, FILE)
        targets = {
            target: Learned(**{k: _by_seed(v) if k in _OF_SEEDS else v for k, v in told.items()})
            for target, told in content.pop("targets").items()
        }
        entry, seeds, kind = _entry(content.pop("entry")), tuple(content.pop("seeds")), Kind(**content.pop("kind"))
        return cls(folder=folder, entry=entry, seeds=seeds, kind=kind, targets=targets, **content)

    def write(self) -> None:
        """Write what `open` reads."""
        found = (file for file in sorted(self.folder.rglob("*")) if file.is_file() and file.name != FILE)
        files = {file.relative_to(self.folder).as_posix(): hash_file(file) for file in found}
        content = {k: v for k, v in asdict(replace(self, files=files)).items() if k != "folder"}
        store.write_json(self.folder / FILE, {**content, SEAL: _seal(json.loads(json.dumps(content)))})

    def _check(self, place: Path) -> None:
        """Raise `UserError` where a file of one training is gone or not the one that was written."""
        for name in (name for name in self.files if Path(name).is_relative_to(place)):
            file = self.folder / name
            if not file.is_file() or hash_file(file) != self.files[name]:
                raise _damaged(self.folder, name)

    def place(self, target: str, seed: int) -> Path:
        """The folder of what one training learned."""
        return self.folder / target / f"seed-{seed}"

    def unfitted(self) -> Any:
        """The system or ranker as it was before training; what it reads is known of it."""
        return make(self.entry)

    def system(self, target: str, seed: int) -> Any:
        """The system or ranker trained on a target from a seed. Raises `UserError` where it was left out."""
        if not self.run:
            raise UserError(f"systems.{self.name} was left out in training: {self.why}")
        self._check(self.place(target, seed).relative_to(self.folder))
        system = make(self.entry, seed=seed)
        system.load(self.place(target, seed))
        return system

    def systems(self, target: str) -> list[Any]:
        """Those of all seeds, in their order, trained on a target."""
        return [self.system(target, seed) for seed in self.seeds]

    def conformal(self, target: str, seed: int) -> Conformal | None:
        """The intervals around the predictions of `system`, if its entry has any."""
        made = intervals.make(self.entry, seed=seed)
        if made is not None:
            self._check(self.place(target, seed).relative_to(self.folder))
            made.load(self.place(target, seed) / INTERVALS)
        return made

    def out_of_fold(self) -> pd.DataFrame:
        """Training posts as `predictions` has others, part `train`, and `SEEN`; none without `folds`."""
        if not self.folds:
            return pd.DataFrame(columns=[*PREDICTED, *ENDS, SEEN])
        self._check(Path(FOLDS))
        return pd.read_parquet(self.folder / FOLDS)

    @property
    def folds(self) -> int:
        """How many calibrate its intervals; 0 is the validation part alone."""
        return self.entry.intervals.folds if self.entry.intervals else 0

    @property
    def groups(self) -> list[str]:
        """The column of posts by which its intervals are calibrated, if any."""
        return [self.entry.intervals.by] if self.entry.intervals and self.entry.intervals.by else []

    def needs(self, target: str) -> tuple[str, ...]:
        """Columns of posts it reads beside its features to predict a target."""
        return tuple(self.targets[target].columns)

    def past(self, paths: Paths, target: str) -> Examples | None:
        """The posts of the dataset, for a system that looks back; None for others.

        Raises `UserError` where their features are no longer those it was trained on.
        """
        system = self.unfitted()
        if not system.looks_back:
            return None
        self.check_features(paths)
        return read_past(paths, features=flat(system.features), columns=self.needs(target))

    def check_features(self, paths: Paths) -> None:
        """Raise `UserError` where the features of the dataset's posts are no longer those it was trained on."""
        for name, metadata in self.features.items():
            if store.feature_metadata(paths.feature(name)) != metadata:
                raise UserError(f"features.{name}: changed since {self.name} was trained; run dvc repro first")

    def transform(self, target: str) -> Transform:
        """The transform of a target, fitted in training."""
        return Transform(**self.targets[target].transform)

    def predict(self, posts: Examples) -> np.ndarray:
        """Predictions [n] of the target of `posts`, mean over seeds."""
        return np.mean([system.predict(posts) for system in self.systems(posts.target)], axis=0)

    def score(self, users: np.ndarray, posts: Examples) -> np.ndarray:
        """Scores [n] of pairs by a ranker, as `Ranker.score` has them, mean over seeds."""
        return np.mean([system.score(users, posts) for system in self.systems(SHARES)], axis=0)


def predictions(paths: Paths, name: str, columns: Sequence[str] = PREDICTED) -> pd.DataFrame:
    """What one system predicted, a row a post, target, part and seed; of a ranker, with its `columns`, a row a pair.

    With the `ENDS` of intervals, where there are any.
    """
    path = paths.predictions(name)
    with store.intact(store.existing(path), f"run dvc repro -f train@{name}"):
        frame = pd.read_parquet(path)
        frame = frame[[*columns, *(end for end in ENDS if end in frame)]]
    if frame.empty and paths.model(name).exists():  # a blend's follow from those of its parts
        return getattr(Trained.open(paths, name), "table", frame)
    return frame


def _damaged(folder: Path, file: str) -> UserError:
    return UserError(f"{folder} is damaged ({file}): run dvc repro -f train@{folder.name}")


def _seal(content: Mapping[str, Any]) -> str:
    """Hash of what stands in `FILE` beside the seal."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _entry(content: dict[str, Any]) -> Entry:
    asked = content.pop("intervals", None)
    return Entry(**content, intervals=None if asked is None else Intervals(**asked))


_OF_SEEDS = ("report", "chosen", "importance", "curve")


def _by_seed(told: Mapping[str, Any]) -> BySeed:
    """JSON has no whole numbers as keys."""
    return {int(seed): value for seed, value in told.items()}
