"""Tables of posts that are not published yet, and their features."""

import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from features.base import HORIZON, Feature, PostsFeature
from features.parts.extraction import Extractor
from models.trained import Trained
from pipeline import images, posts
from pipeline.base.errors import MissingColumn, UserError
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues

log = logging.getLogger(__name__)

MOST_DAYS = 36_500


@dataclass(frozen=True)
class Drafts:
    """A table of n drafts, in their order."""

    file: Path
    frame: pd.DataFrame
    """Their columns; `post_id` is the number of the row, for in drafts one id may stand twice."""
    post_id: pd.Series
    """What they are called; those that are not have the number of their row in the file."""
    named: np.ndarray
    """Which [n] have an id of their own."""
    image_root: Path
    """The folder that paths of pictures start from."""
    days: float | None = None
    """Days online that were asked for."""

    def __len__(self) -> int:
        return len(self.frame)


def read(paths: Paths, p: Params, file: Path, *, days: float | None = None) -> Drafts:
    """The drafts of a table, looked at after `days` where they do not say when; says how many are by strangers."""
    if days is not None and not 0 < days < MOST_DAYS:
        raise UserError(f"--days {days:g}: expected more than 0 and less than {MOST_DAYS}")
    frame, image_root, _, named = posts.read_drafts(p.dataset, file)
    _count_strangers(paths, frame, file)
    called = frame["post_id"]
    frame["post_id"] = [str(row) for row in range(len(frame))]
    if days is not None:
        look_after(frame, days)
    return Drafts(file, frame, called, named, image_root, days)


def look_after(frame: pd.DataFrame, days: float) -> None:
    """Fill in when drafts are looked at, where neither they nor their time of posting leave it open."""
    if "posted_at" in frame:
        then = (frame["posted_at"] + pd.Timedelta(days=days)).astype(frame["posted_at"].dtype)
        frame["collected_at"] = frame["collected_at"].fillna(then) if "collected_at" in frame else then


def _count_strangers(paths: Paths, frame: pd.DataFrame, drafts: Path) -> None:
    """Say how many drafts are by users that no training post is by: a typing error looks the same."""
    n = posts.strangers(frame, known_users(paths))
    if n:
        log.warning("%s: %d of %d drafts are by users never seen in training", drafts, n, len(frame))


def known_users(paths: Paths) -> Collection[str]:
    """Ids of the users of training posts; none where posts do not say whose they are."""
    if "user_id" not in store.columns_of(paths.posts):
        return []
    known = store.read_frame(paths.posts, ["post_id", "user_id"])
    parts = store.read_frame(paths.splits, ["post_id", "part"])
    trained_on = known["post_id"].isin(parts.loc[parts["part"] == "train", "post_id"])
    return known.loc[trained_on, "user_id"].dropna().unique()


def by_nobody(drafts: Drafts, trained: Trained) -> Drafts:
    """Drafts that do not say whose they are as those of users unseen in training, which all systems predict."""
    if "user_id" in drafts.frame or all("user_id" not in trained.needs(target) for target in trained.targets):
        return drafts
    log.warning("%s: no column 'user_id': all drafts are taken as those of new users", drafts.file)
    nobody = pd.Series(None, index=drafts.frame.index, dtype="str")
    return replace(drafts, frame=drafts.frame.assign(user_id=nobody))


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
            values = {name: self._values(each, drafts.frame, packed) for name, each in self.extractors.items()}
        if all("image" not in each.feature.columns for each in self.extractors.values()):
            return values, None
        if (status != "ok").any():
            log.warning("%d of %d drafts have no usable picture: %s", *_unusable(status))
        return values, status

    def again(self, values: Mapping[str, FeatureValues], drafts: Drafts, rows: np.ndarray) -> dict[str, FeatureValues]:
        """Features of drafts that are those at `rows` of others, which have `values`, at other times."""
        timed = {name for name, each in self.extractors.items() if _timed(each)}
        looked = any("image" in self.extractors[name].feature.columns for name in timed)
        with self._packed(drafts.frame, drafts.image_root) if looked else _nothing() as (packed, _):
            return {
                name: self._values(each, drafts.frame, packed) if name in timed else values[name].take(rows)
                for name, each in self.extractors.items()
            }

    @contextmanager
    def _packed(self, frame: pd.DataFrame, root: Path) -> Iterator[tuple[Path, pd.Series]]:
        """A folder with the packed pictures of posts, as long as it is needed, and the status [n] of each."""
        with tempfile.TemporaryDirectory() as folder:
            index = images.pack(frame, root, Path(folder), self._images, self.compute)
            yield Path(folder), index["status"].reset_index(drop=True)

    def _values(self, extractor: Extractor, frame: pd.DataFrame, packed: Path) -> FeatureValues:
        _check_horizon(extractor.feature, extractor.name, frame)
        chunks = list(extractor.extract(frame, images=packed, cache_root=self._cache, compute=self.compute))
        return FeatureValues(np.concatenate([v for _, v, _ in chunks]), extractor.feature.names)


@contextmanager
def _nothing() -> Iterator[tuple[Path, None]]:
    """An empty folder, where no picture is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder), None


def _timed(extractor: Extractor) -> bool:
    """Whether a feature reads when something is posted or looked at."""
    made = extractor.feature
    return isinstance(made, PostsFeature) and bool({"posted_at", HORIZON} & {*made.columns, *made.needed})


def _check_horizon(feature: Feature, name: str, frame: pd.DataFrame) -> None:
    lacking = [column for column in feature.columns if column in ("posted_at", HORIZON) and column not in frame]
    if feature.reads_horizon and lacking:
        remedy = "give --days" if lacking == [HORIZON] else "add it, and collected_at or --days"
        raise MissingColumn(lacking[:1], f"the feature {name} needs to count the hours online", remedy=remedy)


def _unusable(status: pd.Series) -> tuple[int, int, str]:
    counts = status[status != "ok"].value_counts()
    return int(counts.sum()), len(status), ", ".join(f"{n} {name}" for name, n in counts.items())
