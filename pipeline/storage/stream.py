"""Features too large for memory: arrays whose rows are read from their Parquet file when they are asked for.

Shapes: n rows of an array, m rows asked for.
"""

import hashlib
from collections import OrderedDict
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.storage import store
from pipeline.storage.store import FeatureTable

STREAM_BYTES = 512 * 2**20
"""Values of a feature beyond this are streamed: in memory they would be there several times over, as read, as
parts and as float32."""
KEPT_GROUPS = 20
"""Row groups of a file that stay in memory once they are read."""


def open_feature(path: Path) -> FeatureTable:
    """A feature as `store.read_feature` gives it, or with a `StreamedArray` if it has more than `STREAM_BYTES`."""
    metadata = store.feature_metadata(path)
    values = None if metadata["names"] is not None else StreamedArray(RowGroups(path))
    if values is None or values.nbytes <= STREAM_BYTES:
        return store.read_feature(path)
    with pq.ParquetFile(path) as file:
        keys = file.read(columns=["post_id", "valid"], use_threads=False)
    return FeatureTable(keys["post_id"].to_numpy(), values, keys["valid"].to_numpy(), metadata)


class StreamedArray:
    """Rows [n, *shape] of a feature on disk, indexed as NumPy does along the first axis.

    Rows of few row groups cost little; rows of many cost a read of each.
    """

    def __init__(self, file: "RowGroups", rows: np.ndarray | None = None):
        self._file, self._rows = file, np.arange(len(file)) if rows is None else rows
        self.dtype, self.shape = file.dtype, (len(self._rows), *file.shape)
        self.ndim, self.nbytes = len(self.shape), int(np.prod(self.shape, dtype=np.int64)) * file.dtype.itemsize

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: np.ndarray, axis: int = 0) -> "StreamedArray":
        """The array of these rows [m], reading nothing yet; `axis` is there because NumPy's `take` has it."""
        if axis != 0:
            raise ValueError(f"axis {axis}: only rows can be taken")
        return StreamedArray(self._file, self._rows[rows])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The values of a row, a slice, a mask or positions, in their order."""
        wanted = self._rows[rows]
        return self._file.read(wanted) if wanted.ndim else self._file.read(wanted[None])[0]

    @property
    def groups(self) -> np.ndarray:
        """The row group [n] that each row lies in."""
        return self._file.group_of(self._rows)

    def digest(self) -> str:
        """Hash of the contents, from the one the file carries."""
        return hashlib.sha256(self._file.sha256.encode() + self._rows.tobytes()).hexdigest()


class RowGroups:
    """The row groups of a feature file; those read last stay in memory. Any thread may read."""

    def __init__(self, path: Path):
        self._path, self._metadata = path, pq.read_metadata(path)
        told = store.feature_metadata(path)
        self.shape, self.dtype = tuple(told["shape"]), np.dtype(told["dtype"])
        lengths = [self._metadata.row_group(i).num_rows for i in range(self._metadata.num_row_groups)]
        self._ends = np.cumsum(lengths, dtype=np.int64)
        self._kept: OrderedDict[int, Future] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return self._metadata.num_rows

    @cached_property
    def sha256(self) -> str:
        """Hash of the values, as it was written."""
        return self._metadata.metadata[store.SHA256].decode()

    def group_of(self, rows: np.ndarray) -> np.ndarray:
        """The row group [m] of each row of the file."""
        return np.searchsorted(self._ends, rows, side="right")

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Values [m, *shape] of rows of the file."""
        values = np.empty((len(rows), *self.shape), self.dtype)
        groups = self.group_of(rows)
        for group in np.unique(groups).tolist():
            inside = np.flatnonzero(groups == group)
            values[inside] = self._group(group)[rows[inside] - self._ends[group]]  # counted from its end
        return values

    def _group(self, group: int) -> np.ndarray:
        with self._lock:
            reading = self._kept.get(group)
            mine = reading is None
            if mine:
                reading = self._kept[group] = Future()
                if len(self._kept) > KEPT_GROUPS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(group)
        if mine:
            self._read_into(reading, group)
        return reading.result()

    def _read_into(self, reading: Future, group: int) -> None:
        try:
            # A reader each: PyArrow's are not for several threads. The footer is not read again.
            with pq.ParquetFile(self._path, metadata=self._metadata, memory_map=True) as file:
                table = file.read_row_group(group, columns=["value"], use_threads=False)
            chunks = list(store.vectors(table, self.shape, self.dtype))
            reading.set_result(chunks[0] if len(chunks) == 1 else np.concatenate(chunks))
        except BaseException as error:
            with self._lock:
                self._kept.pop(group, None)
            reading.set_exception(error)
