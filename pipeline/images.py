"""Image files -> data/images/: each opened once, checked whole, oriented, scaled, de-duplicated, packed.

`index.parquet` has a row a post, in the order of posts.parquet: `post_id`, `status`, and for status `ok`
`image_id` (sha256 of the file's bytes), `width` and `height` (of the upright original, pixels), and
`shard` and `row` where the packed pixels lie. The other states: `no image` (the post names none),
`missing` (no such file), `two files fit` (none has the very name), `outside` (the path leaves the dataset), `empty`,
`truncated`, `unreadable` (`unreadable: HEIC` and the like, where the format is known), `too large` (more than
`images.max_pixels`). `audit.json` counts them, and the paths that were found under another spelling.

Shards that are there stay: a second run, after a kill or with more posts, packs only what is new.
"""

import logging
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.base import params
from pipeline.base.compute import Compute, map_shards
from pipeline.base.errors import UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.base.sections import Packing
from pipeline.readers import dataset
from pipeline.storage import packs, pixels, store
from pipeline.storage.packs import Batch, Original, Outcome
from pipeline.storage.places import Places

log = logging.getLogger(__name__)

NO_IMAGE = "no image"


def main(paths: Paths = Paths()) -> None:
    """Pack the images of posts.parquet; raises `UserError` where not one of them is found."""
    p = params.load(paths.params)
    frame = store.read_frame(paths.posts, [c for c in store.columns_of(paths.posts) if c in ("post_id", "image")])
    root = dataset.make(p.dataset, paths.root).image_root
    index = pack(frame, root, paths.images, p.images, p.compute, memory=paths.cache / "images.parquet")
    counts = index["status"].value_counts()
    named = len(index) - counts.get(NO_IMAGE, 0)
    if named and named == sum(counts.get(status, 0) for status in ("missing", "outside", "two files fit")):
        first = frame["image"].dropna().iloc[0]
        raise UserError(f"dataset.path: not one of {named} images is in {root} (the first is {first!r}); correct it")


def pack(
    frame: pd.DataFrame,
    image_root: Path,
    folder: Path,
    packing: Packing,
    compute: Compute,
    memory: Path | None = None,
) -> pd.DataFrame:
    """Pack the images of posts into `folder`; returns the index, a row a post in their order.

    `frame` has `post_id` and, where the dataset has images, `image` (path inside `image_root`). `memory` is
    a file that remembers what each original was, so that unchanged ones are not even opened the next time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stray in folder.glob(".*.tmp"):
        stray.unlink()
    named = frame["image"] if "image" in frame else pd.Series(index=frame.index, dtype="object")
    places = Places(image_root)
    found = {path: _locate(places, path) for path in named.dropna().unique()}
    outcomes = _pack_new(_originals(found), folder, packing, compute, memory)
    packed = packs.scan(folder, packing)
    index = _index(frame["post_id"], named, found, outcomes, packed)
    store.write_table(folder / "index.parquet", pa.Table.from_pandas(index, _SCHEMA, preserve_index=False))
    for path in folder.glob(f"{packs.PREFIX}*.parquet"):
        if path.name not in set(index["shard"].dropna()):
            path.unlink()
    _report(folder, index, packing, places.respelled)
    return index


def _locate(places: Places, named: str) -> Original | str:
    """The original, or the status that says why there is none."""
    if not named.strip():
        return NO_IMAGE
    try:
        path, found = places.find(named)
    except pixels.Unusable as reason:
        return str(reason)
    return Original(path, found.st_size, found.st_mtime_ns)


def _originals(found: dict[str, Original | str]) -> list[Original]:
    return list(dict.fromkeys(o for o in found.values() if isinstance(o, Original)))


def _pack_new(
    originals: list[Original], folder: Path, packing: Packing, compute: Compute, memory: Path | None
) -> dict[Original, Outcome]:
    packed = packs.scan(folder, packing)
    outcomes = _remembered(memory, packing, set(packed["image_id"]))
    outcomes = {o: outcomes[o] for o in originals if o in outcomes}
    batches = make_batches([o for o in originals if o not in outcomes], packed, packing.shard_images)
    sizes = [len(batch.originals) for batch in batches]
    log.info("images: %d files, %d of them new", len(originals), sum(sizes))
    for _, new in map_shards(
        compute, packs.pack_batch, batches, folder.absolute(), packing, title="images", sizes=sizes, unit="image"
    ):
        outcomes.update((outcome.original, outcome) for outcome in new)
    if memory is not None:
        rows = [(*o.original, o.status, o.image_id) for o in outcomes.values()]
        content = pd.DataFrame(rows, columns=_MEMORY).assign(packing=_key(packing))
        store.write_frame(memory, content)
    return outcomes


_MEMORY = ["path", "size", "mtime", "status", "image_id"]


def _key(packing: Packing) -> str:
    return str(sorted({**packing.fingerprint(), "statuses": _STATUSES}.items()))


_STATUSES = 2
"""To be raised where files get another status than before, so that what is remembered of them is forgotten."""


def _remembered(memory: Path | None, packing: Packing, packed: set[str]) -> dict[Original, Outcome]:
    if memory is None or not memory.exists():
        return {}
    frame = store.read_frame(memory, [*_MEMORY, "packing"])
    frame = frame[frame["packing"] == _key(packing)]
    outcomes = [Outcome(Original(*row[:3]), *row[3:]) for row in frame[_MEMORY].itertuples(index=False)]
    return {o.original: o for o in outcomes if o.status != "ok" or o.image_id in packed}


def make_batches(originals: list[Original], packed: pd.DataFrame, shard_images: int) -> list[Batch]:
    """Cut originals into what one worker packs at a time, in their order, files of one size side by side.

    Copies of one image have one size, so a single worker sees them all and stores one of them.
    """
    groups: dict[int, list[Original]] = {}
    for original in originals:
        groups.setdefault(original.size, []).append(original)
    cut: list[list[Original]] = [[]]
    for group in groups.values():
        if len(cut[-1]) >= shard_images:
            cut.append([])
        for original in group:
            if len(cut[-1]) >= 2 * shard_images:
                cut.append([])
            cut[-1].append(original)
    known = packed.groupby("size")["image_id"].agg(list).to_dict()
    sizes = [dict.fromkeys(o.size for o in batch) for batch in cut]
    return [
        Batch(batch, [image_id for size in seen for image_id in known.get(size, ())])
        for batch, seen in zip(cut, sizes, strict=True)
        if batch
    ]


_SCHEMA = pa.schema(
    [
        ("post_id", pa.string()),
        ("status", pa.string()),
        ("image_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("shard", pa.string()),
        ("row", pa.int32()),
    ]
)


def _index(
    post_id: pd.Series,
    named: pd.Series,
    found: dict[str, Original | str],
    outcomes: dict[Original, Outcome],
    packed: pd.DataFrame,
) -> pd.DataFrame:
    results = {path: outcomes[o] if isinstance(o, Original) else Outcome(None, o, "") for path, o in found.items()}
    none = Outcome(None, NO_IMAGE, "")
    of_post = [results.get(path, none) for path in named]
    index = pd.DataFrame(
        {
            "post_id": post_id.to_numpy(),
            "status": [outcome.status for outcome in of_post],
            "image_id": [outcome.image_id or None for outcome in of_post],
        }
    )
    places = packed.set_index("image_id")[["width", "height", "shard", "row"]]
    return index.join(places.astype({"width": "Int32", "height": "Int32", "row": "Int32"}), on="image_id")


def _report(folder: Path, index: pd.DataFrame, packing: Packing, respelled: int) -> None:
    counts = {str(status): int(n) for status, n in index["status"].value_counts().items()}
    shards = sorted(folder.glob(f"{packs.PREFIX}*.parquet"))
    audit = {
        "packing": packing.fingerprint(),
        "posts": len(index),
        "status": counts,
        "respelled": respelled,
        "images": int(index["image_id"].nunique()),
        "shards": len(shards),
        "bytes": sum(path.stat().st_size for path in shards),
    }
    store.write_json(folder / "audit.json", audit)
    log.info(
        "images: %d posts (%s); %d distinct images in %d shards, %.1f MB",
        *(len(index), ", ".join(f"{n} {status}" for status, n in counts.items()) or "none"),
        *(audit["images"], audit["shards"], audit["bytes"] / 1e6),
    )


if __name__ == "__main__":
    run_stage(main)
