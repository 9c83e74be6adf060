"""Images -> the cache: each distinct image through one feature, once, shard by shard over Dask.

On a CPU every worker decodes and embeds. With a GPU in this machine the workers decode and prepare while
this process feeds the card; on the machines of `compute.scheduler` each worker does both on its own device.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from features.base import ImageFeature
from pipeline.base.compute import Compute, OnceAWorker, map_shards
from pipeline.base.errors import UserError
from pipeline.storage import cache
from pipeline.storage.packs import Shard, read_shard, shards_of

log = logging.getLogger(__name__)


def embed_missing(
    feature: ImageFeature, name: str, image_ids: Collection[str], *, images: Path, values: Path, compute: Compute
) -> cache.ValueCache:
    """Embed those of the images packed in `images` that the folder `values` lacks; returns its cache.

    Raises `UserError` where values do not fit the feature's dtype.
    """
    stored = cache.ValueCache(values, shape=feature.shape, dtype=feature.dtype)
    lacking = stored.lacking(image_ids)
    log.info("%s: %d images, %d of them new", name, len(set(image_ids)), len(lacking))
    shards = shards_of(images, lacking) if lacking else []
    options = {"title": name, "sizes": [len(shard.rows) for shard in shards], "unit": "image"}
    shared = OnceAWorker(feature)
    if getattr(feature, "device", "cpu") == "cpu" or compute.scheduler:
        for _ in map_shards(compute, embed_shard, shards, shared, name, values.absolute(), **options):
            pass
    else:
        for _, (ids, prepared) in map_shards(compute, prepare_shard, shards, shared, **options):
            cache.write(values, ids, _embed(feature, name, prepared))
    stored.refresh()
    return stored


def embed_shard(shard: Shard, shared: OnceAWorker, name: str, values: Path) -> int:
    """Decode, prepare and embed the images of one shard; write their values; returns how many. In a worker."""
    feature, ids, rows = shared.value, [], []
    for batch in in_batches(read_shard(shard.path, shard.rows), feature.batch_size):
        ids += [image_id for image_id, _ in batch]
        rows.append(_embed(feature, name, [feature.prepare(pixels) for _, pixels in batch]))
    cache.write(values, ids, np.concatenate(rows))
    return len(ids)


def prepare_shard(shard: Shard, shared: OnceAWorker) -> tuple[list[str], list[np.ndarray]]:
    """Decode and prepare the images of one shard for an encoder elsewhere; runs in a worker."""
    pairs = [(image_id, shared.value.prepare(pixels)) for image_id, pixels in read_shard(shard.path, shard.rows)]
    return [image_id for image_id, _ in pairs], [prepared for _, prepared in pairs]


def _embed(feature: ImageFeature, name: str, prepared: Sequence[np.ndarray]) -> np.ndarray:
    """Values [n, *shape] of prepared images, in the feature's dtype."""
    rows = [feature.embed(batch) for batch in in_batches(prepared, feature.batch_size)]
    values = np.concatenate(rows).reshape(len(prepared), *feature.shape)
    return fit_dtype(values, feature.dtype, name)


def fit_dtype(values: np.ndarray, dtype: str, name: str) -> np.ndarray:
    """Values in the dtype they are stored in. Raises `UserError` where that makes them infinite."""
    with np.errstate(over="ignore"):
        stored = np.asarray(values).astype(dtype, copy=False)
    if np.isinf(stored).any():
        most = np.nanmax(np.abs(values))
        raise UserError(f"features.{name}: values up to {most:.3g} do not fit {dtype}; its class needs dtype float32")
    return stored


def in_batches(items: Any, size: int) -> Iterator[list]:
    """Lists of at most `size` items, in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
