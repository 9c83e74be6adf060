"""Training `uhan` at the paper's sizes, from memory and from disk, against its bare forward and backward pass.

On the CPU, and on a card where there is one.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import Measure, seconds
from features.parts.extraction import GROUP_BYTES
from models.parts.batches import Batch, Tensors
from models.parts.loop import Training
from models.parts.training import fit_network, squared_error
from models.uhan import UHANNetwork
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues

BATCH, REGIONS, NUMBERS, WORDS = 128, 196, 512, 50
VOCABULARY, USERS = 70_170, 128
WIDTHS = dict.fromkeys(("states", "embedding", "user_width", "intra_width", "inter_width"), 512)
BATCHES, EPOCHS = {"cpu": 6, "cuda": 64}, {"cpu": 1, "cuda": 4}


def run(folder: Path) -> Iterator[Measure]:
    """All devices there are."""
    for device in BATCHES:
        if device == "cpu" or torch.cuda.is_available():
            yield from on(device, folder)


def on(device: str, folder: Path) -> Iterator[Measure]:
    """Posts a second: whole training steps, shuffled, with Adam, against passes over batches that lie ready."""
    rows, epochs = BATCHES[device] * BATCH, EPOCHS[device]
    arrays = draw(rows)
    regions = store.read_feature(write(folder / "regions.arrow", arrays["regions"])).values
    data = {"in memory": Tensors(arrays), "from disk": Tensors({**arrays, "regions": FeatureValues(regions)})}
    network = UHANNetwork(regions=NUMBERS, words=VOCABULARY + 2, users=USERS + 1, **WIDTHS, head=[512])
    ready = [data["in memory"][range(i, i + BATCH)] for i in range(0, min(rows, 8 * BATCH), BATCH)]
    training = Training(batch_size=BATCH, epochs=epochs)
    calls = [lambda one=one: fit_network(network, one, training=training, device=device) for one in data.values()]
    bare(network, ready, 2, device)
    limit, *ours = seconds(lambda: bare(network, ready, epochs * BATCHES[device], device), *calls)
    for name, one in zip(data, ours, strict=True):
        speed, most = (epochs * rows / time for time in (one, limit))
        yield Measure(f"training uhan, {name}, {device}", "its bare passes", speed, most, "posts/s", "aim 0.85")


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


def write(path: Path, regions: np.ndarray) -> Path:
    """The regions as the pipeline stores them."""
    header = {"shape": regions.shape[1:], "dtype": "float16", "names": None, "metadata": {}}
    size = GROUP_BYTES // regions[0].nbytes
    with store.FeatureWriter(path, **header) as writer:
        for start in range(0, len(regions), size):
            group = regions[start : start + size]
            writer.append(np.arange(start, start + len(group)).astype(str), group, np.ones(len(group), dtype=bool))
    return path


def bare(network: UHANNetwork, batches: list[Batch], steps: int, device: str) -> None:
    """Forward and backward passes and nothing else, in the precision training has."""
    network.to(device).train()
    batches = [{name: tensor.to(device) for name, tensor in batch.items()} for batch in batches]
    for step in range(steps):
        with torch.autocast(device, torch.bfloat16) if device == "cuda" else nullcontext():
            loss = squared_error(network, batches[step % len(batches)])
        network.zero_grad()
        loss.backward()
    if device == "cuda":
        torch.cuda.synchronize()
    network.cpu()
