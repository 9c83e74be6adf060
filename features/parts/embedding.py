"""Pictures or texts -> the cache: each distinct one through one feature, once, shard by shard over Dask.

On a CPU every worker reads and embeds. With a GPU in this machine the workers read and prepare while
this process feeds the card; on a cluster that is named each worker does both on its own device.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from features.base import EncodedFeature
from features.parts.contents import Contents, Shard
from pipeline.base.compute import Compute, OnceAWorker, map_shards
from pipeline.base.errors import UserError
from pipeline.storage import cache

log = logging.getLogger(__name__)


def embed_missing(
    feature: EncodedFeature, name: str, contents: Contents, *, values: Path, compute: Compute
) -> cache.ValueCache:
    """Embed those of the contents that the folder `values` lacks; returns its cache.

    Raises `UserError` where values do not fit the feature's dtype.
    """
    stored = cache.ValueCache(values, shape=feature.shape, dtype=feature.dtype)
    distinct = contents.distinct
    lacking = stored.lacking(distinct)
    log.info("%s: %d %ss, %d of them new", name, len(distinct), contents.unit, len(lacking))
    shards = contents.shards(lacking) if lacking else []
    options = {"title": name, "sizes": [shard.total for shard in shards], "unit": contents.unit}
    shared = OnceAWorker(feature)
    if getattr(feature, "device", "cpu") == "cpu" or compute.cluster:
        for _ in map_shards(compute, embed_shard, shards, shared, name, values.absolute(), **options):
            pass
    else:
        for _, (ids, prepared) in map_shards(compute, prepare_shard, shards, shared, **options):
            cache.write(values, ids, _embed(feature, name, prepared))
    stored.refresh()
    return stored


def embed_shard(shard: Shard, shared: OnceAWorker, name: str, values: Path) -> int:
    """Read, prepare and embed the contents of one shard; write their values; returns how many. In a worker."""
    feature, ids, rows = shared.value, [], []
    for batch in in_batches(shard.read(), feature.batch_size):
        ids += [content_id for content_id, _ in batch]
        rows.append(_embed(feature, name, [feature.prepare(content) for _, content in batch]))
    cache.write(values, ids, np.concatenate(rows))
    return len(ids)


def prepare_shard(shard: Shard, shared: OnceAWorker) -> tuple[list[str], list[Any]]:
    """Read and prepare the contents of one shard for an encoder elsewhere; runs in a worker."""
    pairs = [(content_id, shared.value.prepare(content)) for content_id, content in shard.read()]
    return [content_id for content_id, _ in pairs], [prepared for _, prepared in pairs]


def _embed(feature: EncodedFeature, name: str, prepared: Sequence[Any]) -> np.ndarray:
    """Values [n, *shape] of prepared contents, in the feature's dtype."""
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
