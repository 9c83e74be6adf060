"""The features of drafts: what a trained system reads of them, and of the same drafts with something changed.

Shapes: n drafts, m others that are made of them.
"""

import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.base import HORIZON, TEXTS, EncodedFeature, Feature, ImageFeature, PostsFeature
from features.parts.embedding import fit_dtype, in_batches
from features.parts.extraction import Extractor
from models.trained import Trained
from pipeline import images
from pipeline.asking.drafts import Drafts
from pipeline.base.errors import MissingColumn
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage import packs, store
from pipeline.storage.examples import FeatureValues

log = logging.getLogger(__name__)


class Featured:
    """The features a trained system reads, restored once, for any drafts."""

    def __init__(self, paths: Paths, p: Params, trained: Trained, *, cache: Path | None = None):
        """Raises `UserError` where weights, code or packing have changed since training.

        `cache` is the folder that vectors of drafts stay in, by default the project's.
        """
        self._cache, self._images = cache or paths.cache, p.images
        self.compute = p.compute.here()  # packed pictures lie in a temporary folder, which no other machine sees
        packing = p.images.fingerprint()
        self.extractors = {
            name: Extractor.restore(name, made, self.compute, packing=packing, paths=paths)
            for name, made in trained.features.items()
        }

    def __call__(self, drafts: Drafts) -> tuple[dict[str, FeatureValues], pd.Series | None]:
        """Features of the drafts, and where any looks at pictures the status [n] of theirs.

        Raises `MissingColumn` where they lack what a feature needs.
        """
        with self._packed(drafts.frame, drafts.image_root) as (packed, status):
            values = {
                name: self._values(each, drafts.frame, packed, self._cache) for name, each in self.extractors.items()
            }
        if all("image" not in each.feature.columns for each in self.extractors.values()):
            return values, None
        if (status != "ok").any():
            log.warning("%d of %d drafts have no usable picture: %s", *_unusable(status))
        return values, status

    def again(
        self, values: Mapping[str, FeatureValues], drafts: Drafts, rows: np.ndarray, changed: Collection[str]
    ) -> dict[str, FeatureValues]:
        """Features of drafts that are those at `rows` of others, which have `values`, but for some `changed` columns.

        The picture is none of these. Vectors of changed texts are kept nowhere.
        """
        made = {name for name, each in self.extractors.items() if _reads(each.feature, changed)}
        looked = any(_reads(self.extractors[name].feature, ["image"]) for name in made)
        with self._packed(drafts.frame, drafts.image_root) if looked else _nothing() as (folder, _):
            cache = self._cache if {*changed}.isdisjoint(TEXTS) else folder
            return {
                name: self._values(each, drafts.frame, folder, cache) if name in made else values[name].take(rows)
                for name, each in self.extractors.items()
            }

    def repainted(
        self, values: Mapping[str, FeatureValues], drafts: Drafts, rows: np.ndarray, pictures: Sequence[np.ndarray]
    ) -> dict[str, FeatureValues]:
        """Features of drafts that are those at `rows` of others, which have `values`, but for their `pictures` [m]."""
        return {
            name: FeatureValues(self._of_pictures(each, drafts.frame, pictures), values[name].names)
            if _reads(each.feature, ["image"])
            else values[name].take(rows)
            for name, each in self.extractors.items()
        }

    def _of_pictures(self, extractor: Extractor, frame: pd.DataFrame, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Values [m, *shape] of posts whose pictures are in no file."""
        made: Any = extractor.feature
        if isinstance(made, ImageFeature):
            batches = in_batches(pictures, made.batch_size)
            found = np.concatenate([made.embed([made.prepare(picture) for picture in batch]) for batch in batches])
        elif isinstance(made, EncodedFeature):
            with _nothing() as (folder, _):
                return self._values(extractor, frame, folder, folder).values
        else:
            encoders = {
                name: each for name, each in extractor.encoders.items() if not each.feature.missing(frame.columns)
            }
            vectors = {name: list(self._of_pictures(each, frame, pictures)) for name, each in encoders.items()}
            found = made.extract(frame.assign(**{**dict.fromkeys(extractor.encoders), **vectors}))
        return fit_dtype(found.reshape(len(pictures), *made.shape), made.dtype, extractor.name)

    def pictures(self, drafts: Drafts) -> list[np.ndarray | None]:
        """The pictures [n] that features see of drafts, uint8 RGB [h, w, 3]; None where there is none to be used."""
        with self._packed(drafts.frame, drafts.image_root) as (packed, _):
            ids = store.read_frame(packed / "index.parquet", ["image_id"])["image_id"]
            found = dict(packs.read_images(packed, ids.dropna().unique().tolist()))
        return [found.get(image_id) for image_id in ids]

    def reads(self, columns: Collection[str]) -> bool:
        """Whether any feature reads one of these columns."""
        return any(_reads(each.feature, columns) for each in self.extractors.values())

    @contextmanager
    def _packed(self, frame: pd.DataFrame, root: Path) -> Iterator[tuple[Path, pd.Series]]:
        """A folder with the packed pictures of posts, as long as it is needed, and the status [n] of each."""
        with tempfile.TemporaryDirectory() as folder:
            index = images.pack(frame, root, Path(folder), self._images, self.compute)
            yield Path(folder), index["status"].reset_index(drop=True)

    def _values(self, extractor: Extractor, frame: pd.DataFrame, packed: Path, cache: Path) -> FeatureValues:
        _check_horizon(extractor.feature, extractor.name, frame)
        chunks = list(extractor.extract(frame, images=packed, cache_root=cache, compute=self.compute))
        return FeatureValues(np.concatenate([v for _, v, _ in chunks]), extractor.feature.names)


@contextmanager
def _nothing() -> Iterator[tuple[Path, None]]:
    """An empty folder, where no picture is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder), None


def _reads(made: Feature, columns: Collection[str]) -> bool:
    """Whether a feature reads one of these columns."""
    needed = made.needed if isinstance(made, PostsFeature) else ()
    return not {*columns}.isdisjoint({*made.columns, *needed})


def _check_horizon(feature: Feature, name: str, frame: pd.DataFrame) -> None:
    lacking = [column for column in feature.columns if column in ("posted_at", HORIZON) and column not in frame]
    if feature.reads_horizon and lacking:
        remedy = "give --days" if lacking == [HORIZON] else "add it, and collected_at or --days"
        raise MissingColumn(lacking[:1], f"the feature {name} needs to count the hours online", remedy=remedy)


def _unusable(status: pd.Series) -> tuple[int, int, str]:
    counts = status[status != "ok"].value_counts()
    return int(counts.sum()), len(status), ", ".join(f"{n} {name}" for name, n in counts.items())
