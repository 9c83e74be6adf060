"""Files on disk: atomic writes, and features as Parquet that reads back as arrays.

A feature file has one row a post in the order of posts.parquet: `post_id`, `valid`, and either `value`
(fixed-size binary, the raw bytes of the array) or one named float32 column a dimension. Rows that are
not valid hold NaN. The schema metadata carries shape, dtype, names and whatever the extractor tells, the
footer a hash of ids and values.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import UserError

_KEY = b"likecast"
READERS = 4
"""Row groups of a vector feature read at a time."""
SHA256 = b"likecast.sha256"
"""Key in a feature file's footer: hash of its ids and values."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path`, synced and renamed to it when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name: synced first, so that the name never stands for a torn file."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON written by an earlier stage."""
    return json.loads(existing(path).read_text(encoding="utf-8"))


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as Parquet, without its index."""
    write_table(path, pa.Table.from_pandas(frame, preserve_index=False))


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as Parquet."""
    with atomic(path) as temporary:
        pq.write_table(table, temporary)


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table of an earlier stage, all columns or those named."""
    return pq.read_table(existing(path), columns=list(columns) if columns is not None else None).to_pandas()


def columns_of(path: Path) -> list[str]:
    """Names of the columns of a Parquet table."""
    return pq.read_schema(existing(path)).names


@dataclass(frozen=True)
class FeatureTable:
    """One feature of many posts: `values` is [n, *shape], rows with `valid` False hold NaN.

    `values` is an array of NumPy, or one indexed like it (`pipeline.storage.stream.StreamedArray`).
    """

    post_id: np.ndarray
    values: Any
    valid: np.ndarray
    metadata: dict[str, Any]

    @property
    def names(self) -> list[str] | None:
        """Column names of a tabular feature."""
        return self.metadata["names"]


class FeatureWriter:
    """Appends rows of one feature to `path`; nothing appears there until `close` without an error."""

    def __init__(self, path: Path, *, shape: Sequence[int], dtype: str, names: Sequence[str] | None, metadata: dict):
        self._shape = tuple(shape)
        self._dtype = np.dtype(dtype)
        self._names = list(names) if names is not None else None
        header = {**metadata, "shape": list(shape), "dtype": self._dtype.name, "names": self._names}
        fields = [pa.field("post_id", pa.string()), pa.field("valid", pa.bool_())]
        if self._names is not None:
            fields += [pa.field(name, pa.from_numpy_dtype(self._dtype)) for name in self._names]
        else:
            fields.append(pa.field("value", pa.binary(self._width())))
        text = json.dumps(header, sort_keys=True, ensure_ascii=False).encode()
        self._schema = pa.schema(fields, metadata={_KEY: text})
        self._hash = hashlib.sha256(text)
        self._atomic = atomic(path)
        # Embeddings do not compress; tabular columns do.
        codec = "zstd" if self._names is not None else "none"
        pages = {"use_dictionary": False, "data_page_size": 2**26}
        self._file = pq.ParquetWriter(self._atomic.__enter__(), self._schema, compression=codec, **pages)

    def append(self, post_id: Sequence[str], values: np.ndarray, valid: np.ndarray) -> None:
        """Write one row group: `values` is [n, *shape]."""
        width = int(np.prod(self._shape, dtype=np.int64))
        values = np.ascontiguousarray(values, dtype=self._dtype).reshape(len(post_id), width)
        self._hash.update(json.dumps(list(post_id)).encode())
        self._hash.update(values.data)
        columns = [pa.array(post_id, pa.string()), pa.array(np.asarray(valid, dtype=bool))]
        if self._names is not None:
            columns += [pa.array(values[:, i]) for i in range(len(self._names))]
        else:
            kind = pa.binary(self._width())
            columns.append(pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)]))
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema))

    def _width(self) -> int:
        return int(np.prod(self._shape, dtype=np.int64)) * self._dtype.itemsize

    def __enter__(self) -> "FeatureWriter":
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.add_key_value_metadata({SHA256: self._hash.hexdigest()})
        self._file.close()
        self._atomic.__exit__(*error)


def feature_metadata(path: Path) -> dict[str, Any]:
    """What the extractor wrote about a feature: shape, dtype, names, arguments, weights, state."""
    return json.loads(pq.read_schema(existing(path)).metadata[_KEY])


def iter_feature(path: Path) -> Iterator[FeatureTable]:
    """A feature, one row group at a time, in order; memory is one row group's."""
    metadata = feature_metadata(path)
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield _to_arrays(file.read_row_group(group), metadata)


def read_feature(path: Path) -> FeatureTable:
    """A whole feature as arrays."""
    metadata = feature_metadata(path)
    with pq.ParquetFile(path, memory_map=True) as file:
        if metadata["names"] is not None:
            return _to_arrays(file.read(), metadata)
        others = file.read(columns=["post_id", "valid"])
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    values = np.empty((len(others), *metadata["shape"]), dtype=metadata["dtype"])
    # Row groups one by one and side by side: twice as fast as Arrow's read of them all and a copy.
    with ThreadPoolExecutor(READERS) as pool:
        starts = np.cumsum([0, *sizes[:-1]])
        list(pool.map(lambda group: _fill(values[starts[group] :], _read_vectors(path, group)), range(len(sizes))))
    return FeatureTable(others["post_id"].to_numpy(), values, others["valid"].to_numpy(), metadata)


def _read_vectors(path: Path, group: int) -> pa.Table:
    with pq.ParquetFile(path, memory_map=True) as file:
        return file.read_row_group(group, columns=["value"], use_threads=False)


def _fill(values: np.ndarray, table: pa.Table) -> None:
    """Copy the vectors of a table to the first rows of `values`."""
    row = 0
    for chunk in vectors(table, values.shape[1:], values.dtype):
        values[row : row + len(chunk)] = chunk
        row += len(chunk)


def _to_arrays(table: pa.Table, metadata: dict[str, Any]) -> FeatureTable:
    shape, dtype = tuple(metadata["shape"]), np.dtype(metadata["dtype"])
    if metadata["names"] is not None:
        values = np.empty((len(table), len(metadata["names"])), dtype=dtype)
        for i, name in enumerate(metadata["names"]):
            values[:, i] = table.column(name).to_numpy()
    else:
        values = np.empty((len(table), *shape), dtype=dtype)
        _fill(values, table)
    post_id = table.column("post_id").to_numpy()
    return FeatureTable(post_id, values, table.column("valid").to_numpy(), metadata)


def vectors(table: pa.Table, shape: Sequence[int], dtype: np.dtype) -> Iterator[np.ndarray]:
    """The values [m, *shape] in each chunk of the column `value`, read-only and without a copy."""
    width = int(np.prod(shape, dtype=np.int64))
    for chunk in table.column("value").chunks:
        offset = chunk.offset * width * dtype.itemsize
        flat = np.frombuffer(chunk.buffers()[1], dtype=dtype, count=len(chunk) * width, offset=offset)
        yield flat.reshape(len(chunk), *shape)


def join_positions(keys: np.ndarray, wanted: np.ndarray, what: str) -> np.ndarray:
    """Row of each of `wanted` in `keys`; both are unique post ids. Raises `UserError` where one is absent."""
    index = pd.Index(keys)
    if not index.is_unique:
        raise UserError(f"{what}: post_id {index[index.duplicated()][0]!r} stands there twice; run dvc repro again")
    rows = index.get_indexer(wanted)
    if (rows < 0).any():
        raise UserError(f"{what}: post_id {wanted[rows < 0][0]!r} is missing there; run dvc repro again")
    return rows


def existing(path: Path) -> Path:
    """The path of a file that is there. Raises `UserError` where it is not."""
    if not path.exists():
        raise UserError(f"{path}: not there yet; run dvc repro")
    return path
