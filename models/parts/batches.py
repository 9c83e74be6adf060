"""What networks are fed: datasets that are indexed with a list of rows and give a batch, a dict of tensors.

Shapes: n rows, b rows a batch.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from pipeline.storage.examples import FeatureValues

Batch = dict[str, Tensor]

READERS = 4
"""Threads that read batches from disk, each the next one; so many are in memory beside the one being used."""


@runtime_checkable
class Data(Protocol):
    """A dataset networks learn from; one with `on_disk`, which is true, is read ahead by threads."""

    def __len__(self) -> int:
        """Rows."""

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        """The batch of these rows: tensors [len(rows), ...] by name."""

    def digest(self) -> str:
        """Hash of the contents; asked for only where training keeps checkpoints."""


@runtime_checkable
class Redrawn(Protocol):
    """Training data that is another one in each epoch."""

    def begin(self, epoch: int) -> None:
        """Become that of an epoch, from 0 on: the same whenever it is asked for."""


@runtime_checkable
class Stored(Protocol):
    """Numbers of n rows that may lie on disk, such as a feature's: what is indexed is read, and copied."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, ...]."""

    @property
    def dtype(self) -> np.dtype:
        """Of the numbers."""

    def __len__(self) -> int:
        """Rows."""

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The numbers of some rows [b, ...]."""

    def digest(self) -> str:
        """Hash of the numbers."""


Arrays = Mapping[str, np.ndarray | Stored]


def some(values: FeatureValues) -> FeatureValues:
    """A feature's values; of one without any number, NaN, for no library has a layer over nothing."""
    return values if values.width else FeatureValues(np.full((len(values), 1), np.nan, np.float32))


class Tensors:
    """Arrays [n, ...] by name, or numbers that may lie on disk; floats become float32."""

    def __init__(self, arrays: Arrays):
        self._arrays = dict(arrays)
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of different lengths: {lengths}")
        self.on_disk = any(not isinstance(array, np.ndarray) for array in arrays.values())

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        return {name: _floats(tensor) for name, tensor in self.stored(rows).items()}

    def stored(self, rows: Sequence[int]) -> Batch:
        """The batch of these rows with floats as they are stored: of halves, half the bytes to hand to a card."""
        index = np.asarray(rows, dtype=np.int64)
        return {name: torch.from_numpy(array[index]) for name, array in self._arrays.items()}

    def digest(self) -> str:
        digest = hashlib.sha256()
        for name, array in self._arrays.items():
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array.digest().encode())
        return digest.hexdigest()


def _floats(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


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


def pieces(batch: list[int], number: int) -> list[list[int]]:
    """A batch cut into so many pieces of nearly the same size, or into fewer, so that none has one row."""
    number = max(1, min(number, len(batch) // 2))
    return [piece.tolist() for piece in np.array_split(np.asarray(batch, dtype=np.int64), number)]


def load(data: Data, batches: list[list[int]], device: torch.device | str, workers: int = 0) -> Iterator[Batch]:
    """The batches on `device`, in order; `workers` processes read ahead, or threads where the data is on disk."""
    pin = torch.device(device).type == "cuda"
    on_disk = getattr(data, "on_disk", False)
    for batch in _read_ahead(data, batches, pin) if on_disk else _loader(data, batches, workers, pin):
        yield {name: _floats(tensor.to(device, non_blocking=pin)) for name, tensor in batch.items()}


def _loader(data: Data, batches: list[list[int]], workers: int, pin: bool) -> DataLoader:
    return DataLoader(
        data,
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        pin_memory=pin,
        generator=torch.Generator(),  # its own: a worker's seed must not advance the training's
    )


def _read_ahead(data: Data, batches: list[list[int]], pin: bool) -> Iterator[Batch]:
    """The batches in order, as they are stored, read by threads."""
    take = getattr(data, "stored", data.__getitem__)

    def read(rows: list[int]) -> Batch:
        return {name: tensor.pin_memory() if pin else tensor for name, tensor in take(rows).items()}

    waiting = iter(batches)
    readers = ThreadPoolExecutor(READERS, thread_name_prefix="batches")
    try:
        ahead = deque(readers.submit(read, rows) for rows in islice(waiting, READERS))
        while ahead:
            batch = ahead.popleft().result()
            ahead.extend(readers.submit(read, rows) for rows in islice(waiting, 1))
            yield batch
    finally:
        readers.shutdown(cancel_futures=True)
