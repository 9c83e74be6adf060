"""Files on disk: atomic writes, and features as Arrow files that are mapped to memory as arrays.

A feature file has one row a post in the order of posts.parquet: `post_id`, `valid`, and either `value`
(fixed-size binary, the raw bytes of the array, all in one record batch) or one named float32 column a
dimension, read by its place: a name that a column before it has gets a `_` in the file. Rows that are not
valid hold NaN. The schema metadata carries shape, dtype, names and whatever the extractor tells, and a hash
of that, of ids and of values.
"""

import glob
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from beartype.door import is_bearable
from pandas.util import hash_pandas_object

from pipeline.base.errors import UserError
from pipeline.storage import vectors

_KEY, _SHA256 = b"likecast", b"likecast.sha256"
_KEYS = (pa.field("post_id", pa.string()), pa.field("valid", pa.bool_()))
BLOCK = 32_768
"""Rows of a tabular feature compressed together."""


@contextmanager
def atomic(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """A temporary sibling of `path`, synced and renamed to it when the block ends without an error.

    Those that a kill left are removed, except where `path` is `shared` with processes that may write it just now.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for stray in () if shared else path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        stray.unlink(missing_ok=True)
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


def empty(folder: Path) -> Path:
    """A folder with nothing in it, whatever was there."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON written by an earlier stage."""
    with intact(existing(path)):
        return json.loads(path.read_text(encoding="utf-8"))


def read_object(path: Path, kinds: Mapping[str, Any], remedy: str) -> dict[str, Any]:
    """Read a JSON object of an earlier stage that has these keys, each with a value of its type.

    Raises `UserError` with the remedy for anything else.
    """
    with intact(existing(path), remedy):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not all(is_bearable(content[key], kind) for key, kind in kinds.items()):
            raise TypeError
        return content


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as Parquet, without its index."""
    write_table(path, pa.Table.from_pandas(frame, preserve_index=False))


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as Parquet."""
    with atomic(path) as temporary:
        pq.write_table(table, temporary)


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table of an earlier stage, all columns or those named."""
    named = list(dict.fromkeys(columns)) if columns is not None else None
    with intact(existing(path)):
        return pq.read_table(path, columns=named).to_pandas()


def columns_of(path: Path) -> list[str]:
    """Names of the columns of a Parquet table."""
    with intact(existing(path)):
        return pq.read_schema(path).names


@contextmanager
def intact(path: Path, remedy: str = "remove it and run dvc repro") -> Iterator[None]:
    """Whatever libraries make of a file that is torn or another becomes one `UserError` with the remedy."""
    try:
        yield
    except (
        pa.ArrowException,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        EOFError,
        OSError,
        RecursionError,
    ) as error:
        if isinstance(error, PermissionError):
            raise UserError(f"{path}: {error.strerror}") from None
        raise UserError(f"{path} is damaged ({type(error).__name__}): {remedy}") from None


@dataclass(frozen=True)
class FeatureTable:
    """One feature of many posts: `values` is [n, *shape], rows with `valid` False hold NaN.

    `sha256` is the hash of arguments, ids and values. Vectors are the file itself, memory-mapped and read-only.
    """

    post_id: np.ndarray
    values: np.ndarray
    valid: np.ndarray
    metadata: dict[str, Any]
    sha256: str

    @property
    def names(self) -> list[str] | None:
        """Column names of a tabular feature."""
        return self.metadata["names"]


class FeatureWriter:
    """Appends rows of one feature to `path`; nothing appears there until the block ends without an error.

    Rows wait in an unnamed file beside it: Arrow wants the values of one record batch, which alone can be mapped
    as one array, all at once.
    """

    def __init__(self, path: Path, *, shape: Sequence[int], dtype: str, names: Sequence[str] | None, metadata: dict):
        self._path, self._dtype = path, np.dtype(dtype)
        self._width = int(np.prod(shape, dtype=np.int64))
        self._names = list(names) if names is not None else None
        header = {**metadata, "shape": list(shape), "dtype": self._dtype.name, "names": self._names}
        self._header = json.dumps(header, sort_keys=True, ensure_ascii=False).encode()
        self._hash = hashlib.sha256(self._header)
        self._ids: list[pa.Array] = []
        self._valid: list[pa.Array] = []

    def append(self, post_id: Sequence[str], values: np.ndarray, valid: np.ndarray) -> None:
        """Write some rows: `values` is [n, *shape]."""
        values = np.ascontiguousarray(values, dtype=self._dtype).reshape(len(post_id), self._width)
        self._hash.update(json.dumps(list(post_id)).encode())
        self._hash.update(values.data)
        self._ids.append(pa.array(post_id, pa.string()))
        self._valid.append(pa.array(np.asarray(valid, dtype=bool)))
        self._rows.write(values.data)

    def __enter__(self) -> "FeatureWriter":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._rows = tempfile.TemporaryFile(dir=self._path.parent)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        with self._rows:
            if kind is None:
                self._rows.flush()
                self._publish()

    def _publish(self) -> None:
        ids = pa.concat_arrays([pa.array([], pa.string()), *self._ids])
        valid = pa.concat_arrays([pa.array([], pa.bool_()), *self._valid])
        told = {_KEY: self._header, _SHA256: self._hash.hexdigest()}
        schema = pa.schema([*_KEYS, *self._fields()], metadata=told)
        # Vectors do not compress, and compressed they could not be mapped; tabular columns do.
        options = pa.ipc.IpcWriteOptions(compression="zstd" if self._names is not None else None)
        size = BLOCK if self._names is not None else max(1, len(ids))
        with atomic(self._path) as temporary, pa.ipc.new_file(str(temporary), schema, options=options) as writer:
            for start in range(0, len(ids), size):
                block = slice(start, start + size)
                columns = [ids[block], valid[block], *self._columns(self._block(start, len(ids[block])))]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))

    def _block(self, start: int, size: int) -> np.ndarray:
        """Rows that wait in the file: all vectors, as they are mapped, or some rows of a tabular feature, read."""
        if not size * self._width:
            return np.empty((size, self._width), self._dtype)
        if self._names is None:
            return np.memmap(self._rows, self._dtype, mode="r", shape=(size, self._width))
        self._rows.seek(start * self._width * self._dtype.itemsize)
        return np.fromfile(self._rows, self._dtype, size * self._width).reshape(size, self._width)

    def _fields(self) -> list[pa.Field]:
        if self._names is None:
            return [pa.field("value", pa.binary(self._width * self._dtype.itemsize))]
        taken = [key.name for key in _KEYS]
        for name in self._names:
            while name in taken:
                name += "_"
            taken.append(name)
        return [pa.field(name, pa.from_numpy_dtype(self._dtype)) for name in taken[len(_KEYS) :]]

    def _columns(self, values: np.ndarray) -> list[pa.Array]:
        if self._names is None:
            return [vectors.to_binary(values)]
        return [pa.array(np.ascontiguousarray(column)) for column in values.T]


def feature_metadata(path: Path) -> dict[str, Any]:
    """What the extractor wrote about a feature: shape, dtype, names, arguments, weights, state."""
    with _intact_feature(path), pa.memory_map(str(path)) as source:
        return json.loads(pa.ipc.open_file(source).schema.metadata[_KEY])


def _intact_feature(path: Path) -> AbstractContextManager[None]:
    return intact(existing(path), f"run dvc repro -f feature@{path.stem}")


def read_feature(path: Path) -> FeatureTable:
    """A whole feature as arrays; of vectors nothing is read before it is asked for."""
    with _intact_feature(path):
        return _read_feature(path)


def _read_feature(path: Path) -> FeatureTable:
    table, memory = vectors.read(path, len(_KEYS))
    metadata = json.loads(table.schema.metadata[_KEY])
    shape, dtype = tuple(metadata["shape"]), np.dtype(metadata["dtype"])
    if metadata["names"] is None:
        table, memory = vectors.read(path)
        values = vectors.of_table(table, memory, shape, dtype)
    else:
        values = np.empty((len(table), len(metadata["names"])), dtype=dtype)
        vectors.fill(values, memory, skip=len(_KEYS))
    table.validate(full=True)
    ids, valid = (table.column(i).to_numpy() for i in range(len(_KEYS)))
    return FeatureTable(ids, values, valid, metadata, table.schema.metadata[_SHA256].decode())


def join_positions(keys: np.ndarray, wanted: np.ndarray, what: str) -> np.ndarray:
    """Row of each of `wanted` in `keys`; both are unique post ids. Raises `UserError` where one is absent."""
    index = pd.Index(keys)
    if not index.is_unique:
        raise UserError(f"{what}: post_id {index[index.duplicated()][0]!r} stands there twice; run dvc repro again")
    rows = index.get_indexer(wanted)
    if (rows < 0).any():
        raise UserError(f"{what}: post_id {wanted[rows < 0][0]!r} is missing there; run dvc repro again")
    return rows


def hash_frame(frame: pd.DataFrame) -> str:
    """Hash of the values of a table, row after row, whatever its index."""
    of_rows: Any = hash_pandas_object  # made when it is first asked for, which hides its type
    return hashlib.sha256(of_rows(frame, index=False).to_numpy().tobytes()).hexdigest()


def existing(path: Path) -> Path:
    """The path of a file that is there. Raises `UserError` where it is not."""
    if not path.exists():
        raise UserError(f"{path}: not there yet; run dvc repro")
    return path
