"""One entry of `features` at work: values of posts, chunk by chunk, and the file of them all.

Pictures and texts are embedded once each, and only those the cache lacks; values are streamed in the order of the
posts, never all in memory.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.base import EncodedFeature, Feature, PostsFeature, feature_class, make
from features.parts import past
from features.parts.contents import contents_of
from features.parts.embedding import embed_missing, fit_dtype
from features.parts.past import PastFeature
from pipeline.base.code import digest
from pipeline.base.compute import Compute
from pipeline.base.errors import UserError, require
from pipeline.base.paths import Paths
from pipeline.base.sections import Entry
from pipeline.storage import cache, store

GROUP_BYTES = 32 * 2**20
"""Values extracted, and written, at a time are at most so many bytes: the memory of extraction."""
GROUP_ROWS = 32_768
MAY_DIFFER = frozenset({"device", "precision", "libraries"})
"""Parts of a fingerprint that move values by rounding only: cached apart, but no other feature."""

Chunk = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Extractor:
    """One entry of `features` and the object made from it."""

    entry: Entry
    feature: Feature

    @property
    def name(self) -> str:
        """The entry's name, which is the feature's."""
        return self.entry.name

    @classmethod
    def make(cls, entry: Entry, compute: Compute) -> "Extractor":
        """The feature an entry describes, on the device of `compute` if it runs on one."""
        on_device = "device" in inspect.signature(feature_class(entry.module, entry.name)).parameters
        given = {"device": compute.pick_device()} if on_device else {}
        return cls(entry, make(entry, **given))

    @classmethod
    def restore(
        cls, name: str, metadata: dict[str, Any], compute: Compute, *, packing: dict[str, Any], paths: Paths = Paths()
    ) -> "Extractor":
        """What made a feature file, for other posts; `packing` says how their pictures are packed.

        `metadata` is the file's, `paths` lead to the posts that others are later than. Raises `UserError` where
        weights, code, packing or these posts have changed since.
        """
        self = cls.make(Entry(name, metadata["module"], arguments=metadata["arguments"]), compute)
        if isinstance(self.feature, PostsFeature):
            self.feature.restore(metadata["state"])
        then, now = metadata["fingerprint"], json.loads(json.dumps(self.fingerprint(packing)))
        changed = sorted(k for k in {*now, *then} - MAY_DIFFER if now.get(k) != then.get(k))
        if changed:
            raise UserError(f"features.{name}: {', '.join(changed)} changed since training; run dvc repro first")
        self.look_back(paths, compute, own=False)
        return self

    @property
    def encoders(self) -> dict[str, "Extractor"]:
        """Those whose values of a post its feature is given beside columns."""
        made = self.feature.encoders if isinstance(self.feature, PastFeature) else {}
        return {name: Extractor(Entry(name, name), encoder) for name, encoder in made.items()}

    def look_back(
        self, paths: Paths, compute: Compute, label: Mapping[str, str] | None = None, *, own: bool = True
    ) -> None:
        """Show a fitted feature of the posts before a post those of the dataset, which are its `own` or not."""
        if isinstance(self.feature, PastFeature):
            label = label or self.feature.label
            seen = past.read(paths, self.feature, label, own=own)
            kept = {name: paths.vectors(self.name, name) for name in self.encoders}
            if all(path.exists() for path in kept.values()):  # in the folder of an exported system, which has no more
                vectors = {name: _vectors_in(path, seen.posts) for name, path in kept.items()}
                posts = seen.posts.assign(**vectors)
            else:
                posts = self._with_vectors(seen.posts, paths.images, paths.cache, compute)
            self.feature.see(replace(seen, posts=posts), label)

    def pack(self, paths: Paths, packed: Paths, compute: Compute) -> None:
        """Write what encoders say of the posts of the dataset into another folder, which lacks what they read."""
        for name, each in self.encoders.items():
            posts = store.read_frame(paths.posts, ["post_id", *self.feature.columns])
            where = {"images": paths.images, "cache_root": paths.cache, "compute": compute}
            each.write(packed.vectors(self.name, name), posts, **where)

    def fingerprint(self, packing: dict[str, Any]) -> dict[str, Any]:
        """Everything that decides the values of a picture or text: arguments, weights, code, packed pixels."""
        signature = inspect.signature(type(self.feature)).bind(**self.entry.arguments)
        signature.apply_defaults()
        arguments = {k: v for k, v in signature.arguments.items() if k != "device"}
        code = digest(f"features/{self.entry.module}.py", ["features"])
        made = {**self.feature.fingerprint(), "arguments": arguments, "code": code}
        if "image" in self.feature.columns:
            made["packing"] = packing
        return made

    def _fingerprint(self, images: Path) -> dict[str, Any]:
        return self.fingerprint(packing_of(images) if "image" in self.feature.columns else {})

    def write(self, path: Path, posts: pd.DataFrame, *, images: Path, cache_root: Path, compute: Compute) -> None:
        """Write the feature of all posts, in their order, to `path`; arguments as `extract` takes them."""
        metadata = {
            "feature": self.name,
            "module": self.entry.module,
            "arguments": self.entry.arguments,
            "state": self.feature.state() if isinstance(self.feature, PostsFeature) else {},
            "fingerprint": self._fingerprint(images),
            "untrained": self.feature.untrained,
        }
        made = self.feature
        header = {"shape": made.shape, "dtype": made.dtype, "names": made.names, "metadata": metadata}
        with store.FeatureWriter(path, **header) as writer:
            for chunk in self.extract(posts, images=images, cache_root=cache_root, compute=compute):
                writer.append(*chunk)

    def extract(self, posts: pd.DataFrame, *, images: Path, cache_root: Path, compute: Compute) -> Iterator[Chunk]:
        """Yield (post_id [m], values [m, *shape], valid [m]) of consecutive posts, `GROUP_BYTES` at a time.

        `posts` has `post_id` and the columns the feature reads, beside `image`; `images` is the folder of their
        packed images; what is embedded stays in a folder of `cache_root`.
        """
        groups = list(_groups(self.feature, len(posts)))
        if isinstance(self.feature, EncodedFeature):
            chunks = self._encoded(posts, groups, images, cache_root, compute)
        else:
            require(self.feature.needed, posts, f"the feature {self.name} needs")
            each = (posts.iloc[rows].reset_index(drop=True) for rows in groups)
            chunks = (self._of_rows(self._with_vectors(some, images, cache_root, compute)) for some in each)
        ids = posts["post_id"].to_numpy()
        for rows, (values, there) in zip(groups, chunks, strict=True):
            stored = fit_dtype(values, self.feature.dtype, self.name)
            yield ids[rows], stored, there & ~np.isnan(stored).reshape(len(stored), -1).all(axis=1)

    def _with_vectors(self, posts: pd.DataFrame, images: Path, cache_root: Path, compute: Compute) -> pd.DataFrame:
        """Posts with what each encoder says of them, in a column of its name; None where they lack what it reads."""
        columns = {}
        for name, each in self.encoders.items():
            there = not each.feature.missing(posts.columns)
            chunks = each.extract(posts, images=images, cache_root=cache_root, compute=compute) if there else ()
            rows = [row for _, values, _ in chunks for row in values]
            columns[name] = pd.Series(rows if there else None, index=posts.index, dtype=object)
        return posts.assign(**columns)

    def _of_rows(self, posts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        values = self.feature.extract(posts)
        return values, np.ones(len(values), dtype=bool)

    def _encoded(
        self, posts: pd.DataFrame, groups: list[slice], images: Path, cache_root: Path, compute: Compute
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        contents = contents_of(self.feature, posts, images)
        folder = cache.folder_of(cache_root, self.name, self._fingerprint(images))
        stored = embed_missing(self.feature, self.name, contents, values=folder, compute=compute)
        for group in groups:
            yield stored.take(contents.ids[group]), ~pd.isna(contents.ids[group])


def _vectors_in(path: Path, posts: pd.DataFrame) -> pd.Series:
    table = store.read_feature(path)
    rows = store.join_positions(table.post_id, posts["post_id"].to_numpy(), str(path))
    return pd.Series(list(table.values[rows]), dtype=object)


def packing_of(images: Path) -> dict[str, Any]:
    """How the pictures in a folder are packed. Raises `UserError` where it does not say."""
    return store.read_object(images / "audit.json", {"packing": dict[str, Any]}, "run dvc repro -f images")["packing"]


def _groups(feature: Feature, n: int) -> Iterator[slice]:
    width = int(np.prod(feature.shape, dtype=np.int64)) * np.dtype(feature.dtype).itemsize
    rows = max(1, min(GROUP_ROWS, GROUP_BYTES // max(1, width)))
    for start in range(0, n, rows):
        yield slice(start, min(n, start + rows))
