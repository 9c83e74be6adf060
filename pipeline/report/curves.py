"""results/curves.csv: losses of every network while it trained, a row a system, target, seed and step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.storage import store

COLUMNS = ("system", "target", "seed", "step", "train", "validation")
STEPS = 250
"""Points of a curve the file keeps at most, evenly thinned."""


def table(systems: Mapping[str, Any]) -> pd.DataFrame:
    """The curves of all systems that have one; `systems` is each system.json."""
    found = [
        _thinned(pd.DataFrame({"system": name, "target": target, "seed": int(seed), **curve}))
        for name, system in systems.items()
        for target, learned in system.get("targets", {}).items()
        for seed, curve in learned.get("curve", {}).items()
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
