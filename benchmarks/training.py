"""Training networks, from memory and from disk, against their bare forward and backward passes, on all devices.

What `run` of a module of this folder gives for one network.
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.measure import Measure, seconds
from features.parts.extraction import GROUP_BYTES
from models.parts.batches import Batch, Data
from models.parts.loop import Loss, Training
from models.parts.training import fit_network, squared_error
from pipeline.storage import store

BATCHES, EPOCHS = {"cpu": 6, "cuda": 64}, {"cpu": 1, "cuda": 4}


def devices() -> list[str]:
    """All that there are."""
    return [device for device in BATCHES if device == "cpu" or torch.cuda.is_available()]


def against_bare(
    label: str,
    network: nn.Module,
    data: Mapping[str, Data],
    batch_size: int,
    device: str,
    *,
    loss: Loss = squared_error,
    training: Training = Training(),
    unit: str = "posts",
) -> Iterator[Measure]:
    """Posts a second: whole training steps, shuffled, against passes over batches that lie ready.

    `data` by where it lies; the first is what the batches are cut from. `training` says the rule of the steps.
    """
    first, epochs = next(iter(data.values())), EPOCHS[device]
    rows = len(first)
    ready = [first[range(i, i + batch_size)] for i in range(0, min(rows, 8 * batch_size), batch_size)]
    training = replace(training, batch_size=batch_size, epochs=epochs)
    options = {"training": training, "loss": loss, "device": device}
    calls = [lambda one=one: fit_network(network, one, **options) for one in data.values()]
    bare(network, ready, 2, device, loss)
    limit, *ours = seconds(lambda: bare(network, ready, epochs * rows // batch_size, device, loss), *calls)
    for name, one in zip(data, ours, strict=True):
        speed, most = (epochs * rows / time for time in (one, limit))
        yield Measure(f"training {label}, {name}, {device}", "its bare passes", speed, most, f"{unit}/s", "aim 0.85")


def write(path: Path, values: np.ndarray) -> Path:
    """Values of posts as the pipeline stores them."""
    header = {"shape": values.shape[1:], "dtype": "float16", "names": None, "metadata": {}}
    size = GROUP_BYTES // values[0].nbytes
    with store.FeatureWriter(path, **header) as writer:
        for start in range(0, len(values), size):
            group = values[start : start + size]
            writer.append(np.arange(start, start + len(group)).astype(str), group, np.ones(len(group), dtype=bool))
    return path


def bare(network: nn.Module, batches: list[Batch], steps: int, device: str, loss: Loss = squared_error) -> None:
    """Forward and backward passes and nothing else, in the precision training has."""
    network.to(device).train()
    batches = [{name: tensor.to(device) for name, tensor in batch.items()} for batch in batches]
    for step in range(steps):
        with torch.autocast(device, torch.bfloat16) if device == "cuda" else nullcontext():
            value = loss(network, batches[step % len(batches)])
        network.zero_grad()
        value.backward()
    if device == "cuda":
        torch.cuda.synchronize()
    network.cpu()
