"""Training networks, from memory and from disk, against their bare forward and backward passes, on all devices.

What `run` of a module of this folder gives for one network.
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.measure import Measure, seconds
from features.parts.extraction import GROUP_BYTES
from models.parts.batches import Batch, Data
from models.parts.loop import Training
from models.parts.training import fit_network, squared_error
from pipeline.storage import store

BATCHES, EPOCHS = {"cpu": 6, "cuda": 64}, {"cpu": 1, "cuda": 4}


def devices() -> list[str]:
    """All that there are."""
    return [device for device in BATCHES if device == "cpu" or torch.cuda.is_available()]


def against_bare(
    label: str, network: nn.Module, data: Mapping[str, Data], batch_size: int, device: str
) -> Iterator[Measure]:
    """Posts a second: whole training steps, shuffled, with Adam, against passes over batches that lie ready.

    `data` by where it lies; the first is what the batches are cut from.
    """
    first, epochs = next(iter(data.values())), EPOCHS[device]
    rows = len(first)
    ready = [first[range(i, i + batch_size)] for i in range(0, min(rows, 8 * batch_size), batch_size)]
    training = Training(batch_size=batch_size, epochs=epochs)
    calls = [lambda one=one: fit_network(network, one, training=training, device=device) for one in data.values()]
    bare(network, ready, 2, device)
    limit, *ours = seconds(lambda: bare(network, ready, epochs * rows // batch_size, device), *calls)
    for name, one in zip(data, ours, strict=True):
        speed, most = (epochs * rows / time for time in (one, limit))
        yield Measure(f"training {label}, {name}, {device}", "its bare passes", speed, most, "posts/s", "aim 0.85")


def write(path: Path, values: np.ndarray) -> Path:
    """Values of posts as the pipeline stores them."""
    header = {"shape": values.shape[1:], "dtype": "float16", "names": None, "metadata": {}}
    size = GROUP_BYTES // values[0].nbytes
    with store.FeatureWriter(path, **header) as writer:
        for start in range(0, len(values), size):
            group = values[start : start + size]
            writer.append(np.arange(start, start + len(group)).astype(str), group, np.ones(len(group), dtype=bool))
    return path


def bare(network: nn.Module, batches: list[Batch], steps: int, device: str) -> None:
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
