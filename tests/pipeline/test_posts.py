import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import posts
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.readers.base import CANONICAL
from pipeline.readers.parts.clean import MAX_CHARACTERS
from pipeline.storage import store

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run(tmp_path, project):
    """Write posts.csv and run the stage on it; gives posts, audit and paths."""

    def run(content, name="posts.csv", **dataset):
        (tmp_path / "raw").mkdir(exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "raw" / name).write_bytes(data)
        paths = project(dataset={"max_dropped": 0.9, **dataset})
        posts.main(paths)
        return store.read_frame(paths.posts), store.read_json(paths.audit), paths

    return run


def test_a_clean_folder_comes_out_as_it_went_in(posts_folder, project, make_posts):
    posts_folder(n=20, images=False)
    paths = project()
    posts.main(paths)
    frame, audit = store.read_frame(paths.posts), store.read_json(paths.audit)
    expected = make_posts(20).drop(columns=["brightness", "image"])
    pd.testing.assert_frame_equal(frame[expected.columns], expected, check_dtype=False)
    assert audit["read"] == audit["kept"] == 20
    assert audit["dropped"] == audit["tagged"] == {}
    assert all(len(store.read_frame(path)) == 0 for path in (paths.interactions, paths.follows, paths.comments))
    assert store.columns_of(paths.interactions) == ["user_id", "post_id", "kind", "at"]


def test_kinds_have_their_types_even_where_all_is_missing(run):
    header = ",".join(CANONICAL) + ",likes"
    frame, _, paths = run(header + "\np" + "," * (len(CANONICAL) - 1) + ",3\n")
    types = {c: str(t) for c, t in zip(store.columns_of(paths.posts), frame.dtypes, strict=True)}
    assert types["posted_at"] == "datetime64[us, UTC]"
    assert types["is_pro"] == types["followers"] == types["latitude"] == "float64"
    assert frame["text"].isna().all()


def test_a_row_without_an_id_of_its_own_is_dropped(run):
    frame, audit, _ = run("post_id,likes\na,1\n,2\na,3\nb,4\n")
    assert frame["post_id"].tolist() == ["a", "b"]
    assert frame["likes"].tolist() == [1, 4]
    assert audit["dropped"] == {"post_id: missing": 1, "post_id: duplicate": 1}
    assert audit["examples"]["post_id: duplicate"] == [{"file": "posts.csv", "row": 4, "column": "post_id"}]


@pytest.mark.parametrize(
    ("value", "tag"),
    [("NaN", "missing"), ("", "missing"), ("-3", "negative"), ("many", "no number"), ("inf", "not finite")],
)
def test_a_row_without_a_usable_target_is_dropped_and_says_why(run, value, tag):
    frame, audit, _ = run(f"post_id,likes\na,1\nb,{value}\n")
    assert frame["post_id"].tolist() == ["a"]
    assert audit["dropped"] == {"no usable target": 1}
    assert audit["tagged"] == {f"likes: {tag}": 1}
    assert audit["examples"][f"likes: {tag}"] == [{"file": "posts.csv", "row": 3, "column": "likes"}]


def test_one_usable_target_of_two_keeps_the_row(run):
    frame, audit, _ = run(
        "post_id,likes,views\na,-1,5\nb,2,x\nc,x,x\n", targets={"likes": "log2p1", "views": "identity"}
    )
    assert frame["post_id"].tolist() == ["a", "b"]
    assert np.isnan(frame["likes"][0])
    assert audit["dropped"] == {"no usable target": 1}


def test_a_negative_score_is_a_score(run):
    frame, audit, _ = run("post_id,score\na,-1.5\n", targets={"score": "identity"})
    assert frame["score"].tolist() == [-1.5]
    assert audit["tagged"] == {}


def test_bad_times_are_emptied_and_their_rows_kept(run):
    rows = [
        "a,1,2021-01-01T00:00:00Z,2021-02-01T00:00:00Z",
        "b,1,soon,2021-02-01T00:00:00Z",
        "c,1,2021-03-01T00:00:00Z,2021-02-01T00:00:00Z",
        "d,1,2999-01-01T00:00:00Z,",
        "e,1,1969-01-01T00:00:00Z,",
        "f,1,2021-01-01T01:00:00,2021-02-01T00:00:00Z",
        "g,1,2021-01-01T01:00:00+05:00,2021-02-01T00:00:00Z",
    ]
    frame, audit, _ = run("post_id,likes,posted_at,collected_at\n" + "\n".join(rows))
    assert frame["post_id"].tolist() == list("abcdefg")
    assert frame["posted_at"].isna().tolist() == [False, True, True, True, True, False, False]
    assert frame["posted_at"][6].isoformat() == "2020-12-31T20:00:00+00:00"
    assert audit["tagged"] == {
        "posted_at: no time (expected ISO 8601 or seconds since 1970)": 1,
        "posted_at: no zone, read as UTC": 1,
        "posted_at: before 1970": 1,
        "posted_at: in the future": 1,
        "posted_at: after collected_at": 1,
    }


def test_a_target_per_day_needs_time_between_posting_and_collection(run):
    rows = "a,1,2021-01-01,2021-01-08\nb,1,,2021-01-08\nc,1,2021-01-08,2021-01-08\n"
    frame, audit, _ = run("post_id,likes,posted_at,collected_at\n" + rows, targets={"likes": "log2_per_day_plus_one"})
    assert frame["post_id"].tolist() == ["a"]
    assert audit["dropped"] == {"no usable target": 2}
    with pytest.raises(UserError, match="no column 'collected_at'"):
        run("post_id,likes,posted_at\na,1,2021-01-01\n", targets={"likes": "log2_per_day"})


def test_texts_of_all_kinds_pass(run):
    texts = ["", "😍👩‍👩‍👧", "مرحبا", "x" * 1_000_000, "two\nlines"]
    frame, audit, _ = run("post_id,likes,text\n" + "".join(f'p{i},1,"{t}"\n' for i, t in enumerate(texts)))
    assert len(frame) == 5
    assert frame["text"].isna().tolist() == [True, False, False, False, False]
    assert frame["text"].tolist()[1:3] == texts[1:3]
    assert len(frame["text"][3]) == MAX_CHARACTERS
    assert audit["tagged"] == {f"text: cut at {MAX_CHARACTERS} characters": 1}


def test_a_constant_target_and_one_user_pass(run):
    frame, _, _ = run("post_id,user_id,likes\n" + "".join(f"p{i},u,5\n" for i in range(9)))
    assert frame["likes"].tolist() == [5.0] * 9


def test_every_row_is_accounted_for(run):
    _, audit, _ = run('post_id,likes\na,1\na,2\n,3\nb,x\nc\nd,4\ne,"5')
    assert audit["read"] == audit["kept"] + sum(audit["dropped"].values()) == 7
    assert audit["kept"] == 2


def test_too_many_dropped_rows_stop_the_stage_and_name_the_reasons(run, tmp_path):
    content = "post_id,likes\n" + "".join(f"p{i},1\n" for i in range(8)) + "p0,1\nq,x\nr,x\n"
    assert len(run(content, max_dropped=0.3)[0]) == 8
    for path in (tmp_path / "data").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"3 of 11 rows dropped.*0\.2.*no usable target \(2, first: posts\.csv, row 11"):
        run(content, max_dropped=0.2)
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("post_id,likes\n", "no rows"),
        ("", "no rows"),
        ("post_id,likes\na,x\n", "none is left"),
        ("id,likes\na,1\n", r"no column 'post_id' \(found: likes, id\)"),
        ("post_id,stars\na,1\n", "no column 'likes'"),
    ],
)
def test_nothing_to_work_with_is_one_clear_line(run, content, message):
    with pytest.raises(UserError, match=message):
        run(content, max_dropped=1.0)


def test_links_keep_whole_rows_about_posts_that_stay(run, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/interactions.csv").write_text(
        "user_id,post_id,kind,at\nu,a,like,2021-01-01\nu,a,like,2021-01-01\nu,gone,like,2021-01-01\n,a,like,\n"
    )
    (tmp_path / "raw/follows.csv").write_text("follower_id,followee_id\nu,v\nu,\n")
    _, audit, paths = run("post_id,likes\na,1\n")
    assert store.read_frame(paths.interactions)["user_id"].tolist() == ["u"]
    assert str(store.read_frame(paths.interactions)["at"].dtype) == "datetime64[us, UTC]"
    interactions, follows = audit["interactions"], audit["follows"]
    assert (interactions["read"], interactions["kept"]) == (4, 1)
    assert interactions["dropped"] == {"user_id: missing": 1, "post_id: no such post": 1, "stands there twice": 1}
    assert interactions["examples"]["post_id: no such post"] == [
        {"file": "interactions.csv", "row": 4, "column": "post_id"}
    ]
    assert (follows["read"], follows["kept"]) == (2, 1)
    assert follows["dropped"] == {"followee_id: missing": 1}
    assert follows["tagged"] == {"followee_id: no post and no interaction is theirs": 1}


def test_times_of_links_that_cannot_be_are_emptied_and_counted(run, tmp_path):
    (tmp_path / "raw").mkdir()
    times = ["2021-03-05", "2021-03-01", "2021-02-27", "2999-01-01", "1969-01-01", "soon", ""]
    rows = [f"u{i},a,{at}\n" for i, at in enumerate(times)]
    (tmp_path / "raw/interactions.csv").write_text("user_id,post_id,at\n" + "".join(rows))
    _, audit, paths = run("post_id,likes,posted_at\na,1,2021-03-01T18:00:00Z\n")
    frame = store.read_frame(paths.interactions)
    assert frame["at"][:2].astype(str).tolist() == ["2021-03-05 00:00:00+00:00", "2021-03-01 18:00:00+00:00"]
    assert frame["at"][2:].isna().all()
    assert audit["interactions"]["kept"] == 7
    assert audit["interactions"]["tagged"] == {
        "at: no time (expected ISO 8601 or seconds since 1970)": 1,
        "at: missing": 2,
        "at: before the post": 2,
        "at: before 1970": 1,
        "at: in the future": 1,
        "at: less than a day before the post, taken as its time": 1,
    }


def test_comments_are_about_posts_that_stay_and_say_something(run, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/comments.jsonl").write_text(
        '{"post_id": "a", "user_id": "u", "at": "2021-01-02", "text": "Nice!"}\n'
        '{"post_id": "a", "text": "Who are you?"}\n{"post_id": "a", "text": ""}\n{"post_id": "b", "text": "x"}\n{torn\n'
    )
    _, audit, paths = run("post_id,likes\na,1\n")
    frame = store.read_frame(paths.comments)
    assert list(frame) == ["post_id", "user_id", "at", "text"]
    assert frame["text"].tolist() == ["Nice!", "Who are you?"]
    assert frame["at"].isna().tolist() == [False, True]
    assert audit["comments"]["dropped"] == {"torn row": 1, "text: missing": 1, "post_id: no such post": 1}
    assert audit["comments"]["read"] == 5


def test_nobody_follows_themselves(run, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/follows.csv").write_text("follower_id,followee_id\nu,u\nu,v\nu,v\n")
    _, audit, paths = run("post_id,likes,user_id\na,1,v\n")
    assert store.read_frame(paths.follows).to_numpy().tolist() == [["u", "v"]]
    assert audit["follows"]["dropped"] == {"follows themselves": 1, "stands there twice": 1}
    assert audit["follows"]["tagged"] == {}


def test_permuted_rows_give_permuted_posts(run):
    rows = [f"p{i},{i},u{i % 3},2021-01-0{i + 1}T00:00:00Z" for i in range(9)]
    header = "post_id,likes,user_id,posted_at\n"
    one, _, _ = run(header + "\n".join(rows))
    other, _, _ = run(header + "\n".join(reversed(rows)))
    pd.testing.assert_frame_equal(other.iloc[::-1].reset_index(drop=True), one)


def test_drafts_go_through_the_same_cleaning(posts_folder, make_params, tmp_path):
    folder = posts_folder(n=4, images=False)
    drafts = tmp_path / "mine" / "drafts.csv"
    drafts.parent.mkdir()
    drafts.write_text("words,followers,image,posted_at\nhello 😍,12,a.jpg,2999-01-01\n,many,b.jpg,\n")
    section = {**make_params()["dataset"], "path": str(folder), "columns": {"text": "words"}}
    section = params.of({**make_params(), "dataset": section}).dataset
    frame, image_root, audit, named = posts.read_drafts(section, drafts)
    assert image_root == drafts.parent
    assert not named.any()
    assert frame["post_id"].tolist() == ["2", "3"]
    assert frame["text"].tolist()[0] == "hello 😍"
    assert frame["posted_at"][0].year == 2999  # a draft may plan its hour
    assert audit.tagged == {"followers: no number": 1}
    assert "likes" not in frame


def test_drafts_and_published_posts_have_the_same_types(posts_folder, make_params, project):
    folder = posts_folder(n=6, images=False, drop=["likes"])
    drafts, *_ = posts.read_drafts(params.of(make_params()).dataset, folder / "posts.csv")
    posts_folder(n=6, images=False)
    paths = project()
    posts.main(paths)
    published = store.read_frame(paths.posts).drop(columns="likes")
    pd.testing.assert_frame_equal(drafts, published)


def test_drafts_without_rows_are_named(make_params, tmp_path):
    (tmp_path / "drafts.csv").write_text("post_id,text\n")
    with pytest.raises(UserError, match=r"drafts\.csv: no rows"):
        posts.read_drafts(params.of(make_params()).dataset, tmp_path / "drafts.csv")


@pytest.mark.slow
def test_the_command_ends_in_one_line_and_a_status(tmp_path, project):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/posts.csv").write_bytes(b"post_id,likes\n\xff\xfe,many\n")
    project()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.posts"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: posts.csv: column 'likes': of its 1 values none")
    left = [path.relative_to(tmp_path).parts[:3] for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert set(left) <= {("data", "cache", "locks")}


def test_the_audit_is_plain_json(run):
    _, _, paths = run("post_id,likes,other\na,1,x\n")
    audit = json.loads(paths.audit.read_text())
    assert audit["left_out"] == ["other"]
    assert audit["columns"] == {"post_id": 1, "likes": 1}


def test_draw_keeps_so_many_by_chance_whatever_the_order(run):
    rows = [f"p{i},{i}" for i in range(40)]
    frame, audit, _ = run("post_id,likes\n" + "\n".join(rows) + "\n", draw=10)
    again, _, _ = run("post_id,likes\n" + "\n".join(rows[::-1]) + "\n", draw=10)
    assert len(frame) == 10
    assert set(frame["post_id"]) == set(again["post_id"]) != {f"p{i}" for i in range(10)}
    assert audit["filtered"] == {"not drawn (dataset.draw)": 30}
    assert audit["kept"] == 10


@pytest.mark.parametrize("draw", [0, -3])
def test_a_draw_of_nothing_is_refused(run, draw):
    with pytest.raises(UserError, match=r"dataset\.draw"):
        run("post_id,likes\na,1\n", draw=draw)


def test_one_time_of_collection_for_all_posts(run):
    content = "post_id,posted_at,likes\na,2024-01-01T00:00:00Z,1\nb,2024-01-03T00:00:00Z,2\n"
    frame, audit, _ = run(content, collected_at="2024-01-05T00:00:00Z")
    assert (frame["collected_at"] - frame["posted_at"]).dt.days.tolist() == [4, 2]
    assert audit["tagged"] == {}
    with pytest.raises(UserError, match="has that column already"):
        run(content.replace("posted_at", "collected_at"), collected_at="2024-01-05")


def test_a_time_of_collection_that_is_none_is_said(run):
    with pytest.raises(UserError, match=r"column 'collected_at': of its 1 values none is left \(no time .*'yesterday'"):
        run("post_id,likes\na,1\n", collected_at="yesterday")


def test_the_most_popular_posts_are_read_and_stay(run):
    rows = [f'p{i},"{i * 617:,}","{i * 1234:,}"' for i in range(1, 20)]
    frame, audit, _ = run("post_id,likes,followers\n" + "\n".join(rows) + "\n", max_dropped=0.0)
    assert frame["likes"].tolist() == [i * 617 for i in range(1, 20)]
    assert frame["followers"].tolist() == [i * 1234 for i in range(1, 20)]
    assert audit["tagged"] == audit["dropped"] == {}


def test_a_column_that_loses_all_its_values_stops_the_stage(run, tmp_path):
    content = "post_id,likes,followers,posted_at\na,1,n.v.,5/6/2024\nb,2,viele,6/5/2024\nc,3,,\n"
    with pytest.raises(
        UserError, match=r"column 'posted_at': of its 2 .*\(day or month first\? set dataset.time_format"
    ):
        run(content, leave_out=["followers"])
    with pytest.raises(UserError, match=r"'followers': of its 2 .*no number: 2, first: posts\.csv, row 2.*'n\.v\.'\)"):
        run(content, time_format="%d/%m/%Y")
    assert not (tmp_path / "data").exists()
    frame, audit, _ = run(content, leave_out=["followers"], time_format="%d/%m/%Y", time_zone="Europe/Berlin")
    assert frame["posted_at"][0].isoformat() == "2024-06-04T22:00:00+00:00"
    assert audit["left_out"] == ["followers (dataset.leave_out)"]


def test_what_a_target_is_made_of_cannot_be_left_out(run):
    with pytest.raises(UserError, match=r"dataset\.leave_out: 'likes' is needed"):
        run("post_id,likes\na,1\n", leave_out=["likes"])


@pytest.mark.parametrize(("large", "stops"), [(True, True), (False, False)])
def test_losses_that_size_decides_stop_the_stage(run, large, stops):
    lost = [f"p{i},{9000 + i if large else 10 + i}+" for i in range(8)]
    content = "post_id,likes\n" + "\n".join([f"q{i},{i}" for i in range(30)] + lost) + "\n"
    if stops:
        with pytest.raises(UserError, match=r"targets\.likes: 8 values are no number and larger .*row 32, '9000\+'\)"):
            run(content)
    else:
        assert len(run(content)[0]) == 30


def test_dates_among_counts_are_no_large_counts(run):
    rows = [*(f"q{i},{i}" for i in range(30)), *(f"p{i},2024-05-0{i}" for i in range(1, 5))]
    assert len(run("post_id,likes\n" + "\n".join(rows))[0]) == 30


def test_drafts_lose_no_row(make_params, tmp_path):
    drafts = tmp_path / "drafts.csv"
    drafts.write_text('post_id,text,likes\na,one,\n,two,\na,three,\ntorn\n"open,x\n7.0,last,many\n')
    frame, _, audit, named = posts.read_drafts(params.of(make_params()).dataset, drafts)
    assert frame["post_id"].tolist() == ["a", "3", "a", "5", "6", "7"]
    assert named.tolist() == [True, False, True, False, False, True]
    assert frame["text"].fillna("-").tolist() == ["one", "two", "three", "-", "-", "last"]
    assert audit.read == audit.kept == 6
    assert audit.tagged["torn row"] == 2
    assert audit.tagged["post_id: missing, the row number serves"] == 3


def test_links_know_the_same_users_and_posts_however_they_are_spelled(run, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/interactions.json").write_text(
        '[{"user_id": 7.0, "post_id": 1, "kind": "like", "at": 1704067200}]'
    )
    _, audit, paths = run("post_id,likes,user_id\n1.0,5,7\n")
    links = store.read_frame(paths.interactions)
    assert links[["user_id", "post_id"]].values.tolist() == [["7", "1"]]
    assert links["at"][0].year == 2024
    assert audit["interactions"]["read"] == audit["interactions"]["kept"] == 1


def test_halves_of_characters_pass_every_part_of_the_audit(run):
    content = '{"post_id": "a\\ud800", "likes": 1, "text": "\\udc00", "tags": ["\\ud83d"], "x\\udfff": 2}\n'
    content += '{"post_id": "b", "likes": "\\ud800", "image": "\\ud800.jpg", "posted_at": "\\ud800"}\n'
    content += '{"post_id": "c", "likes": 2, "posted_at": "2024-01-01", "user_id": "\\ud800"}\n'
    frame, audit, _ = run(content, name="posts.jsonl")
    assert frame["post_id"].tolist() == ["a\ufffd", "c"]
    assert audit["left_out"] == ["x\ufffd"]
