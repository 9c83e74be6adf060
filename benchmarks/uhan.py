"""Training `uhan` at the paper's sizes, from memory and from disk, against its bare forward and backward pass."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Measure
from benchmarks.training import BATCHES, against_bare, devices, write
from models.parts.batches import Tensors
from models.uhan import UHANNetwork
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues

BATCH, REGIONS, NUMBERS, WORDS = 128, 196, 512, 50
VOCABULARY, USERS = 70_170, 128
WIDTHS = dict.fromkeys(("states", "embedding", "user_width", "intra_width", "inter_width"), 512)


def run(folder: Path) -> Iterator[Measure]:
    """All devices there are."""
    for device in devices():
        arrays = draw(BATCHES[device] * BATCH)
        regions = store.read_feature(write(folder / "regions.arrow", arrays["regions"])).values
        data = {"in memory": Tensors(arrays), "from disk": Tensors({**arrays, "regions": FeatureValues(regions)})}
        network = UHANNetwork(regions=NUMBERS, words=VOCABULARY + 2, users=USERS + 1, **WIDTHS, head=[512])
        yield from against_bare("uhan", network, data, BATCH, device)


def draw(rows: int) -> dict[str, np.ndarray]:
    """Posts of the paper's sizes, the longest text in each batch full."""
    rng = np.random.default_rng(0)
    length = rng.integers(5, WORDS + 1, (rows, 1))
    words = np.where(np.arange(WORDS) < length, rng.integers(2, VOCABULARY + 2, (rows, WORDS)), 0)
    return {
        "regions": rng.standard_normal((rows, REGIONS, NUMBERS), dtype=np.float32).astype(np.float16),
        "words": words.astype(np.int32),
        "users": rng.integers(1, USERS + 1, rows),
        "y": rng.standard_normal(rows),
    }
