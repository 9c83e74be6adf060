"""One system -> data/models/<name>/ and data/predictions/<name>.parquet.

`python -m pipeline.train xgboost` trains the entry `systems.xgboost` of params.yaml on every target and
seed and predicts the validation and test parts. Networks keep their states in data/cache/training/<name>/ until
all is done: run again after a kill, the stage goes on where it was, and repeats no training that had ended.
"""

import logging
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from models import base as models
from models.parts import intervals, live, out_of_fold, processes
from models.parts.folds import folds
from models.parts.intervals import Conformal, Scored
from models.trained import ENDS, FOLDS, INTERVALS, PREDICTED, RANKED, SEEN, Learned, Trained
from pipeline.base import params
from pipeline.base.code import digest
from pipeline.base.errors import UserError, run_stage
from pipeline.base.params import Params
from pipeline.base.paths import Elsewhere, Paths
from pipeline.base.sections import Entry
from pipeline.base.targets import SHARES
from pipeline.storage import plans, store
from pipeline.storage.earlier import TIME
from pipeline.storage.examples import PARTS, Dataset, Examples, joined
from pipeline.storage.feed import Feed, Feeds

log = logging.getLogger(__name__)


def main(paths: Paths = Paths()) -> None:
    """Train the system named on the command line."""
    if len(sys.argv) != 2:
        raise UserError("usage: python -m pipeline.train <system of params.yaml>")
    p = params.load(paths.params)
    p.compute.settle()
    name = sys.argv[1]
    if p.compute.devices * p.compute.nodes > 1 and name in p.systems and models.takes(p.systems[name], "device"):
        _train_together(paths, p, name)
    else:
        train(paths, p, name)


def _train_together(paths: Paths, p: Params, name: str) -> None:
    """Train a network on all devices; each process does all the rest as well, and the first one's files are kept."""
    device = _device(p)
    p.compute.check_devices(device)
    with processes.joined(device, devices=p.compute.devices, nodes=p.compute.nodes) as first:
        if first:
            train(paths, p, name)
            return
        with _quiet(), TemporaryDirectory() as folder:
            train(Elsewhere(paths.root, Path(folder)), p, name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is told but errors: the first process tells the rest."""
    told = logging.getLogger()
    before = told.level
    told.setLevel(logging.ERROR)
    try:
        yield
    finally:
        told.setLevel(before)


def _device(p: Params) -> str:
    """The device of this machine that networks are trained on."""
    return p.compute.here().pick_device()


def train(paths: Paths, p: Params, name: str) -> None:
    """Train one entry of `systems`; writes its model folder and its predictions."""
    if name not in p.systems:
        raise UserError(f"systems.{name}: no such entry; known: {', '.join(p.systems)}")
    plan = plans.read(paths, "systems", name)
    folder = store.empty(paths.model(name))
    paths.times(name).unlink(missing_ok=True)
    kind = models.Kind(plan["ranks"], plan["blends"])
    trained = Trained(folder, p.systems[name], plan["run"], plan["why"], kind=kind)
    predictions = [_nothing(RANKED if trained.kind.ranks else PREDICTED)]
    if trained.kind.ranks and plan["run"]:
        trained = _with_lists(paths, p, trained)
    if trained.run and not trained.kind.blends:
        predictions, trained = _train_all(paths, p, replace(trained, entry=_planned(trained.entry, plan)))
    elif not trained.run:
        log.warning("systems.%s left out: %s", name, trained.why)
    trained.write()
    store.write_frame(paths.predictions(name), pd.concat(predictions, ignore_index=True))
    shutil.rmtree(_states(paths, name), ignore_errors=True)


_DTYPES = {"seed": "int64", "y": "float64", "prediction": "float64", "list": "int64", "score": "float64"}
_DTYPES |= {"low": "float64", "high": "float64", SEEN: "bool"}


def _nothing(columns: Sequence[str]) -> pd.DataFrame:
    """Predictions of no post."""
    return pd.DataFrame({column: pd.Series(dtype=_DTYPES.get(column, "str")) for column in columns})


def _with_lists(paths: Paths, p: Params, trained: Trained) -> Trained:
    """The ranker, left out where no list could be drawn to learn from or to be tested on."""
    drawn = set(store.read_frame(paths.candidates, ["part"])["part"])
    lacking = [part for part in ("train", "test") if part not in drawn]
    why = f"no list could be drawn for {' and '.join(lacking)}; {paths.drawn} says why"
    if lacking and p.dataset.missing == "fail":
        raise UserError(f"systems.{trained.name}: {why}; change `ranking`, or set dataset.missing: drop")
    return replace(trained, run=False, why=why) if lacking else trained


def _states(paths: Paths, name: str) -> Path:
    """Folder of the states that trainings of a system go on from."""
    return paths.cache / "training" / name


def _planned(entry: Entry, plan: dict[str, Any]) -> Entry:
    """The entry with those of its features, and groups of its intervals, that the data has."""
    features = {"features": plan["features"]} if models.flat(plan["features"]) else {}
    asked = entry.intervals
    if asked is not None and asked.by not in plan["columns"]:
        asked = replace(asked, by=None)
    return replace(entry, arguments={**entry.arguments, **features}, intervals=asked)


def _train_all(paths: Paths, p: Params, trained: Trained) -> tuple[list[pd.DataFrame], Trained]:
    """Train a system or ranker from every seed; its predictions, and what is to be known of it."""
    learner = trained.unfitted()
    used = models.flat(learner.features)
    trained = replace(
        trained,
        kind=models.Kind.of(learner),
        seeds=tuple(p.seed + i for i in range(trained.entry.seeds)),
        features={f: store.feature_metadata(paths.feature(f)) for f in used},
    )
    train_one = _train_ranker if trained.kind.ranks else _train_system
    frames, learned = train_one(paths, p, trained)
    return frames, replace(trained, targets=learned)


def _train_system(paths: Paths, p: Params, trained: Trained) -> tuple[list[pd.DataFrame], dict[str, Learned]]:
    probe, by = trained.unfitted(), plans.read(paths, "systems", trained.name).get("folds_by")
    groups = [*trained.groups, *([by] if by else [])]
    columns = list(dict.fromkeys([*models.columns_read(probe, p.dataset.targets), *groups]))
    data = Dataset(paths, features=list(trained.features), columns=columns, looks_back=probe.looks_back)
    frames, learned, outside = [], {}, [_nothing((*PREDICTED, *ENDS, SEEN))]
    for target, transform_name in p.dataset.targets.items():
        parts, transform = data.parts(target, transform_name, [*probe.reads(target, transform_name), *groups])
        learned[target] = Learned(transform.state(), probe.reads(target, transform_name))
        for seed in trained.seeds:
            fit = partial(_fit, paths, p, trained, target, seed)
            system = _timed(paths.times(trained.name), target, seed, fit, parts)
            around, scored = _calibrated(system, trained, fit, parts, by=by, seed=seed)
            frames.append(_predict(system, parts["validation"], "validation", seed, around))
            system.refit(parts["train"], parts["validation"])  # from here on it may have seen the validation part
            _write(system, trained, target, seed, learned[target])
            if around is not None:
                if trained.folds:
                    around.learn(joined(parts["train"], parts["validation"]))
                around.save(trained.place(target, seed) / INTERVALS)
                outside += [_outside(one, seed, around) for one in scored]
            frames.append(_predict(system, parts["test"], "test", seed, around))
    if trained.folds:
        store.write_frame(trained.folder / FOLDS, pd.concat(outside, ignore_index=True))
    return frames, learned


def _train_ranker(paths: Paths, p: Params, trained: Trained) -> tuple[list[pd.DataFrame], dict[str, Learned]]:
    columns = trained.unfitted().columns
    feeds = Feeds(paths, features=list(trained.features), columns=columns, comments=p.ranking.comments)
    parts = {part: feeds.part(part) for part in PARTS}
    frames, learned = [], Learned({})
    for seed in trained.seeds:
        fit = partial(_fit, paths, p, trained, SHARES, seed)
        ranker = _timed(paths.times(trained.name), SHARES, seed, fit, parts)
        _write(ranker, trained, SHARES, seed, learned)
        frames += [_score(ranker, parts[part], part, seed) for part in ("validation", "test")]
    return frames, {SHARES: learned}


def _fit(paths: Paths, p: Params, trained: Trained, target: str, seed: int, train: Any, validation: Any) -> Any:
    """Train one system or ranker."""
    entry, name, rows = trained.entry, trained.name, "lists" if trained.kind.ranks else "posts"
    log.info("%s: %s, seed %d, %d training %s", name, target, seed, len(train), rows)
    # Asking for one imports PyTorch, which takes longer than most systems train that need none.
    device = _device(p) if models.takes(entry, "device") else "cpu"
    # States of other code are those of another training.
    states = _states(paths, name) / digest(f"models/{entry.module}.py")[:16]
    scheduler = p.compute.cluster if models.takes(entry, "scheduler") else None
    given = {"seed": seed, "device": device, "scheduler": scheduler}
    learner = models.make(entry, **given, checkpoint=states / target / f"seed-{seed}")
    with live.shown(paths.live, f"{name} {target} seed {seed}"):
        learner.fit(train, validation)
    return learner


def _timed(file: Path, target: str, seed: int, fit: Any, parts: Mapping[str, Any]) -> Any:
    """What `fit` trains; what it lost by when is added to `file`, of systems that tell of it."""
    with live.timed() as times:
        learner = fit(parts["train"], parts["validation"])
    if times.step:
        file.parent.mkdir(parents=True, exist_ok=True)
        frame = pd.DataFrame({"target": target, "seed": seed, **times.columns()})
        frame.to_csv(file, mode="a", header=not file.exists(), index=False, float_format="%.5g", lineterminator="\n")
    return learner


def _calibrated(
    system: models.System, trained: Trained, fit: Any, parts: Mapping[str, Examples], *, by: str | None, seed: int
) -> tuple[Conformal | None, list[Scored]]:
    """The intervals an entry asks for, by the system before it learned from the validation part, and the folds."""
    strangers = by not in (None, TIME)
    around = intervals.make(trained.entry, system.report(), strangers=strangers, seed=seed)
    if around is None:
        return None, []
    train, validation = parts["train"], parts["validation"]
    cut = folds(train, validation, by=by, count=trained.folds, seed=trained.seeds[0])
    scored = out_of_fold.score(trained.entry, cut, fit, strangers=strangers, seed=seed)
    around.fit(train, validation, system.predict(validation), scored)
    return around, scored


def _write(learner: models.Learner, trained: Trained, target: str, seed: int, told: Learned) -> None:
    """Write one system or ranker, and let it tell `told` what it learned."""
    where = trained.place(target, seed)
    where.mkdir(parents=True)
    _save(learner, models.make(trained.entry, seed=seed), where)
    told.report[seed], told.curve[seed] = learner.report(), learner.curve()
    told.importance[seed], told.chosen[seed] = learner.importance(), learner.chosen()


def _save(system: models.Learner, again: models.Learner, where: Path) -> None:
    """Write a system and read it back: some libraries do not say that a disk was full."""
    try:
        system.save(where)
        again.load(where)
    except Exception as error:
        if type(error).__module__ == "builtins":
            raise
        raise UserError(f"{where}: could not be written ({type(error).__name__}); is the disk full?") from None


def _predict(
    system: models.System, posts: Examples, part: str, seed: int, around: Conformal | None = None
) -> pd.DataFrame:
    prediction = system.predict(posts)
    if not np.isfinite(prediction).all():
        raise UserError(f"{type(system).__name__} predicts no number for post {_first_odd(posts, prediction)!r}")
    ends = () if around is None else around.interval(posts, prediction)
    return _table(posts, part, seed, prediction, ends)


def _outside(scored: Scored, seed: int, around: Conformal) -> pd.DataFrame:
    """The same of training posts that were predicted out of fold."""
    ends = out_of_fold.ends(around, scored)
    return _table(scored.posts, "train", seed, scored.prediction, ends).assign(**{SEEN: scored.seen})


def _table(posts: Examples, part: str, seed: int, prediction: np.ndarray, ends: Sequence[np.ndarray]) -> pd.DataFrame:
    columns = (posts.posts["post_id"], posts.target, part, seed, posts.y, prediction)
    return pd.DataFrame(dict(zip([*PREDICTED, *ENDS][: len(columns) + len(ends)], [*columns, *ends], strict=True)))


def _score(ranker: models.Ranker, feed: Feed, part: str, seed: int) -> pd.DataFrame:
    users, posts = feed.pairs()
    scores = ranker.score(users, posts)
    if not np.isfinite(scores).all():
        raise UserError(f"{type(ranker).__name__} gives no number to post {_first_odd(posts, scores)!r}")
    numbers = np.repeat(feed.numbers, feed.lists.shape[1])
    columns = (numbers, users, posts.posts["post_id"].to_numpy(), scores, part, seed)
    return pd.DataFrame(dict(zip(RANKED, columns, strict=True)))


def _first_odd(posts: Examples, prediction: np.ndarray) -> str:
    return posts.posts["post_id"].iloc[int(np.flatnonzero(~np.isfinite(prediction))[0])]


if __name__ == "__main__":
    run_stage(main)
