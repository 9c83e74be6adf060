"""Packing and extraction on one warm cluster, against decoding alone and the bare encoder on the same cores."""

from collections.abc import Iterator
from functools import cached_property
from itertools import count
from pathlib import Path

import pandas as pd
import torch
from PIL import Image

from benchmarks.measure import Measure, seconds, warm_cluster
from benchmarks.pictures import draw_photos
from features.base import feature_class
from features.parts.extraction import Extractor
from features.parts.network import NetworkFeature
from pipeline.base.compute import Compute, OnceAWorker, map_shards
from pipeline.base.sections import Entry, Packing
from pipeline.images import pack
from pipeline.storage.packs import Shard, read_shard, shards_of

PHOTOS = 768
EMBEDDED = 128
ONE_BY_ONE = 32
ENCODERS = {"clip_image": {"encoder": "ViT-B-32", "pretrained": None}, "efficientnet": {}}
AIMS = {"clip_image": "aim 0.95", "efficientnet": "aim 0.9"}
ROUNDS_OF_NETWORKS = 4
ROUNDS = count()
"""Numbers the extractions, each of which has its own cache."""
PACKING = Packing(max_side=512, shard_images=64)


def run(folder: Path) -> Iterator[Measure]:
    """Images a second, ours and the limit's."""
    with warm_cluster() as compute:
        posts = draw_photos(folder / "raw", PHOTOS, compute)
        yield packing(folder, posts, compute)
        yield statistics(folder, posts, compute)
        for name in ENCODERS:
            yield from embedding(name, folder, posts[:EMBEDDED], compute)
        yield script(folder, posts[:EMBEDDED], compute)


def packing(folder: Path, posts: pd.DataFrame, compute: Compute) -> Measure:
    """Against opening and decoding every file with Pillow."""
    files = [folder / "raw" / image for image in posts["image"]]
    shards = [files[i : i + 64] for i in range(0, len(files), 64)]
    rounds = iter(range(100))

    def ours() -> None:
        pack(posts, folder / "raw", folder / f"packed-{next(rounds)}", PACKING, compute)

    ours_s, limit_s = seconds(ours, lambda: _drain(compute, decode_files, shards))
    return _rate("packing", "decoding the originals", len(posts), ours_s, limit_s, "aim 0.8")


def decode_files(files: list[Path]) -> None:
    """Decode files as they are; runs in a worker."""
    for file in files:
        with Image.open(file) as image:
            image.load()


def statistics(folder: Path, posts: pd.DataFrame, compute: Compute) -> Measure:
    """Against decoding what is packed."""
    shards = _packed(folder)
    ours_s, limit_s = seconds(
        _extraction("image_stats", {}, folder, posts, compute), lambda: _drain(compute, decode_packed, shards)
    )
    return _rate("image_stats", "decoding the packed images", len(posts), ours_s, limit_s)


def decode_packed(shard: Shard) -> None:
    """Decode the images of one shard; runs in a worker."""
    for _ in read_shard(shard.path, shard.rows):
        pass


def embedding(name: str, folder: Path, posts: pd.DataFrame, compute: Compute) -> Iterator[Measure]:
    """Against the same encoder in the same workers on prepared pictures in memory, as it comes and as we run it."""
    feature = feature_class(name)(**ENCODERS[name])
    limits = {"the bare encoder on pixels in memory": OnceAWorker(AsItComes(feature))}
    if name == "efficientnet":
        limits["the same, its norms folded as ours are"] = OnceAWorker(feature)
    counts = [PACKING.shard_images] * (len(posts) // PACKING.shard_images)
    for limit, shared in limits.items():
        _drain(compute, encode_memory, [1] * 8, shared)
        ours_s, limit_s = seconds(
            _extraction(name, ENCODERS[name], folder, posts, compute),
            lambda shared=shared: _drain(compute, encode_memory, counts, shared),
            rounds=ROUNDS_OF_NETWORKS,
        )
        aim = AIMS[name] if limit.startswith("the bare") else ""
        yield _rate(name, limit, len(posts), ours_s, limit_s, aim)


class AsItComes:
    """The network of a feature as its library builds it."""

    def __init__(self, feature: NetworkFeature):
        self.feature = feature
        self.batch_size, self.channels_last = feature.batch_size, feature.channels_last

    @cached_property
    def network(self) -> torch.nn.Module:
        """Built once in each worker."""
        return self.feature.build().to(memory_format=_layout(self))


def _layout(feature: NetworkFeature | AsItComes) -> torch.memory_format:
    return torch.channels_last if "cpu" in feature.channels_last else torch.contiguous_format


def script(folder: Path, posts: pd.DataFrame, compute: Compute) -> Measure:
    """CLIP against a plain script."""
    ours = _extraction("clip_image", ENCODERS["clip_image"], folder, posts, compute)
    ours_s, script_s = seconds(ours, one_by_one(folder, posts[:ONE_BY_ONE]), rounds=2)
    script_s *= len(posts) / ONE_BY_ONE
    return _rate("clip_image", "a script, one image at a time", len(posts), ours_s, script_s)


def encode_memory(n: int, shared: OnceAWorker) -> None:
    """Run `n` images of zeros through the network, in the layout it likes; runs in a worker."""
    feature = shared.value
    layout = _layout(feature)
    with torch.inference_mode():
        for start in range(0, n, feature.batch_size):
            pixels = torch.zeros(min(feature.batch_size, n - start), 3, 224, 224)
            feature.network(pixels.to(memory_format=layout))


def one_by_one(folder: Path, posts: pd.DataFrame):
    """What one writes first: open a file, preprocess it, encode it, take the next."""
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-32")
    model.eval()

    def script() -> None:
        with torch.no_grad():
            for image in posts["image"]:
                model.encode_image(preprocess(Image.open(folder / "raw" / image)).unsqueeze(0))

    return script


def _extraction(name: str, arguments: dict, folder: Path, posts: pd.DataFrame, compute: Compute):
    """Extraction of one feature from packs, with an empty cache each time it is called."""

    def extract() -> None:
        extractor, r = Extractor.make(Entry(name, name, arguments=arguments), Compute(device="cpu")), next(ROUNDS)
        where = {"images": folder / "packed-0", "cache_root": folder / f"cache-{name}-{r}", "compute": compute}
        extractor.write(folder / f"{name}-{r}.arrow", posts, **where)

    return extract


def _packed(folder: Path) -> list[Shard]:
    index = pd.read_parquet(folder / "packed-0/index.parquet")
    return shards_of(folder / "packed-0", index["image_id"].dropna().unique())


def _drain(compute: Compute, function, shards: list, *arguments) -> None:
    for _ in map_shards(compute, function, shards, *arguments, title="limit"):
        pass


def _rate(name: str, limit: str, n: int, ours_s: float, limit_s: float, aim: str = "") -> Measure:
    return Measure(name, limit, n / ours_s, n / limit_s, "images/s", aim)
