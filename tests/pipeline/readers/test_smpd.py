import json
import shutil

import pytest

from pipeline import posts
from pipeline.base.errors import UserError
from pipeline.readers.smpd import Smpd
from pipeline.storage import store

SMPD = {"reader": "smpd", "targets": {"score": "identity"}, "max_dropped": 0.5}


@pytest.fixture
def run(smpd_folder, project):
    """Write SMPD's files, run the stage; gives posts and audit."""

    def run(tables=None, **dataset):
        smpd_folder(n=12, users=3, images=False, tables=tables)
        paths = project(dataset={**SMPD, **dataset})
        posts.main(paths)
        return store.read_frame(paths.posts), store.read_json(paths.audit)

    return run


def as_records(table):
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def as_lists(records):
    return {name: [record[name] for record in records] for name in records[0]}


def test_all_files_come_together(run, make_posts):
    frame, audit = run()
    made = make_posts(12, users=3)
    assert frame["post_id"].tolist()[:4] == ["0@N00/100", "1@N01/100", "2@N02/100", "0@N00/101"]
    assert frame["user_id"].nunique() == 3
    assert frame["image"][0] == "train/0@N00/100.jpg"
    assert frame["posted_at"].tolist() == made["posted_at"].dt.floor("s").tolist()
    for column in ("title", "tags", "category", "subcategory", "concept", "user_photos", "is_pro"):
        assert frame[column].tolist() == made[column].tolist()
    assert frame["timezone_offset"].tolist() == [1.0] * 12
    assert frame["first_photo_at"][0].isoformat() == "2005-01-01T00:00:00+00:00"
    assert frame["score"].between(1, 17).all()
    assert audit["dropped"] == audit["tagged"] == {}


def test_every_column_of_the_files_is_taken(run):
    frame, audit = run()
    assert audit["left_out"] == []
    assert {"media_type", "media_status", "is_public", "latitude", "longitude", "geo_accuracy", "timezone"} <= set(
        frame
    )


def test_lists_of_records_and_parallel_lists_are_the_same(run, make_smpd_tables):
    expected, _ = run()
    tables = make_smpd_tables(12, 3)
    for name, table in tables.items():
        if name.endswith(".json"):
            tables[name] = as_records(table) if isinstance(table, dict) else as_lists(table)
    assert run(tables)[0].equals(expected)


def test_rows_in_another_order_are_joined_by_key(run, make_smpd_tables):
    expected, _ = run()
    tables = make_smpd_tables(12, 3)
    for name in ("train_text.json", "train_category.json"):
        tables[name].reverse()
    tables["train_user_data.json"] = {k: v[::-1] for k, v in tables["train_user_data.json"].items()}
    assert run(tables)[0].equals(expected)


def test_numbers_for_ids_are_the_same_ids(run, make_smpd_tables):
    expected, _ = run()
    tables = make_smpd_tables(12, 3)
    tables["train_text.json"] = [{**record, "Pid": int(record["Pid"])} for record in tables["train_text.json"]]
    assert run(tables)[0].equals(expected)


def test_a_row_a_user_is_joined_by_user(run, make_smpd_tables):
    expected, _ = run()
    tables = make_smpd_tables(12, 3)
    user = {k: v[:3] for k, v in tables["train_user_data.json"].items() if k != "Pid"}
    frame, _ = run({**tables, "train_user_data.json": user})
    assert frame["user_photos"].equals(expected["user_photos"])


def test_a_json_file_that_lacks_posts_leaves_their_values_empty(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_text.json"] = tables["train_text.json"][:9]
    frame, audit = run(tables)
    assert len(frame) == 12
    assert frame["title"].isna().tolist() == [False] * 9 + [True] * 3
    assert audit["tagged"] == {"train_text.json: no row for this post": 3}
    assert audit["examples"]["train_text.json: no row for this post"][0]["row"] == 10


def test_posts_in_a_json_file_alone_are_counted(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_img_filepath.txt"] = tables["train_img_filepath.txt"][:10]
    tables["train_label.txt"] = tables["train_label.txt"][:10]
    tables["train_category.json"].append(tables["train_category.json"][0])
    frame, audit = run(tables)
    assert len(frame) == 10
    assert audit["tagged"]["train_text.json: a post without image path and label, left out"] == 2
    assert audit["tagged"]["train_category.json: a second row for a post, left out"] == 1


@pytest.mark.parametrize("name", ["train_label.txt", "train_img_filepath.txt"])
def test_labels_and_paths_of_different_lengths_are_named(run, make_smpd_tables, name):
    tables = make_smpd_tables(12, 3)
    tables[name] = tables[name][:-2]
    with pytest.raises(UserError, match=r"train_label\.txt: 1[02] lines, but train_img_filepath\.txt has 1[02]"):
        run(tables)


def test_a_path_without_ids_is_named(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_img_filepath.txt"][4] = "nonsense"
    with pytest.raises(UserError, match=r"train_img_filepath\.txt, row 5: 'nonsense'"):
        run(tables)


def test_a_path_that_stands_twice_is_a_duplicate_post(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_img_filepath.txt"][4] = tables["train_img_filepath.txt"][0]
    frame, audit = run(tables)
    assert len(frame) == 11
    assert audit["dropped"] == {"post_id: duplicate": 1}


def test_a_truncated_json_file_is_named_with_its_place(run, smpd_folder, tmp_path, make_smpd_tables):
    smpd_folder(n=12, users=3, images=False)
    file = tmp_path / "raw/train_text.json"
    file.write_text(file.read_text()[:-30])
    with pytest.raises(UserError, match=r"train_text\.json, row 1, column \d+: no valid JSON"):
        Smpd(path=str(tmp_path / "raw")).read(["score"])


def test_parallel_lists_of_different_lengths_are_named(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_user_data.json"]["ispro"].pop()
    with pytest.raises(UserError, match=r"train_user_data\.json: 'ispro' has 11 values and 'Pid' 12"):
        run(tables)


def test_files_of_another_release_are_named(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_text.json"] = [{**r, "Uid": "x" + r["Uid"]} for r in tables["train_text.json"]]
    with pytest.raises(UserError, match=r"train_text\.json: none of its \(Uid, Pid\)"):
        run(tables)


@pytest.mark.parametrize("name", ["train_label.txt", "train_img_filepath.txt"])
def test_a_missing_file_is_named(run, make_smpd_tables, name):
    tables = make_smpd_tables(12, 3)
    del tables[name]
    with pytest.raises(UserError, match=rf"{name}: no such file"):
        run(tables)


def test_without_a_table_its_columns_are_missing_and_the_audit_says_so(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    del tables["train_additional_information.json"]
    frame, audit = run(tables)
    assert "is_public" not in frame
    assert "is_public (train_additional_information.json is missing)" in audit["left_out"]


def test_bad_labels_are_dropped_and_named(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_label.txt"][2:4] = ["NaN", "high"]
    frame, audit = run(tables)
    assert len(frame) == 10
    assert audit["dropped"] == {"no usable target": 2}


def test_another_prefix_and_folder_of_images(smpd_folder, tmp_path):
    folder = smpd_folder(n=6, users=2, images=False)
    for file in list(folder.iterdir()):
        file.rename(folder / file.name.replace("train_", "test_"))
    reader = Smpd(path=str(folder), prefix="test", images="pictures")
    assert len(reader.read(["score"]).posts) == 6
    assert reader.image_root == folder / "pictures"


def test_drafts_need_no_labels(smpd_folder):
    folder = smpd_folder(n=6, users=2, images=False)
    (folder / "train_label.txt").unlink()
    assert "score" not in Smpd(path=str(folder)).read(None).posts


def by_row(table):
    return {name: {str(i): value for i, value in enumerate(column)} for name, column in table.items()}


@pytest.mark.parametrize(
    "shape",
    [
        by_row,
        lambda table: {str(i): record for i, record in enumerate(as_records(table))},
        lambda table: {"columns": list(table), "index": [], "data": [list(r.values()) for r in as_records(table)]},
        lambda table: {"schema": {"fields": []}, "data": as_records(table)},
    ],
)
def test_tables_in_every_shape_of_pandas_are_the_same(run, make_smpd_tables, shape):
    expected, _ = run()
    tables = make_smpd_tables(12, 3)
    for name, table in tables.items():
        if name.endswith(".json"):
            tables[name] = shape(table if isinstance(table, dict) else as_lists(table))
    assert run(tables)[0].equals(expected)


def test_the_names_of_other_releases(run, make_smpd_tables, tmp_path):
    expected, _ = run()
    shutil.rmtree(tmp_path / "raw")
    tables = make_smpd_tables(12, 3)
    user = tables.pop("train_user_data.json")
    user["timezone_id"] = user.pop("timezone_timezone_id")
    paths = tables.pop("train_img_filepath.txt")
    other = {
        "train_userdata.json": by_row(user),
        "train_tags.json": tables.pop("train_text.json"),
        "train_additional.json": tables.pop("train_additional_information.json"),
        "train_img_path.txt": [path.removesuffix(".jpg") for path in paths],
    }
    frame, audit = run({**tables, **other})
    assert frame[expected.columns].equals(expected)
    assert audit["left_out"] == []
    assert audit["file"] == "train_img_path.txt"
    other["train_img.txt"] = other.pop("train_img_path.txt")
    (tmp_path / "raw/train_img_path.txt").unlink()
    assert run({**tables, **other})[0].equals(frame)


def test_every_field_that_is_not_taken_is_named(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_user_data.json"]["followers_crawled"] = list(range(12))
    tables["train_text.json"] = [{**record, "Lang": "en"} for record in tables["train_text.json"]]
    tables["train_user_more.json"] = {"Uid": tables["train_user_data.json"]["Uid"], "n1": [1] * 12}
    tables["train_notes.json"] = {"by": "somebody"}
    _, audit = run(tables)
    assert audit["left_out"] == [
        "Lang (train_text.json)",
        "followers_crawled (train_user_data.json)",
        "train_notes.json (no table with a field Uid)",
        "n1 (train_user_more.json)",
    ]


CRAWLED = ["followers", "following", "user_views", "user_tags", "user_faves", "user_groups"]
NAMES = ["Followers", "Following", "Views", "Tags", "Faves", "InGroups"]


def crawled(names=NAMES):
    """Numbers of three users, as a row a user."""
    return [{"Uid": f"{u}@N0{u}", **{n: str(10 * u + i) for i, n in enumerate(names)}} for u in range(3)]


def a_row_a_post(records):
    return [{**records[i % 3], "Pid": str(100 + i // 3)} for i in range(12)]


def without_users(records):
    return [{name: value for name, value in one.items() if name not in ("Uid", "Pid")} for one in records]


def under_users(records):
    return {one["Uid"]: rest for one, rest in zip(records, without_users(records), strict=True)}


def by_user_and_column(records):
    return {n: {uid: record[n] for uid, record in under_users(records).items()} for n in NAMES}


@pytest.mark.parametrize(
    "shape",
    [
        lambda r: r,
        as_lists,
        lambda r: by_row(as_lists(r)),
        lambda r: a_row_a_post(r)[::-1],
        lambda r: as_lists(a_row_a_post(r)),
        under_users,
        by_user_and_column,
        lambda r: without_users(a_row_a_post(r)),
        lambda r: as_lists(without_users(a_row_a_post(r))),
    ],
)
def test_numbers_of_the_users_own_pages(run, make_smpd_tables, shape):
    tables = make_smpd_tables(12, 3)
    frame, audit = run({**tables, "train_user_additional.json": shape(crawled())})
    for i, column in enumerate(CRAWLED):
        assert frame[column].tolist() == [10.0 * (row % 3) + i for row in range(12)]
    assert frame["tags"].tolist() == [record["Alltags"] for record in tables["train_text.json"]]
    assert audit["left_out"] == []
    assert audit["tagged"] == {}


def test_names_of_flickrs_pages_and_what_is_not_taken(run, make_smpd_tables):
    names = ["followers", "following", "totalviews", "totaltags", "totalfaves", "totalingroup", "totalgeotags"]
    tables = {**make_smpd_tables(12, 3), "train_user_additional.json": crawled(names)}
    tables["train_text.json"] = [{**record, "Views": "7"} for record in tables["train_text.json"]]
    frame, audit = run(tables)
    assert frame.loc[1, CRAWLED].tolist() == [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
    assert audit["left_out"] == ["Views (train_text.json)", "totalgeotags (train_user_additional.json)"]


def test_users_without_a_page_have_no_numbers(run, make_smpd_tables):
    frame, audit = run({**make_smpd_tables(12, 3), "train_user_additional.json": under_users(crawled()[:2])})
    assert frame["user_views"].isna().tolist() == [False, False, True] * 4
    assert audit["tagged"] == {"train_user_additional.json: no row for this post": 4}


def test_rows_without_users_are_as_many_as_posts(run, make_smpd_tables):
    tables = make_smpd_tables(12, 3)
    tables["train_user_additional.json"] = without_users(a_row_a_post(crawled()))[:11]
    with pytest.raises(UserError, match=r"train_user_additional\.json: 11 rows without a field 'Uid', but 12 posts"):
        run(tables)


def test_halves_of_characters_in_a_table_are_mended(run, make_smpd_tables, smpd_folder, project):
    folder = smpd_folder(n=12, users=3, images=False)
    records = [
        {**r, "Title": "a\ud800", "\ud800": "x", "Pid": r["Pid"]} for r in make_smpd_tables(12, 3)["train_text.json"]
    ]
    (folder / "train_text.json").write_text(json.dumps(records))  # escaped, as JSON may be
    paths = project(dataset=SMPD)
    posts.main(paths)
    assert set(store.read_frame(paths.posts)["title"]) == {"a\ufffd"}
    assert store.read_json(paths.audit)["left_out"] == ["\ufffd (train_text.json)"]
