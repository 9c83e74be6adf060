"""Vectors of Arrow files, mapped to memory: the file is the array, and any of its rows cost only themselves.

Shapes: n rows of a file, m rows asked for.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

ASKED = 64 * 2**10
"""Bytes from which on rows are asked of the disk one by one; smaller ones come along with their neighbours."""


def to_binary(values: np.ndarray) -> pa.Array:
    """Values [n, *shape] as n fixed-size binaries, without a copy."""
    width = int(np.prod(values.shape[1:], dtype=np.int64)) * values.itemsize
    return pa.Array.from_buffers(pa.binary(width), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def read(path: Path, columns: int | None = None) -> tuple[pa.Table, mmap.mmap]:
    """An Arrow file and the memory it is mapped to, of which the table is a view where it is not compressed.

    Of the first `columns` alone, if that is not None.
    """
    with path.open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    chosen = pa.ipc.IpcReadOptions(included_fields=None if columns is None else list(range(columns)))
    return pa.ipc.open_file(pa.py_buffer(memory), options=chosen).read_all(), memory


def fill(values: np.ndarray, memory: mmap.mmap, *, skip: int) -> None:
    """Copy the columns of an Arrow file but the first `skip` into `values` [n, d], one record batch after the other."""
    file, start = pa.ipc.open_file(pa.py_buffer(memory)), 0
    for i in range(file.num_record_batches):
        start += _fill(values[start:], file.get_batch(i), skip)


def _fill(values: np.ndarray, batch: pa.RecordBatch, skip: int) -> int:
    batch.validate(full=True)
    for i, column in enumerate(batch.columns[skip:]):
        values[: len(batch), i] = column.to_numpy()
    return len(batch)


def of_table(table: pa.Table, memory: mmap.mmap, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """The column `value` of what `read` gave, [n, *shape], read-only and without a copy; of one record batch."""
    if 0 in (len(table), *shape):
        return np.empty((len(table), *shape), dtype)
    (chunk,) = table.column("value").chunks
    offset = chunk.buffers()[1].address - pa.py_buffer(memory).address
    return np.ndarray((len(table), *shape), dtype, buffer=memory, offset=offset)


def take(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A copy [m, *shape] of rows [m] of `values` [n, *shape].

    Large rows of a mapped file are asked of the disk by name and all at once. Left to itself the system waits for
    one after the other and reads, around each, as much again or megabytes more.
    """
    memory, size = values.base, values.nbytes // max(1, len(values))
    if size >= ASKED and isinstance(memory, mmap.mmap) and hasattr(memory, "madvise"):  # not on Windows
        first = values.ctypes.data - pa.py_buffer(memory).address
        for row in np.unique(np.arange(len(values))[rows]).tolist():
            start = first + row * size
            page = start // mmap.PAGESIZE * mmap.PAGESIZE
            memory.madvise(mmap.MADV_WILLNEED, page, start + size - page)
    return values.take(rows, axis=0)
