"""What networks are fed: datasets that are indexed with a list of rows and give a batch, a dict of tensors.

Shapes: n rows, b rows a batch.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

Batch = dict[str, Tensor]


class Data(Protocol):
    """A dataset networks learn from; `Tensors` is the one in memory, others stream from disk."""

    def __len__(self) -> int:
        """Rows."""

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        """The batch of these rows: tensors [len(rows), ...] by name."""

    def digest(self) -> str:
        """Hash of the contents; asked for only where training keeps checkpoints."""


class Tensors:
    """Arrays [n, ...] in memory, by name; floats become float32."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self._tensors = {name: _tensor(array) for name, array in arrays.items()}
        lengths = {name: len(tensor) for name, tensor in self._tensors.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of different lengths: {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self._tensors.values())))

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        index = torch.as_tensor(rows)
        return {name: tensor[index] for name, tensor in self._tensors.items()}

    def digest(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in self._tensors.items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()


def _tensor(array: np.ndarray) -> Tensor:
    return torch.tensor(array.astype(np.float32) if array.dtype.kind == "f" else array)


def inputs(batch: Batch) -> Batch:
    """What a network is called with: everything but the target `y`."""
    return {name: tensor for name, tensor in batch.items() if name != "y"}


def cut(order: np.ndarray, batch_size: int) -> list[list[int]]:
    """Rows in `order` cut into batches."""
    return [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]


def shuffled(n: int, batch_size: int, seed: Sequence[int]) -> list[list[int]]:
    """Batches of n rows in random order, none of one row (batch norm cannot train on that).

    A last batch of one row joins the one before; an only row stands twice.
    """
    batches = cut(np.random.default_rng(seed).permutation(n), batch_size)
    if len(batches) > 1 and len(batches[-1]) == 1:
        last = batches.pop()
        batches[-1] += last
    return [batch * 2 if len(batch) == 1 else batch for batch in batches]


def load(data: Data, batches: list[list[int]], device: torch.device | str, workers: int = 0) -> Iterator[Batch]:
    """The batches on `device`, in order; `workers` processes read ahead."""
    pin = torch.device(device).type == "cuda"
    loader = DataLoader(
        data,
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        pin_memory=pin,
        generator=torch.Generator(),  # its own: a worker's seed must not advance the training's
    )
    for batch in loader:
        yield {name: tensor.to(device, non_blocking=pin) for name, tensor in batch.items()}
