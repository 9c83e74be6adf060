"""results/curves.csv: losses of every network while it trained, a row a system, target, seed and step."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from models.trained import Trained
from pipeline.storage import store

COLUMNS = ("system", "target", "seed", "step", "train", "validation")
STEPS = 250
"""Points of a curve the file keeps at most, evenly thinned."""


def table(systems: Mapping[str, Trained]) -> pd.DataFrame:
    """The curves of all systems that have one; `systems` are those of params.yaml."""
    found = [
        _thinned(pd.DataFrame({"system": name, "target": target, "seed": seed, **curve}))
        for name, system in systems.items()
        for target, learned in system.targets.items()
        for seed, curve in learned.curve.items()
        if curve
    ]
    empty = pd.DataFrame({column: pd.Series(dtype="float64") for column in COLUMNS})
    return pd.concat(found, ignore_index=True).reindex(columns=COLUMNS) if found else empty


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    return curve.iloc[np.unique(np.linspace(0, len(curve) - 1, min(len(curve), STEPS)).astype(int))]


def write(path: Path, frame: pd.DataFrame) -> None:
    """Write them with five significant digits; no validation part, no number."""
    with store.atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.5g", lineterminator="\n", encoding="utf-8")
