"""One system -> data/models/<name>/ and data/predictions/<name>.parquet.

`python -m pipeline.train xgboost` trains the entry `systems.xgboost` of params.yaml on every target and
seed and predicts the validation and test parts. Networks keep their states in data/cache/training/<name>/ until
all is done: run again after a kill, the stage goes on where it was, and repeats no training that had ended.
"""

import logging
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models import base as models
from models.trained import Learned, Trained
from pipeline.base import params
from pipeline.base.code import digest
from pipeline.base.errors import UserError, run_stage
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.base.sections import Entry
from pipeline.storage import store
from pipeline.storage.examples import Dataset, Examples

log = logging.getLogger(__name__)

COLUMNS = ("post_id", "target", "part", "seed", "y", "prediction")


def main(paths: Paths = Paths()) -> None:
    """Train the system named on the command line."""
    if len(sys.argv) != 2:
        raise UserError("usage: python -m pipeline.train <system of params.yaml>")
    p = params.load(paths.params)
    p.compute.settle()
    train(paths, p, sys.argv[1])


def train(paths: Paths, p: Params, name: str) -> None:
    """Train one entry of `systems`; writes its model folder and its predictions."""
    if name not in p.systems:
        raise UserError(f"systems.{name}: no such entry; known: {', '.join(p.systems)}")
    plan = store.read_json(paths.plan("systems", name))
    folder = paths.model(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    predictions = [pd.DataFrame({c: pd.Series(dtype=t) for c, t in zip(COLUMNS, _DTYPES, strict=True)})]
    trained = Trained(folder, p.systems[name], plan["run"], plan["why"])
    if plan["run"]:
        predictions, trained = _train_all(paths, p, replace(trained, entry=_planned(trained.entry, plan)))
    else:
        log.warning("systems.%s left out: %s", name, plan["why"])
    trained.write()
    store.write_frame(paths.predictions(name), pd.concat(predictions, ignore_index=True))
    shutil.rmtree(_states(paths, name), ignore_errors=True)


_DTYPES = ("str", "str", "str", "int64", "float64", "float64")


def _states(paths: Paths, name: str) -> Path:
    """Folder of the states that trainings of a system go on from."""
    return paths.cache / "training" / name


def _planned(entry: Entry, plan: dict[str, Any]) -> Entry:
    """The entry with those of its features that the data has."""
    features = {"features": plan["features"]} if models.flat(plan["features"]) else {}
    return replace(entry, arguments={**entry.arguments, **features})


def _train_all(paths: Paths, p: Params, trained: Trained) -> tuple[list[pd.DataFrame], Trained]:
    entry, name = trained.entry, trained.name
    probe = models.make(entry)
    used = models.flat(probe.features)
    columns = models.columns_read(probe, p.dataset.targets)
    data = Dataset(paths, features=used, columns=columns, looks_back=probe.looks_back)
    # Asking for one imports PyTorch, which takes longer than most systems train that need none.
    device = replace(p.compute, scheduler=None).pick_device() if models.runs_on_device(entry) else "cpu"
    seeds = [p.seed + i for i in range(entry.seeds)]
    # States of other code are those of another training.
    states = _states(paths, name) / digest(f"models/{entry.module}.py")[:16]
    frames, learned = [], {}
    for target, transform_name in p.dataset.targets.items():
        parts, transform = data.parts(target, transform_name, probe.reads(target, transform_name))
        told = learned[target] = Learned(transform.state())
        for seed in seeds:
            log.info("%s: %s, seed %d, %d training posts", name, target, seed, len(parts["train"]))
            state = states / target / f"seed-{seed}"
            system = models.make(entry, seed=seed, device=device, checkpoint=state)
            system.fit(parts["train"], parts["validation"])
            where = trained.place(target, seed)
            where.mkdir(parents=True)
            _save(system, models.make(entry, seed=seed), where)
            frames += [_predict(system, parts[part], part, seed) for part in ("validation", "test")]
            told.report[seed], told.curve[seed] = system.report(), system.curve()
            told.importance[seed], told.chosen[seed] = system.importance(), system.chosen()
    metadata = {f: store.feature_metadata(paths.feature(f)) for f in used}
    return frames, replace(trained, seeds=tuple(seeds), features=metadata, targets=learned)


def _save(system: models.System, again: models.System, where: Path) -> None:
    """Write a system and read it back: some libraries do not say that a disk was full."""
    try:
        system.save(where)
        again.load(where)
    except Exception as error:
        if type(error).__module__ == "builtins":
            raise
        raise UserError(f"{where}: could not be written ({type(error).__name__}); is the disk full?") from None


def _predict(system: models.System, posts: Examples, part: str, seed: int) -> pd.DataFrame:
    prediction = system.predict(posts)
    if not np.isfinite(prediction).all():
        raise UserError(f"{type(system).__name__} predicts no number for post {_first_odd(posts, prediction)!r}")
    columns = (posts.posts["post_id"], posts.target, part, seed, posts.y, prediction)
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _first_odd(posts: Examples, prediction: np.ndarray) -> str:
    return posts.posts["post_id"].iloc[int(np.flatnonzero(~np.isfinite(prediction))[0])]


if __name__ == "__main__":
    run_stage(main)
