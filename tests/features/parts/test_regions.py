"""Regions of pictures from the pack to the file that training reads, through a kill in the middle."""

import numpy as np
import pyarrow as pa
import pytest

from features.parts import extraction
from features.parts.extraction import Extractor
from features.vgg_regions import VggRegions
from models.parts.batches import Tensors, load, shuffled
from pipeline.base.compute import Compute
from pipeline.base.sections import Entry
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues
from pipeline.storage.packs import read_images

POSTS, SHARD = 24, 4
COMPUTE = Compute(workers=1, device="cpu")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
ARGUMENTS = {"pretrained": None, "image_size": 32}
KILLED = """
import time
from pathlib import Path
import pandas as pd
from features.vgg_regions import VggRegions
from pipeline.base.compute import Compute
from features.parts.extraction import Extractor
from pipeline.base.sections import Entry
embed = VggRegions.embed
VggRegions.embed = lambda self, prepared: (time.sleep(0.1), embed(self, prepared))[1]
root = Path({root!r})
compute = Compute(workers=1, device="cpu")
Extractor.make(Entry("vgg_regions", "vgg_regions", arguments={arguments!r}), compute).write(
    root / "regions.arrow", pd.read_parquet(root / "posts.parquet"), images=root / "images",
    cache_root=root / "cache", compute=compute,
)
"""


@pytest.fixture
def posts(draw, packed, tmp_path):
    """Packed pictures of posts, the fourth of which has none."""
    frame = draw["pictures"](tmp_path / "raw", POSTS)
    frame["image"] = frame["image"].where(frame.index != 3)
    packed(frame, folder=tmp_path / "images", shard_images=SHARD)
    frame[["post_id"]].to_parquet(tmp_path / "posts.parquet")
    return frame


@pytest.fixture
def seen(monkeypatch):
    """How many pictures each call of `embed` got."""
    embed, counts = VggRegions.embed, []
    monkeypatch.setattr(
        VggRegions, "embed", lambda self, prepared: (counts.append(len(prepared)), embed(self, prepared))[1]
    )
    return counts


def extract(root, posts, cache="cache"):
    path = root / "regions.arrow"
    options = {"images": root / "images", "cache_root": root / cache, "compute": COMPUTE}
    Extractor.make(Entry("vgg_regions", "vgg_regions", arguments=ARGUMENTS), COMPUTE).write(
        path, posts[["post_id"]], **options
    )
    return path


def test_a_kill_costs_the_shard_in_hand(posts, seen, draw, tmp_path):
    written = (tmp_path / "cache").glob
    script = KILLED.format(root=str(tmp_path), arguments=ARGUMENTS)
    draw["kill_when"](script, lambda: len(list(written("vgg_regions/*/*.arrow"))) >= 2, tmp_path)
    done = sum(len(pa.ipc.open_file(str(file)).read_all()) for file in written("vgg_regions/*/*.arrow"))
    assert 0 < done < POSTS - 1
    assert not (tmp_path / "regions.arrow").exists()
    table = store.read_feature(extract(tmp_path, posts))
    assert sum(seen) == POSTS - 1 - done
    whole = store.read_feature(extract(tmp_path, posts, cache="another"))
    np.testing.assert_allclose(table.values, whole.values, rtol=2e-3, atol=1e-3)  # other batches round otherwise
    assert table.valid.tolist() == [i != 3 for i in range(POSTS)]


def test_regions_go_from_the_file_into_batches(posts, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "GROUP_BYTES", 5 * 512 * 2)
    regions = FeatureValues(store.read_feature(extract(tmp_path, posts)).values)
    assert regions.dtype == np.float16
    data = Tensors({"regions": regions, "row": np.arange(POSTS)})
    found = {}
    for batch in load(data, shuffled(POSTS, 7, [0]), "cpu"):
        found.update(zip(batch["row"].tolist(), batch["regions"].numpy(), strict=True))
    index = store.read_frame(tmp_path / "images/index.parquet")
    rows = {image_id: row for row, image_id in enumerate(index["image_id"])}
    feature = VggRegions(**ARGUMENTS)
    for image_id, pixels in read_images(tmp_path / "images", set(index["image_id"].dropna())):
        expected = feature.embed([feature.prepare(pixels)])[0]
        np.testing.assert_allclose(found[rows[image_id]], expected, rtol=2e-3, atol=1e-3)
    assert sorted(found) == list(range(POSTS))
    assert np.isnan(found[3]).all()
