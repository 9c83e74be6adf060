import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline import images
from pipeline.base import params
from pipeline.base.compute import Compute
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.base.sections import Packing
from pipeline.images import pack
from pipeline.storage import packs, pixels, store
from pipeline.storage.packs import Original, read_images

KILLED = """
import time
from pathlib import Path
import pandas as pd
from pipeline import images
from pipeline.storage import pixels
from pipeline.base.compute import Compute
from pipeline.base.sections import Packing
pack, pixels.pack = pixels.pack, lambda *a: (time.sleep(0.01), pack(*a))[1]
frame = pd.read_json({frame!r}, dtype=False)
images.pack(frame, Path({root!r}), Path({folder!r}), Packing(max_side=64, shard_images=8),
            Compute(workers=1), memory=Path({memory!r}))
"""


def files(folder):
    """Content of the shards and the index, by name."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix == ".parquet"}


@pytest.fixture
def opened(monkeypatch):
    """Paths of the originals read while a test runs."""
    seen = []
    read = pixels.read
    monkeypatch.setattr(pixels, "read", lambda path, *rest: (seen.append(Path(path).name), read(path, *rest))[1])
    return seen


@pytest.fixture
def decoded(monkeypatch):
    """Bytes of the originals decoded while a test runs."""
    seen = []
    work = pixels.pack
    monkeypatch.setattr(pixels, "pack", lambda data, *rest: (seen.append(data), work(data, *rest))[1])
    return seen


def test_index_has_a_row_a_post_and_the_pixels_come_back(draw, packed, tmp_path):
    frame = draw["pictures"](tmp_path / "raw", 20)
    index = packed(frame)
    assert index["post_id"].tolist() == frame["post_id"].tolist()
    assert (index["status"] == "ok").all()
    stored = store.read_frame(tmp_path / "images/index.parquet")
    pd.testing.assert_frame_equal(stored, index, check_dtype=False)
    got = dict(read_images(tmp_path / "images", index["image_id"]))
    assert len(got) == 20
    for image_id, path in zip(index["image_id"], frame["image"], strict=True):
        with Image.open(tmp_path / "raw" / path) as image:
            np.testing.assert_array_equal(got[image_id], np.asarray(image))
    assert len(list((tmp_path / "images").glob("shard-*.parquet"))) == 3


def test_every_bad_image_keeps_its_row_with_a_status(draw, packed, tmp_path):
    root = tmp_path / "raw"
    draw["pictures"](root / "images", 1)
    good = draw["encoded"](draw["noise"]())
    (tmp_path / "secret.jpg").write_bytes(good)
    (root / "inside.jpg").write_bytes(good)
    (root / "empty.jpg").touch()
    (root / "torn.jpg").write_bytes(good[: len(good) // 2])
    (root / "text.jpg").write_text("no picture")
    (root / "page.jpg").write_text("<!DOCTYPE html><title>404</title>")
    (root / "bomb.png").write_bytes(draw["encoded"](Image.new("1", (20_000, 20_000)), "PNG"))
    (root / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "linked.jpg").symlink_to("inside.jpg")
    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "away").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.jpg")
    expected = {
        "inside.jpg": "ok",
        "images/../inside.jpg": "ok",
        "linked.jpg": "ok",
        "images/00000.jpg": "ok",
        None: "no image",
        "": "no image",
        "gone.jpg": "missing",
        "images": "missing",
        "pipe.jpg": "missing",
        "loop.jpg": "missing",
        "nul\0.jpg": "missing",
        "x" * 5000: "missing",
        "empty.jpg": "empty",
        "torn.jpg": "truncated",
        "text.jpg": "unreadable",
        "page.jpg": "unreadable: HTML",
        "bomb.png": "too large",
        "link.jpg": "ok",
        "away/secret.jpg": "ok",
        "away/../secret.jpg": "missing",
        "../secret.jpg": "outside",
        "images/../../secret.jpg": "outside",
        str(tmp_path / "secret.jpg"): "outside",
        str(root / "inside.jpg"): "outside",
        "/etc/passwd": "outside",
        "..\\secret.jpg": "outside",
        "%2e%2e/secret.jpg": "outside",
        "C:\\pictures\\inside.jpg": "outside",
    }
    frame = pd.DataFrame({"post_id": [str(i) for i in range(len(expected))], "image": list(expected)})
    index = packed(frame)
    assert dict(zip(expected, index["status"], strict=True)) == expected
    ok = index["status"] == "ok"
    assert index.loc[ok, ["image_id", "width", "height", "shard", "row"]].notna().all(axis=None)
    assert index.loc[~ok, ["image_id", "width", "height", "shard", "row"]].isna().all(axis=None)
    audit = json.loads((tmp_path / "images/audit.json").read_text())
    assert audit["status"] == index["status"].value_counts().to_dict()
    assert audit["images"] == 2
    assert audit["respelled"] == 0


def test_a_file_nobody_may_read_is_unreadable(draw, packed, tmp_path, monkeypatch):
    frame = draw["pictures"](tmp_path / "raw", 2)
    monkeypatch.setattr(Path, "read_bytes", lambda _: (_ for _ in ()).throw(PermissionError()))
    assert packed(frame)["status"].tolist() == ["unreadable"] * 2


def test_copies_are_stored_once(draw, packed, tmp_path, decoded):
    frame = draw["pictures"](tmp_path / "raw", 30)
    for i in range(30):
        shutil.copy(tmp_path / f"raw/{i:05d}.jpg", tmp_path / f"raw/copy-{i}.jpg")
    copies = pd.DataFrame({"post_id": [f"c{i}" for i in range(30)], "image": [f"copy-{i}.jpg" for i in range(30)]})
    index = packed(pd.concat([frame, copies], ignore_index=True))
    assert len(decoded) == 30
    assert len(packs.scan(tmp_path / "images", Packing(max_side=64, shard_images=8))) == 30
    assert index["image_id"][:30].tolist() == index["image_id"][30:].tolist()


def test_a_dataset_without_images(packed, tmp_path):
    index = packed(pd.DataFrame({"post_id": ["a", "b"]}))
    assert index["status"].tolist() == ["no image"] * 2
    assert list(read_images(tmp_path / "images", [])) == []


def test_a_second_run_opens_nothing_and_changes_nothing(draw, packed, tmp_path, opened):
    frame = draw["pictures"](tmp_path / "raw", 20)
    (tmp_path / "raw/00003.jpg").write_text("broken")
    packed(frame, memory=tmp_path / "memory.parquet")
    before = files(tmp_path / "images")
    assert len(opened) == 20
    packed(frame, memory=tmp_path / "memory.parquet")
    assert len(opened) == 20
    assert files(tmp_path / "images") == before


def test_without_its_memory_it_reads_again_but_decodes_nothing(draw, packed, tmp_path, opened, decoded):
    frame = draw["pictures"](tmp_path / "raw", 20)
    packed(frame)
    before = files(tmp_path / "images")
    packed(frame)
    assert (len(opened), len(decoded)) == (40, 20)
    assert files(tmp_path / "images") == before


def test_one_percent_more_posts_pack_one_percent_more(draw, packed, tmp_path, opened):
    memory = tmp_path / "memory.parquet"
    packed(draw["pictures"](tmp_path / "raw", 100), memory=memory, shard_images=16)
    before = files(tmp_path / "images")
    opened.clear()
    index = packed(draw["pictures"](tmp_path / "raw", 1, start=100), memory=memory, shard_images=16)
    assert opened == ["00100.jpg"]
    after = files(tmp_path / "images")
    assert len(index) == 101
    assert len(after) == len(before) + 1
    assert all(after[name] == before[name] for name in before if name != "index.parquet")


def test_a_changed_original_is_packed_again(draw, packed, tmp_path, opened):
    memory = tmp_path / "memory.parquet"
    frame = draw["pictures"](tmp_path / "raw", 10)
    first = packed(frame, memory=memory)
    opened.clear()
    (tmp_path / "raw/00004.jpg").write_bytes(draw["encoded"](draw["noise"](seed=999)))
    second = packed(frame, memory=memory)
    assert opened == ["00004.jpg"]
    assert (first["image_id"] != second["image_id"]).tolist() == [i == 4 for i in range(10)]


def test_shards_nobody_needs_and_stray_files_go(draw, packed, tmp_path):
    frame = draw["pictures"](tmp_path / "raw", 20)
    packed(frame)
    (tmp_path / "images/.abc.tmp").write_text("left by a kill")
    index = packed(frame[:2])
    assert {p.name for p in (tmp_path / "images").iterdir()} == {
        *index["shard"],
        "index.parquet",
        "audit.json",
    }
    assert len(set(index["shard"])) == 1


@pytest.mark.parametrize("change", [{"max_side": 16}, {"quality": 40}])
def test_another_packing_packs_again(draw, packed, tmp_path, opened, change):
    memory = tmp_path / "memory.parquet"
    frame = draw["pictures"](tmp_path / "raw", 10)
    old = packed(frame, memory=memory)
    opened.clear()
    new = packed(frame, memory=memory, **change)
    assert len(opened) == 10
    assert not set(old["shard"]) & set(new["shard"])
    assert {p.name for p in (tmp_path / "images").glob("shard-*")} == set(new["shard"])
    assert old["image_id"].tolist() == new["image_id"].tolist()


def test_a_damaged_shard_is_packed_again(draw, packed, tmp_path):
    frame = draw["pictures"](tmp_path / "raw", 20)
    packed(frame, memory=tmp_path / "memory.parquet")
    before = files(tmp_path / "images")
    shard = next((tmp_path / "images").glob("shard-*"))
    shard.write_bytes(shard.read_bytes()[:-50])
    packed(frame, memory=tmp_path / "memory.parquet")
    assert files(tmp_path / "images") == before


def test_the_order_of_posts_decides_no_pixel(draw, packed, tmp_path):
    frame = draw["pictures"](tmp_path / "raw", 20)
    first = packed(frame, folder=tmp_path / "a").set_index("post_id")["image_id"]
    second = packed(frame[::-1].reset_index(drop=True), folder=tmp_path / "b").set_index("post_id")["image_id"]
    assert first.to_dict() == second.to_dict()


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 3])
def test_kill_in_the_middle_then_again_gives_the_same_files(draw, packed, tmp_path, decoded, shards):
    frame = draw["pictures"](tmp_path / "raw", 60)
    packed(frame, folder=tmp_path / "whole")
    decoded.clear()
    frame.to_json(tmp_path / "frame.json")
    folder, memory = tmp_path / "killed", tmp_path / "memory.parquet"
    script = KILLED.format(
        frame=str(tmp_path / "frame.json"), root=str(tmp_path / "raw"), folder=str(folder), memory=str(memory)
    )
    draw["kill_when"](script, lambda: len(list(folder.glob("shard-*"))) >= shards, tmp_path)
    assert not (folder / "index.parquet").exists()
    kept = files(folder)
    packed(frame, folder=folder, memory=memory)
    assert files(folder) == files(tmp_path / "whole")
    assert kept.items() <= files(folder).items()
    assert len(decoded) == 60 - sum(pq.read_metadata(folder / name).num_rows for name in kept)
    assert not list(folder.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("small", [1, 8])
def test_a_cluster_and_threads_pack_the_same(draw, packed, tmp_path, monkeypatch, small):
    monkeypatch.setattr("pipeline.base.compute.SMALL", small)
    frame = draw["pictures"](tmp_path / "raw", 20)
    packed(frame, folder=tmp_path / "here")
    packing = Packing(max_side=64, shard_images=8)
    pack(frame, tmp_path / "raw", tmp_path / "cluster", packing, Compute(workers=2))
    assert files(tmp_path / "cluster") == files(tmp_path / "here")


def test_batches_cut_at_the_shard_size_and_keep_one_size_together():
    originals = [Original(f"{i}", 100 + i % 10, 0) for i in range(50)]
    batches = images.make_batches(originals, packs.scan(Path("nowhere"), Packing(max_side=1)), 10)
    assert sorted(o for b in batches for o in b.originals) == sorted(originals)
    assert [len(b.originals) for b in batches] == [10] * 5
    for size in range(100, 110):
        assert sum(any(o.size == size for o in b.originals) for b in batches) == 1


def test_files_of_one_size_do_not_make_one_giant_shard():
    originals = [Original(f"{i}", 100, 0) for i in range(95)]
    batches = images.make_batches(originals, packs.scan(Path("nowhere"), Packing(max_side=1)), 10)
    assert [len(b.originals) for b in batches] == [20, 20, 20, 20, 15]


def project(tmp_path, draw, frame, **dataset):
    """A project with posts.parquet in place, whose images are in raw/."""
    paths = Paths(tmp_path)
    store.write_frame(paths.posts, frame)
    (tmp_path / "raw").mkdir(exist_ok=True)
    (tmp_path / "raw/posts.csv").write_text("post_id\n")
    p = params.read(Path(__file__).parents[2] / "params.yaml")
    p["dataset"] = {"reader": "table", "name": "x", "path": "raw", "targets": {"likes": "log2p1"}, **dataset}
    p["compute"] = {"workers": 1}
    p["images"] = {"max_side": 64, "shard_images": 8}
    paths.params.write_text(json.dumps(p))
    return paths


def test_stage_packs_the_dataset(draw, tmp_path):
    paths = project(tmp_path, draw, draw["pictures"](tmp_path / "raw", 5))
    images.main(paths)
    assert (store.read_frame(paths.images / "index.parquet")["status"] == "ok").all()


def test_stage_of_a_dataset_without_images(draw, tmp_path):
    paths = project(tmp_path, draw, pd.DataFrame({"post_id": ["a"]}))
    images.main(paths)
    assert store.read_frame(paths.images / "index.parquet")["status"].tolist() == ["no image"]


def test_stage_fails_where_not_one_image_is_found(draw, tmp_path):
    paths = project(tmp_path, draw, pd.DataFrame({"post_id": ["a", "b"], "image": ["x.jpg", None]}))
    with pytest.raises(UserError, match=r"dataset\.path: not one of 1 images .*'x\.jpg'"):
        images.main(paths)


def test_stage_passes_where_some_are_found(draw, tmp_path):
    frame = draw["pictures"](tmp_path / "raw", 2)
    frame.loc[0, "image"] = "gone.jpg"
    images.main(project(tmp_path, draw, frame))


def test_reading_what_is_not_packed(draw, packed, tmp_path):
    packed(draw["pictures"](tmp_path / "raw", 2))
    with pytest.raises(UserError, match="not packed"):
        list(read_images(tmp_path / "images", ["0" * 64]))


def test_reading_some_rows_of_a_shard_in_its_order(draw, packed, tmp_path, monkeypatch):
    frame = draw["pictures"](tmp_path / "raw", 100)
    monkeypatch.setattr(packs, "ROW_GROUP", 7)
    index = packed(frame, shard_images=200)
    wanted = index["image_id"][[95, 3, 50, 51, 8]]
    got = dict(read_images(tmp_path / "images", wanted))
    assert set(got) == set(wanted)
    with Image.open(tmp_path / "raw/00095.jpg") as image:
        np.testing.assert_array_equal(got[index["image_id"][95]], np.asarray(image))
    (shard,) = packs.shards_of(tmp_path / "images", wanted)
    assert [i for i, _ in packs.read_shard(shard.path, shard.rows)] == shard.image_ids


def test_paths_as_other_tools_write_them_are_found_unless_two_files_fit(draw, packed, tmp_path):
    root = tmp_path / "raw"
    composed, decomposed = "Caf\u00e9.jpg", "cafe\u0301.jpg"
    names = ["images/c.jpg", "my pic.jpg", "D.JPG", decomposed, "E.jpg", "e.jpg", "F/G.jpg", "f/g.jpg", "50%.jpg"]
    names += ["back\\slash.jpg", "a%20b.jpg", "a b.jpg"]
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(draw["encoded"](draw["noise"](seed=i)))
    written = {
        "images\\c.jpg": "ok",
        "IMAGES\\C.JPG": "ok",
        "./images/../images/c.jpg": "ok",
        "my%20pic.jpg": "ok",
        "My%20Pic.jpg": "ok",
        "D.jpg": "ok",
        composed: "ok",
        "E.jpg": "ok",
        "E.JPG": "two files fit",
        "F/g.jpg": "two files fit",
        "50%.jpg": "ok",
        "back\\slash.jpg": "ok",
        "a%20b.jpg": "ok",
        "A b.jpg": "ok",
        "D.jpeg": "missing",
    }
    frame = pd.DataFrame({"post_id": list(written), "image": list(written)})
    assert dict(zip(written, packed(frame)["status"], strict=True)) == written
    assert json.loads((tmp_path / "images/audit.json").read_text())["respelled"] == 7


def test_a_folder_is_listed_once_however_many_pictures_are_missing(packed, tmp_path, monkeypatch):
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: (listed.append(path), listdir(path))[1])
    (tmp_path / "raw/images").mkdir(parents=True)
    frame = pd.DataFrame({"post_id": [str(i) for i in range(500)], "image": [f"images/{i}.jpg" for i in range(500)]})
    assert set(packed(frame)["status"]) == {"missing"}
    assert len([path for path in listed if "raw" in str(path)]) == 2


def test_links_in_the_folder_are_followed(draw, packed, tmp_path):
    """As DVC leaves them with `cache.type symlink`, and as a person links to another disk."""
    frame = draw["pictures"](tmp_path / "cache", 6)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/images").symlink_to(tmp_path / "cache")
    for path in frame["image"]:
        (tmp_path / "raw" / path).symlink_to(tmp_path / "cache" / path)
    frame["image"] = [path if i % 2 else f"images/{path}" for i, path in enumerate(frame["image"])]
    assert packed(frame)["status"].tolist() == ["ok"] * 6


def test_what_was_remembered_under_older_rules_is_forgotten(draw, packed, tmp_path, opened, monkeypatch):
    memory = tmp_path / "memory.parquet"
    frame = draw["pictures"](tmp_path / "raw", 3)
    packed(frame, memory=memory)
    monkeypatch.setattr(images, "_STATUSES", images._STATUSES + 1)
    packed(frame, memory=memory)
    assert len(opened) == 6
