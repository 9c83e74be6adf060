"""Trained systems as the `train` stage leaves them, with made-up predictions of a known error."""

import numpy as np
import pandas as pd
import pytest

from models.trained import Learned, Trained
from pipeline.base.sections import Entry, Intervals
from pipeline.storage import store

SYSTEMS = {"ceiling": 0.1, "good": 0.5, "bad": 1.5, "mean": None}
IMPORTANCE = {"user_time.followers_log2": 0.6, "category=landscape photography of mountains": 0.3, "hour": 0.1}


def make_predictions(n=40, part="test", target="likes", noise=0.5, seeds=(0,), constant=False):
    """Predictions of one system: truth plus normal noise, or the number 5 where `noise` is None."""
    truth = np.random.default_rng([n, sum(map(ord, target)), part == "test"])
    y = np.full(n, 3.0) if constant else truth.normal(5, 2, n)
    frames = []
    for seed in seeds:
        rng = np.random.default_rng([seed, sum(map(ord, target)), int(100 * (noise or 0))])
        prediction = np.full(n, 5.0) if noise is None else y + rng.normal(0, noise, n)
        post_id = [f"{part}-{i:03d}" for i in range(n)]
        columns = {"post_id": post_id, "target": target, "part": part, "seed": seed, "y": y, "prediction": prediction}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def write_system(
    paths, name, frames, *, seeds=(0,), targets=("likes",), why=None, features=None, report=None, level=None, folds=0
):
    """data/predictions/<name>.parquet and data/models/<name>/system.json."""
    frame = pd.concat(frames, ignore_index=True)
    store.write_frame(paths.predictions(name), frame.sample(frac=1, random_state=0))
    learned = Learned(
        transform={"name": "log2p1", "maximum": None},
        report={seed: report or {} for seed in seeds},
        importance={seed: IMPORTANCE if name in ("good", "bad") else {} for seed in seeds},
    )
    learned = dict.fromkeys(targets, learned)
    intervals = None if level is None else Intervals(level=level, folds=folds)
    entry = Entry(name, "ceiling" if name == "ceiling" else "constant", intervals=intervals)
    Trained(paths.model(name), entry, True, why, tuple(seeds), features or {}, learned).write()


def write_left_out(paths, name, why):
    """What `train` leaves of a system that cannot run."""
    store.write_frame(paths.predictions(name), make_predictions(1).iloc[:0])
    Trained(paths.model(name), Entry(name, "constant"), False, why).write()


@pytest.fixture
def trained(project):
    """`trained(n, systems, targets, seeds, validation, constant, **sections)`: a project ready for `evaluate`."""

    def build(n=40, systems=None, targets=("likes",), seeds=(0,), validation=20, constant=False, **sections):
        systems = SYSTEMS if systems is None else systems
        entries = {name: {"model": "constant"} if name == "mean" else {} for name in systems}
        dataset = {"targets": dict.fromkeys(targets, "log2p1"), **sections.pop("dataset", {})}
        paths = project(systems={**entries, **sections.pop("systems_left_out", {})}, dataset=dataset, **sections)
        for name, noise in systems.items():
            frames = [
                make_predictions(count, part, target, noise, seeds, constant)
                for target in targets
                for part, count in (("validation", validation), ("test", n))
                if count
            ]
            write_system(paths, name, frames, seeds=seeds, targets=targets)
        return paths

    return build


@pytest.fixture
def system():
    """`system(paths, name, frames, ...)`: write one more trained system."""
    return write_system


@pytest.fixture
def left_out():
    """`left_out(paths, name, why)`: write a system that was left out."""
    return write_left_out


@pytest.fixture
def predicted():
    """`predicted(n, part, target, noise, seeds, constant)`: predictions of one system."""
    return make_predictions
