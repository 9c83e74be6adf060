"""Shards of packed images: Parquet files of JPEG bytes, named by what they hold, read in order.

A shard has a row an image: `image_id` (sha256 of the original's bytes), `size` (of the original, bytes),
`width` and `height` (of the upright original, pixels) and `jpeg`. A shard is written once and never changed.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import UserError
from pipeline.base.sections import Packing
from pipeline.storage import pixels, store

log = logging.getLogger(__name__)

ROW_GROUP = 32
"""Images read at a time; memory of a reader."""
PREFIX = "shard-"
_KEY = b"likecast.packing"
_FIELDS = [("image_id", pa.string()), ("size", pa.int64()), ("width", pa.int32()), ("height", pa.int32())]
_SCHEMA = pa.schema([*_FIELDS, ("jpeg", pa.binary())])


class Original(NamedTuple):
    """An image file inside the dataset: its real path, and the stat that tells whether it changed."""

    path: str
    size: int
    mtime: int


@dataclass(frozen=True)
class Batch:
    """What a worker packs into one shard: files, and ids of images of the same sizes that are packed already."""

    originals: Sequence[Original]
    known: Collection[str] = ()


class Outcome(NamedTuple):
    """What became of one original; `image_id` is empty unless `status` is ok."""

    original: Original
    status: str
    image_id: str


def pack_batch(batch: Batch, folder: Path, packing: Packing) -> list[Outcome]:
    """Open each original once, check it whole and pack it; runs in a worker.

    Writes at most one shard into `folder`, which appears there complete or not at all.
    """
    seen, outcomes = set(batch.known), []
    with _ShardWriter(folder, packing) as writer:
        for original in batch.originals:
            try:
                outcomes.append(Outcome(original, "ok", _pack_one(original, packing, seen, writer)))
            except pixels.Unusable as reason:
                outcomes.append(Outcome(original, str(reason), ""))
    return outcomes


def _pack_one(original: Original, packing: Packing, seen: set[str], writer: "_ShardWriter") -> str:
    data = pixels.read(original.path, original.size, packing)
    image_id = hashlib.sha256(data).hexdigest()
    if image_id not in seen:
        jpeg, width, height = pixels.pack(data, packing)
        writer.append((image_id, len(data), width, height, jpeg))
        seen.add(image_id)
    return image_id


class _ShardWriter:
    """Collects images, a row group at a time; the shard is named by them, and only if there are any."""

    def __init__(self, folder: Path, packing: Packing):
        self._folder, self._temporary = folder, folder / f".{uuid.uuid4().hex}.tmp"
        self._schema = _SCHEMA.with_metadata({_KEY: _fingerprint(packing)})
        self._rows: list[tuple] = []
        self._name = hashlib.sha256(_fingerprint(packing))
        self._empty = True

    def __enter__(self) -> "_ShardWriter":
        # JPEG bytes do not compress, and statistics would repeat them.
        plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
        self._file = pq.ParquetWriter(self._temporary, self._schema, **plain)
        return self

    def append(self, row: tuple) -> None:
        self._name.update(row[0].encode())
        self._rows.append(row)
        self._empty = False
        if len(self._rows) == ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        columns = [pa.array(c, f.type) for c, f in zip(zip(*self._rows, strict=True), self._schema, strict=True)]
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows = []

    def __exit__(self, kind: type | None, *error: Any) -> None:
        try:
            if self._rows and kind is None:
                self._flush()
            self._file.close()
            if kind is None and not self._empty:
                store.publish(self._temporary, self._folder / f"{PREFIX}{self._name.hexdigest()[:32]}.parquet")
        finally:
            self._temporary.unlink(missing_ok=True)


def _fingerprint(packing: Packing) -> bytes:
    return json.dumps(packing.fingerprint(), sort_keys=True).encode()


def scan(folder: Path, packing: Packing) -> pd.DataFrame:
    """Images packed in `folder`: a row each with image_id, size, width, height, shard (file name) and row.

    An image in two shards is that of the first; shards of another packing, or damaged, are left out.
    """
    frames = [_EMPTY]
    for path in sorted(folder.glob(f"{PREFIX}*.parquet")):
        try:
            with pq.ParquetFile(path) as file:
                if (file.schema_arrow.metadata or {}).get(_KEY) == _fingerprint(packing):
                    frame = file.read(columns=[name for name, _ in _FIELDS]).to_pandas()
                    frames.append(frame.assign(shard=path.name, row=np.arange(len(frame))))
        except (pa.ArrowException, OSError, ValueError):
            log.warning("%s is damaged; its images are packed again", path)
    return pd.concat(frames, ignore_index=True).drop_duplicates("image_id", ignore_index=True)


_EMPTY = pd.DataFrame(
    {
        "image_id": pd.Series(dtype="str"),
        **{column: pd.Series(dtype="int64") for column in ("size", "width", "height")},
        "shard": pd.Series(dtype="str"),
        "row": pd.Series(dtype="int64"),
    }
)


def read_shard(path: Path, rows: Sequence[int] | np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield image_id and pixels, uint8 RGB [h, w, 3], of the given rows of one shard, in the shard's order."""
    wanted = np.zeros(max(rows, default=-1) + 1, dtype=bool)
    wanted[np.asarray(rows, dtype=np.int64)] = True
    with ExitStack() as opened:
        with store.intact(store.existing(path), _REMEDY):
            file = opened.enter_context(pq.ParquetFile(path, memory_map=True))
        for group in range(-(-len(wanted) // ROW_GROUP)):
            inside = np.flatnonzero(wanted[group * ROW_GROUP : (group + 1) * ROW_GROUP])
            for image_id, jpeg in _jpegs(path, file, group, inside.tolist()):
                yield image_id, pixels.decode(jpeg, f"{path}: image {image_id}")


_REMEDY = "remove it and run dvc repro -f images"


def _jpegs(path: Path, file: pq.ParquetFile, group: int, rows: list[int]) -> list[tuple[str, pa.Buffer]]:
    if not rows:
        return []
    with store.intact(path, _REMEDY):
        table = file.read_row_group(group, columns=["image_id", "jpeg"])
        return [(table["image_id"][row].as_py(), table["jpeg"][row].as_buffer()) for row in rows]


def read_images(folder: Path, image_ids: Collection[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield image_id and pixels, uint8 RGB [h, w, 3], of distinct images, a shard after the other.

    Raises `UserError` where the pack in `folder` lacks one.
    """
    for shard in shards_of(folder, image_ids):
        yield from read_shard(shard.path, shard.rows)


class Shard(NamedTuple):
    """Some images of one shard: its file, their ids, and their rows in it, ascending."""

    path: Path
    image_ids: list[str]
    rows: np.ndarray

    def read(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield image_id and pixels, uint8 RGB [h, w, 3], of each."""
        return read_shard(self.path, self.rows)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.rows)


def shards_of(folder: Path, image_ids: Collection[str]) -> list[Shard]:
    """Where distinct images lie, a shard each, in the order of the posts that show them first."""
    index = store.read_frame(folder / "index.parquet", ["image_id", "shard", "row"]).dropna(subset="image_id")
    index = index.loc[index["image_id"].isin(list(image_ids))].drop_duplicates("image_id")
    if lacking := set(image_ids) - set(index["image_id"]):
        raise UserError(f"{folder}: image {min(lacking)} is not packed there; run dvc repro again")
    shards = []
    for name, group in index.groupby("shard", sort=False):
        group = group.sort_values("row")
        shards.append(Shard(folder / str(name), group["image_id"].tolist(), group["row"].to_numpy(np.int64)))
    return shards
