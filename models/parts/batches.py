"""What networks are fed: datasets that are indexed with a list of rows and give a batch, a dict of tensors.

Shapes: n rows, b rows a batch.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

if TYPE_CHECKING:
    from pipeline.storage.stream import StreamedArray

Batch = dict[str, Tensor]

MIXED_GROUPS = 8
"""Row groups of a streamed array whose rows an epoch mixes at any moment; far fewer than stay in memory."""
READERS = 4
"""Threads that read streamed batches, each the next one; so many are in memory beside the one being used."""


@runtime_checkable
class Data(Protocol):
    """A dataset networks learn from.

    One that streams from disk has `groups` as well: for each row [n] the part of the file it lies in. Rows
    are then drawn from few of them at a time, and read ahead by threads.
    """

    def __len__(self) -> int:
        """Rows."""

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        """The batch of these rows: tensors [len(rows), ...] by name."""

    def digest(self) -> str:
        """Hash of the contents; asked for only where training keeps checkpoints."""


class Tensors:
    """Arrays [n, ...] by name, in memory or streamed; floats become float32."""

    def __init__(self, arrays: "Mapping[str, np.ndarray | StreamedArray]"):
        streamed = {name: array for name, array in arrays.items() if not isinstance(array, np.ndarray)}
        self._tensors = {n: array if n in streamed else _tensor(array) for n, array in arrays.items()}
        lengths = {name: len(tensor) for name, tensor in self._tensors.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of different lengths: {lengths}")
        # Of several, the one with the fewest rows in a group: it costs most to read.
        self.groups = max((array.groups for array in streamed.values()), key=_distinct, default=None)

    def __len__(self) -> int:
        return len(next(iter(self._tensors.values())))

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        return {name: _floats(tensor) for name, tensor in self.stored(rows).items()}

    def stored(self, rows: Sequence[int]) -> Batch:
        """The batch of these rows with streamed floats as they are on disk, half the bytes to hand to a card."""
        index = torch.as_tensor(rows)
        return {name: _take(array, index) for name, array in self._tensors.items()}

    def digest(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in self._tensors.items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.numpy().tobytes() if isinstance(tensor, Tensor) else tensor.digest().encode())
        return digest.hexdigest()


def _tensor(array: np.ndarray) -> Tensor:
    return _floats(torch.tensor(array))


def _floats(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _take(array: "Tensor | StreamedArray", rows: Tensor) -> Tensor:
    return array[rows] if isinstance(array, Tensor) else torch.from_numpy(array[rows.numpy()])


def _distinct(groups: np.ndarray) -> int:
    return len(np.unique(groups))


def inputs(batch: Batch) -> Batch:
    """What a network is called with: everything but the target `y`."""
    return {name: tensor for name, tensor in batch.items() if name != "y"}


def cut(order: np.ndarray, batch_size: int) -> list[list[int]]:
    """Rows in `order` cut into batches."""
    return [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]


def shuffled(
    n: int, batch_size: int, seed: Sequence[int], groups: np.ndarray | None = None, mixed: int = MIXED_GROUPS
) -> list[list[int]]:
    """Batches of n rows in random order, none of one row (batch norm cannot train on that).

    A last batch of one row joins the one before; an only row stands twice. `groups` [n] of rows, if any, are
    passed in random order with the rows of `mixed` consecutive ones mixed at any moment.
    """
    rng = np.random.default_rng(seed)
    batches = cut(rng.permutation(n) if groups is None else _in_groups(groups, mixed, rng), batch_size)
    if len(batches) > 1 and len(batches[-1]) == 1:
        last = batches.pop()
        batches[-1] += last
    return [batch * 2 if len(batch) == 1 else batch for batch in batches]


def _in_groups(groups: np.ndarray, mixed: int, rng: np.random.Generator) -> np.ndarray:
    """Rows [n] ordered by the place of their group, in random order, plus a random part of `mixed` places.

    So groups come and go one at a time. The places are a circle: the first batches are mixed like all others.
    """
    names, group = np.unique(groups, return_inverse=True)
    place = rng.permutation(len(names))[group] + rng.uniform(0, min(mixed, max(1, len(names))), len(group))
    return np.argsort(place % max(1, len(names)), kind="stable")


def load(data: Data, batches: list[list[int]], device: torch.device | str, workers: int = 0) -> Iterator[Batch]:
    """The batches on `device`, in order; `workers` processes read ahead, or threads where the data is streamed."""
    pin = torch.device(device).type == "cuda"
    streamed = getattr(data, "groups", None) is not None
    for batch in _read_ahead(data, batches, pin) if streamed else _loader(data, batches, workers, pin):
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
    """The batches in order, as they are stored, read by threads, which share what they read from disk."""
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
