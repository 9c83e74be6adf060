"""One system -> data/models/<name>/ and data/predictions/<name>.parquet.

`python -m pipeline.train xgboost` trains the entry `systems.xgboost` of params.yaml on every target and
seed and predicts the validation and test parts. Networks keep their states in data/cache/training/<name>/ until
all is done: run again after a kill, the stage goes on where it was, and repeats no training that had ended.
"""

import hashlib
import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models import base as models
from pipeline.base import params
from pipeline.base.code import ROOT, code_of, hash_file
from pipeline.base.compute import Compute
from pipeline.base.errors import UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.storage.examples import Dataset, Examples

log = logging.getLogger(__name__)

COLUMNS = ("post_id", "target", "part", "seed", "y", "prediction")


def main(paths: Paths = Paths()) -> None:
    """Train the system named on the command line."""
    if len(sys.argv) != 2:
        raise UserError("usage: python -m pipeline.train <system of params.yaml>")
    train(paths, params.load(paths.params), sys.argv[1])


def train(paths: Paths, p: dict[str, Any], name: str) -> None:
    """Train one entry of `systems`; writes its model folder and its predictions."""
    if name not in p["systems"]:
        raise UserError(f"systems.{name}: no such entry; known: {', '.join(p['systems'])}")
    plan = store.read_json(paths.plan("systems", name))
    folder = paths.model(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    predictions = [pd.DataFrame({c: pd.Series(dtype=t) for c, t in zip(COLUMNS, _DTYPES, strict=True)})]
    description = {"run": plan["run"], "why": plan["why"]}
    if plan["run"]:
        frames, learned = _train_all(paths, p, name, plan)
        predictions, description = frames, {**description, **learned}
    else:
        log.warning("systems.%s left out: %s", name, plan["why"])
    store.write_json(folder / "system.json", description)
    store.write_frame(paths.predictions(name), pd.concat(predictions, ignore_index=True))
    shutil.rmtree(_states(paths, name), ignore_errors=True)


_DTYPES = ("str", "str", "str", "int64", "float64", "float64")


def _states(paths: Paths, name: str) -> Path:
    """Folder of the states that trainings of a system go on from."""
    return paths.cache / "training" / name


def _code(model: str) -> str:
    """Hash of the code a system learns with: states of other code are those of another training."""
    hashes = {module: hash_file(ROOT / module) for module in code_of(model)}
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:16]


def _train_all(paths: Paths, p: dict[str, Any], name: str, plan: dict[str, Any]) -> tuple[list, dict[str, Any]]:
    entry = dict(p["systems"][name] or {})
    if models.flat(plan["features"]):
        entry["features"] = plan["features"]
    probe = models.make(name, entry)
    used = models.flat(plan["features"])
    data = Dataset(paths, features=used, columns=models.columns_read(probe, p["dataset"]["targets"]))
    device = Compute(**(p["compute"] or {})).pick_device()
    seeds = [p["seed"] + i for i in range(entry.get("seeds", 1))]
    states = _states(paths, name) / _code(entry.get("model", name))
    frames, learned = [], {}
    for target, transform_name in p["dataset"]["targets"].items():
        columns = [c.format(target=target, transform=transform_name) for c in probe.columns]
        parts, transform = data.parts(target, transform_name, columns)
        learned[target] = {"transform": transform.state(), "report": {}, "importance": {}, "curve": {}}
        for seed in seeds:
            log.info("%s: %s, seed %d, %d training posts", name, target, seed, len(parts["train"]))
            place = Path(target) / f"seed-{seed}"
            system = models.make(name, entry, seed=seed, device=device, checkpoint=states / place)
            system.fit(parts["train"], parts["validation"])
            where = paths.model(name) / place
            where.mkdir(parents=True)
            system.save(where)
            frames += [_predict(system, parts[part], part, seed) for part in ("validation", "test")]
            learned[target]["report"][seed] = system.report()
            learned[target]["importance"][seed] = system.importance()
            learned[target]["curve"][seed] = system.curve()
    metadata = {f: store.feature_metadata(paths.feature(f)) for f in used}
    return frames, {"entry": entry, "seeds": seeds, "features": metadata, "targets": learned}


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
