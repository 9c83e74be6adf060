"""What people export of their own accounts, read by the table reader with columns inside columns."""

import json
import lzma

import pytest

from pipeline import posts
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.readers.table import Table
from pipeline.storage import store

FLICKR = {
    "post_id": "id",
    "user_id": "owner.nsid",
    "text": "description",
    "posted_at": "dates.posted",
    "likes": "faves",
}
INSTALOADER = {
    "post_id": "node.shortcode",
    "user_id": "node.owner.id",
    "posted_at": "node.taken_at_timestamp",
    "text": "node.edge_media_to_caption.edges.0.node.text",
    "likes": "node.edge_media_preview_like.count",
}
INSTAGRAM = {
    "post_id": "media.0.uri",
    "image": "media.0.uri",
    "posted_at": "media.0.creation_timestamp",
    "text": "title",
}


@pytest.fixture
def run(tmp_path, project):
    """`run(columns, **dataset)`: the posts stage on raw/; posts and audit."""

    def stage(columns, **dataset):
        paths = project(dataset={"columns": columns, **dataset})
        posts.main(paths)
        frame, audit = store.read_frame(paths.posts), store.read_json(paths.audit)
        assert audit["read"] == len(frame) + sum(audit["dropped"].values()) + sum(audit["filtered"].values())
        return frame, audit

    (tmp_path / "raw").mkdir()
    return stage


def photo(i):
    return {
        "id": str(i),
        "owner": {"nsid": f"{i}@N00", "username": "anna"},
        "title": {"_content": f"Lake {i}"},
        "description": {"_content": ""},
        "dates": {"posted": "1700000000", "taken": "2023-11-14 10:00:00"},
        "tags": {"tag": [{"id": "x", "raw": "Big Lake", "_content": "biglake"}, {"raw": "dawn"}]},
        "faves": {"_content": "7"} if i % 2 else 7,
    }


@pytest.mark.parametrize("around", [lambda p: {"photos": {"page": 1, "photo": p}, "stat": "ok"}, lambda p: p])
def test_flickr_as_its_api_answers(tmp_path, run, around):
    (tmp_path / "raw/posts.json").write_text(json.dumps(around([photo(1), photo(2)])))
    frame, audit = run(FLICKR)
    assert frame["user_id"].tolist() == ["1@N00", "2@N00"]
    assert frame["title"].tolist() == ["Lake 1", "Lake 2"]
    assert frame["text"].isna().all()
    assert frame["tags"].tolist() == ["Big_Lake dawn"] * 2
    assert frame["likes"].tolist() == [7, 7]
    assert frame["posted_at"][0].year == 2023
    assert audit["left_out"] == []


def test_flickr_a_file_a_photo(tmp_path, run):
    for i in (1, 2):
        (tmp_path / f"raw/photo_{i}.json").write_text(json.dumps({"photo": photo(i), "stat": "ok"}))
    columns = {ours: f"photo.{theirs}" for ours, theirs in {**FLICKR, "title": "title", "tags": "tags"}.items()}
    frame, _ = run(columns, file="photo_*.json")
    assert frame["title"].tolist() == ["Lake 1", "Lake 2"]


@pytest.mark.parametrize("packed", [True, False])
def test_instaloader(tmp_path, run, packed):
    for i in (1, 2, 3):
        node = {
            "shortcode": f"C{i}",
            "owner": {"id": "9"},
            "taken_at_timestamp": 1_700_000_000 + i,
            "edge_media_to_caption": {"edges": [{"node": {"text": f"Lake {i}"}}] if i > 1 else []},
            "edge_media_preview_like": {"count": i * 10},
        }
        data = json.dumps({"node": node, "instaloader": {"node_type": "Post"}}).encode()
        stem = tmp_path / f"raw/2023-11-14_22-13-2{i}_UTC"
        (stem.with_suffix(".json.xz" if packed else ".json")).write_bytes(lzma.compress(data) if packed else data)
        if i < 3:
            stem.with_name(f"{stem.name}{'_1' if i == 2 else ''}.jpg").touch()
    frame, _ = run(INSTALOADER, file="*_UTC.json.xz" if packed else "*_UTC.json")
    assert frame["post_id"].tolist() == ["C1", "C2", "C3"]
    assert frame["likes"].tolist() == [10, 20, 30]
    assert frame["text"].fillna("").tolist() == ["", "Lake 2", "Lake 3"]
    names = ["2023-11-14_22-13-21_UTC.jpg", "2023-11-14_22-13-22_UTC_1.jpg", ""]
    assert frame["image"].fillna("").tolist() == names


def test_a_fault_in_one_of_many_files_names_it(tmp_path, run):
    (tmp_path / "raw/a.json").write_text('{"post_id": "a", "likes": 1}')
    (tmp_path / "raw/b.json").write_text('{"post_id": "b", "likes": "many"}')
    _, audit = run({}, file="*.json", max_dropped=0.5)
    assert audit["examples"]["no usable target"] == [{"file": "b.json", "row": 1, "column": "likes"}]
    (tmp_path / "raw/c.json").write_text('{"post_id"')
    with pytest.raises(UserError, match=r"c\.json, row 1"):
        run({}, file="*.json")
    with pytest.raises(UserError, match=r"no table there is called \*\.csv"):
        run({}, file="*.csv")


def test_instagrams_own_export_as_drafts(tmp_path, make_params):
    entries = [
        {
            "media": [{"uri": f"media/posts/{i}.jpg", "creation_timestamp": 1_700_000_000 + i}],
            "title": "CafÃ© \u00f0\u009f\u0098\u008d",
        }
        for i in range(3)
    ]
    (tmp_path / "posts_1.json").write_text(json.dumps(entries))
    section = {**make_params()["dataset"], "columns": {**INSTAGRAM, "likes": "likes"}}
    read = params.of({**make_params(), "dataset": section}).dataset
    frame, root, audit, _ = posts.read_drafts(read, tmp_path / "posts_1.json")
    assert root == tmp_path
    assert frame["image"].tolist() == [f"media/posts/{i}.jpg" for i in range(3)]
    assert frame["text"].tolist() == ["Café 😍"] * 3
    assert frame["posted_at"].dt.year.tolist() == [2023] * 3
    assert audit.tagged["text: UTF-8 read as another encoding (CafÃ©), undone"] == 3


def test_a_path_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "posts.json").write_text(json.dumps([photo(1)]))
    with pytest.raises(UserError, match=r"columns\.user_id: posts\.json has no column 'owner\.id'; it has id, owner"):
        Table(path=str(tmp_path), columns={"user_id": "owner.id"}).read(["likes"])
