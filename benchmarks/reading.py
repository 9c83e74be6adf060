"""Reading features from a cold and a warm disk, against `numpy.load` and against Parquet, which they could be too.

`python -m benchmarks.reading 10000` takes 2 GB of regions instead of 0.4: cold figures are steadier so.
"""

import ctypes
import mmap
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.measure import Measure, seconds
from features.parts.extraction import GROUP_BYTES
from models.parts.batches import Batch, Tensors, cut, load, shuffled
from pipeline.storage import store, vectors
from pipeline.storage.examples import FeatureValues

VECTORS, REGIONS, POSTS, BATCH = (200_000, 512), (196, 512), 2_000, 128
READERS, KEPT, MIXED = 4, 20, 8
"""Row groups of Parquet: read at a time, kept in memory, and mixed in an epoch's order."""


def run(folder: Path, posts: int = POSTS) -> Iterator[Measure]:
    """Seconds to have vectors in memory; posts a second of an epoch over regions in batches."""
    values = np.random.default_rng(0).standard_normal(VECTORS, dtype=np.float32).astype(np.float16)
    np.save(folder / "vectors.npy", values)
    write(folder / "vectors", values)
    one = np.random.default_rng(0).standard_normal((100, *REGIONS), dtype=np.float32).astype(np.float16)
    write(folder / "regions", np.concatenate([np.roll(one, i, axis=2) for i in range(posts // len(one))]))
    files = list(folder.iterdir())
    if not forget(files):
        print("reading: cold is left out, the page cache does not let go of files here", file=sys.stderr)
    for state, before in {"cold": partial(forget, files), "warm": None}.items():
        if state == "warm" or forget(files):
            yield from whole(folder, state, before)
            yield from epochs(folder, state, before)


def whole(folder: Path, state: str, before: Callable[[], object] | None) -> Iterator[Measure]:
    """The whole array in memory."""
    ours, numpy, parquet = seconds(
        lambda: store.read_feature(folder / "vectors.arrow").values.copy(),
        lambda: np.load(folder / "vectors.npy"),
        lambda: RowGroups(folder / "vectors.parquet", VECTORS[1:]).whole(),
        rounds=7,
        before=before,
    )
    name = f"reading 200,000 x 512 float16, {state}"
    yield Measure(name, "numpy.load", ours, numpy, "s", "aim at most 2")
    yield Measure(name, "Parquet, row groups side by side", ours, parquet, "s", "aim about 1")


def epochs(folder: Path, state: str, before: Callable[[], object] | None) -> Iterator[Measure]:
    """All regions once, in batches; of Parquet in an order that reads each row group once or little more."""
    with pq.ParquetFile(folder / "regions.parquet") as file:
        n, size = file.metadata.num_rows, file.metadata.row_group(0).num_rows
    grouped, random = cut(in_groups(np.arange(n) // size), BATCH), shuffled(n, BATCH, [0])
    parquet, ours, same = seconds(
        lambda: drain(RowGroups(folder / "regions.parquet", REGIONS), grouped),
        lambda: drain(mapped(folder), random),
        lambda: drain(mapped(folder), grouped),
        before=before,
    )
    limit = "Parquet, row group by row group"
    yield Measure(f"regions in any order, {state}", limit, n / ours, n / parquet, "posts/s", "aim at least 1")
    yield Measure(f"regions in Parquet's order, {state}", limit, n / same, n / parquet, "posts/s", "aim at least 1")


def mapped(folder: Path) -> Tensors:
    """The regions as training has them."""
    return Tensors({"regions": FeatureValues(store.read_feature(folder / "regions.arrow").values)})


def drain(data: "Tensors | RowGroups", batches: list[list[int]]) -> None:
    """Read all batches, ahead, as training does."""
    for _ in load(data, batches, "cpu"):
        pass


def write(path: Path, values: np.ndarray) -> None:
    """A feature as the pipeline stores it, and the same as uncompressed Parquet."""
    header = {"shape": values.shape[1:], "dtype": values.dtype.name, "names": None, "metadata": {}}
    size = max(1, GROUP_BYTES // values[0].nbytes)
    with store.FeatureWriter(path.with_suffix(".arrow"), **header) as writer:
        for start in range(0, len(values), size):
            group = values[start : start + size]
            writer.append(np.arange(start, start + len(group)).astype(str), group, np.ones(len(group), dtype=bool))
    table = pa.table({"value": vectors.to_binary(values)})
    options = {"compression": "none", "use_dictionary": False, "data_page_size": 2**26}
    pq.write_table(table, path.with_suffix(".parquet"), row_group_size=size, **options)


class RowGroups:
    """Regions in Parquet: row groups read side by side, those read last kept."""

    on_disk = True

    def __init__(self, path: Path, shape: Sequence[int]):
        self._path, self._shape, self._metadata = path, shape, pq.read_metadata(path)
        groups = range(self._metadata.num_row_groups)
        self._ends = np.cumsum([self._metadata.row_group(group).num_rows for group in groups])
        self._lock, self._kept = Lock(), {}
        self._readers = ThreadPoolExecutor(READERS)

    def __len__(self) -> int:
        return self._metadata.num_rows

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        rows = np.asarray(rows)
        values = np.empty((len(rows), *self._shape), np.float16)
        groups = np.searchsorted(self._ends, rows, side="right")
        for group in np.unique(groups).tolist():
            inside = np.flatnonzero(groups == group)
            values[inside] = self._group(group).result()[rows[inside] - self._ends[group]]  # counted from its end
        return {"regions": torch.from_numpy(values)}

    def whole(self) -> np.ndarray:
        """All values."""
        values = np.empty((len(self), *self._shape), np.float16)

        def fill(group: int) -> None:
            found = self._read(group)
            values[self._ends[group] - len(found) : self._ends[group]] = found

        list(self._readers.map(fill, range(len(self._ends))))
        return values

    def _group(self, group: int) -> Future:
        with self._lock:
            reading = self._kept.pop(group, None) or self._readers.submit(self._read, group)
            self._kept[group] = reading
            if len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)))
        return reading

    def _read(self, group: int) -> np.ndarray:
        with pq.ParquetFile(self._path, metadata=self._metadata, memory_map=True) as file:
            column = file.read_row_group(group, use_threads=False).column("value").combine_chunks()
        return np.frombuffer(column.buffers()[1], np.float16).reshape(len(column), *self._shape)


def in_groups(groups: np.ndarray) -> np.ndarray:
    """Rows [n] in random order of their groups [n], those of `MIXED` groups mixed at any moment."""
    rng, names = np.random.default_rng(0), np.unique(groups)
    place = rng.permutation(len(names))[groups] + rng.uniform(0, min(MIXED, len(names)), len(groups))
    return np.argsort(place % len(names), kind="stable")


def forget(files: Sequence[Path]) -> bool:
    """Take files out of the page cache; whether that worked."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return all(cached(path) < 0.01 for path in files)


def cached(path: Path) -> float:
    """Share of a file's pages that lie in memory."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        pages = np.zeros(-(-len(memory) // mmap.PAGESIZE), np.uint8)
        address, length = ctypes.c_void_p(pa.py_buffer(memory).address), ctypes.c_size_t(len(memory))
        failed = ctypes.CDLL(None).mincore(address, length, pages.ctypes.data_as(ctypes.c_void_p))
    return 1.0 if failed else float((pages & 1).mean())


def _main() -> None:
    with tempfile.TemporaryDirectory(prefix="likecast-bench-") as folder:
        for measure in run(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else POSTS):
            print(measure, flush=True)


if __name__ == "__main__":
    _main()
