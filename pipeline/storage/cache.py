"""Content-addressed cache of extracted values, beside DVC's outputs, so that only what is new is extracted.

A folder an extractor, named by the hash of all that decides its values; in it Arrow files with a row a picture
or text: `id`, the hash of its content, and `value` (the raw bytes of the array). A file is written once and never
changed; files are memory-mapped, so that any rows of any of them cost only the pages they lie on.
"""

import hashlib
import json
import logging
import time
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.storage import store, vectors

log = logging.getLogger(__name__)

OPEN_FILES = 64
"""Files mapped at a time."""
STRAY = 3600
"""Seconds after which a temporary file is what a kill left."""


class ValueCache:
    """Values of pictures or texts, by id, in one folder; `shape` and `dtype` of those of one."""

    def __init__(self, folder: Path, *, shape: Sequence[int], dtype: str):
        self.folder = folder
        self._shape, self._dtype = tuple(shape), np.dtype(dtype)
        self._open = lru_cache(maxsize=OPEN_FILES)(self._map)
        for stray in folder.glob(".*.tmp"):
            if time.time() - stray.stat().st_mtime > STRAY:  # younger ones may be another process at work
                stray.unlink(missing_ok=True)
        self.refresh()

    def refresh(self) -> None:
        """Look again at what has values."""
        found = {path: _ids(path) for path in sorted(self.folder.glob("*.arrow"))}
        self._files = [path for path, ids in found.items() if ids is not None]
        ids = [ids for ids in found.values() if ids is not None]
        lengths = [len(i) for i in ids]
        index = pd.Index(np.concatenate([np.empty(0, dtype=object), *ids]))
        keep = ~index.duplicated()
        self._ids = index[keep]
        self._file = np.repeat(np.arange(len(ids)), lengths)[keep]
        self._row = np.concatenate([np.empty(0, dtype=np.int64), *map(np.arange, lengths)])[keep].astype(np.int64)
        self._open.cache_clear()

    def lacking(self, ids: Collection[str]) -> list[str]:
        """Those of the ids that have no values yet, in their order."""
        wanted = pd.Index(list(ids), dtype="object")
        return wanted[self._ids.get_indexer(wanted) < 0].tolist()

    def take(self, ids: np.ndarray) -> np.ndarray:
        """Values [n, *shape] of ids [n]; NaN (0 in whole numbers) where an id is missing or not in the cache."""
        gap = np.nan if self._dtype.kind == "f" else 0
        values = np.full((len(ids), *self._shape), gap, dtype=self._dtype)
        places = self._ids.get_indexer(pd.Index(ids, dtype="object"))
        places[pd.isna(ids)] = -1
        files = np.where(places >= 0, self._file[places] if len(self._file) else -1, -1)
        for file in np.unique(files[files >= 0]):
            rows = np.flatnonzero(files == file)
            values[rows] = vectors.take(self._open(int(file)), self._row[places[rows]])
        return values

    def _map(self, file: int) -> np.ndarray:
        return vectors.of_table(*vectors.read(self._files[file]), self._shape, self._dtype)


def _ids(path: Path) -> np.ndarray | None:
    """The ids [n] of a file; None, and the file is gone, where it is damaged."""
    try:
        ids = vectors.read(path)[0].column("id")
        ids.validate(full=True)  # or what is damaged leads beyond the file, which ends the process
        return ids.to_numpy(zero_copy_only=False)
    except (pa.ArrowException, OSError, ValueError, LookupError):  # mmap's of an empty file
        log.warning("%s is damaged; its values are extracted again", path)
        path.unlink(missing_ok=True)
        return None


def write(folder: Path, ids: Sequence[str], values: np.ndarray) -> None:
    """Add values [n, *shape] of ids [n] as one file, which appears complete or not at all; any process may."""
    table = pa.table({"id": pa.array(ids, pa.string()), "value": vectors.to_binary(values)})
    name = hashlib.sha256("".join(ids).encode()).hexdigest()[:32]
    shared = store.atomic(folder / f"{name}.arrow", shared=True)
    with shared as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
        writer.write_table(table)


def folder_of(root: Path, name: str, fingerprint: dict[str, Any]) -> Path:
    """The folder of one extractor; says in `fingerprint.json` what it stands for."""
    text = json.dumps(fingerprint, sort_keys=True)
    folder = root / name / hashlib.sha256(text.encode()).hexdigest()[:32]
    if not (folder / "fingerprint.json").exists():
        store.write_json(folder / "fingerprint.json", fingerprint)
    return folder
