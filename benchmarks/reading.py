"""Reading a feature of 200,000 x 512 halves, against `numpy.load` of the same array."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Measure, seconds
from features.parts.extraction import GROUP_ROWS
from pipeline.storage import store

SHAPE = (200_000, 512)


def run(folder: Path) -> Iterator[Measure]:
    """Seconds to have the whole array in memory."""
    values = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32).astype(np.float16)
    np.save(folder / "values.npy", values)
    ids = np.arange(len(values)).astype(str)
    header = {"shape": SHAPE[1:], "dtype": "float16", "names": None, "metadata": {}}
    with store.FeatureWriter(folder / "values.parquet", **header) as writer:
        for start in range(0, len(values), GROUP_ROWS):
            rows = slice(start, start + GROUP_ROWS)
            writer.append(ids[rows], values[rows], np.ones(len(ids[rows]), dtype=bool))
    assert np.array_equal(store.read_feature(folder / "values.parquet").values, values)
    ours, limit = seconds(
        lambda: store.read_feature(folder / "values.parquet"), lambda: np.load(folder / "values.npy"), rounds=7
    )
    yield Measure("reading 200,000 x 512 float16", "numpy.load", ours, limit, "s", "aim at most 2")
