"""Flickr179K in its files as released: pseudonyms in train_data.txt, real addresses in train_url.txt."""

import json

import pandas as pd
import pytest

from features.words import Words
from pipeline import plan, posts
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.readers.flickr import _TOKENIZER, Flickr
from pipeline.readers.parts import flickr_lines
from pipeline.storage import store

USERS = ["7626362@N07", "7690920@N06", "24815508@N02"]
PSEUDONYMS = ["25@N92", "275@N38", "306@N63"]


def rows(n=12):
    """The posts of three users, oldest first."""
    return [
        {
            "url": f"https://www.flickr.com/photos/{USERS[i % 3]}/{90000 + i}",
            "title": f"Boats {'x' * i}",
            "desc": f"Seen on day {i}, early in the morning",
            "label": f"{i / 4:.2f}",
            "data": [400 + i, PSEUDONYMS[i % 3], 1363380669 + i, i, i % 2, 6 + i, 30, 14, 103.46, 542, 3841],
        }
        for i in range(n)
    ]


def write(folder, found, *, texts=None, **files):
    """The released files; `texts` are the posts of data.json, `files` replace contents by name."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = found if texts is None else texts
    keys = ("url", "title", "desc")
    contents = {
        "data.json": [json.dumps({**{k: r[k] for k in keys}, "img_url": "x", "img_name": "y"}) for r in texts],
        "train_url.txt": [r["url"] for r in found],
        "train_label.txt": [r["label"] for r in found],
        "train_data.txt": [" ".join(map(str, r["data"])) for r in found],
        **{name.replace("__", "."): lines for name, lines in files.items()},
    }
    for name, lines in contents.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path, project):
    """`run(...)`: the posts stage on raw/; posts and the audit."""

    def stage(**keys):
        keys = {"targets": {"score": "identity"}, "max_dropped": 1.0, **keys}
        paths = project(dataset={"reader": "flickr", **keys})
        posts.main(paths)
        frame, audit = store.read_frame(paths.posts), store.read_json(paths.audit)
        assert audit["kept"] == len(frame)
        assert audit["read"] == len(frame) + sum(audit["dropped"].values()) + sum(audit["filtered"].values())
        return frame.set_index("post_id"), audit

    return stage


def test_the_files_as_released(tmp_path, run):
    found = rows()
    write(tmp_path / "raw", found, TimeZone__txt=["25@N92 +08:00", "275@N38 -03:30", "", "what"])
    frame, audit = run(max_dropped=0.0)
    assert len(frame) == 12
    row = frame.loc["90004"]
    assert (row["user_id"], row["score"], row["title"]) == (USERS[1], 1.0, "Boats xxxx")
    assert row["text"] == "Seen on day 4, early in the morning"
    assert row["image"] == f"img/train/{USERS[1]}/90004.jpg"
    assert row["posted_at"] == pd.Timestamp(1363380673, unit="s", tz="UTC")
    zones = frame["timezone_offset"]
    assert (zones["90000"], zones["90001"], pd.isna(zones["90002"])) == (8.0, -3.5, True)
    assert audit["tagged"] == {"TimeZone.txt: no `uid zone`": 1}
    assert "comment_count" in audit["left_out"]
    assert not {*flickr_lines.AFTER, *flickr_lines.BEFORE} & set(frame.columns)


def test_posts_are_joined_by_url_whatever_the_order_of_data_json(tmp_path, run):
    found = rows()
    other = [{**r, "url": r["url"].replace("https", "http") + "/"} for r in found[7:1:-1]]
    write(tmp_path / "raw", found, texts=other)
    frame, audit = run(max_dropped=0.0)
    assert list(frame.index) == [str(90000 + i) for i in range(7, 1, -1)]
    assert list(frame["score"]) == [i / 4 for i in range(7, 1, -1)]
    assert audit["filtered"] == {"no title and text in data.json": 6}
    assert audit["read"] == 12


def test_files_shifted_against_each_other_do_not_pass(tmp_path, run):
    found = [r for i, r in enumerate(rows(80)) if i * i % 11 < 5]  # users in no regular turn
    data = [" ".join(map(str, r["data"])) for r in found]
    write(tmp_path / "raw", found, train_data__txt=data[1:] + data[:1])
    with pytest.raises(UserError, match="another user or post than the url's"):
        run(max_dropped=0.2, check_titles=False)


def test_lines_of_one_user_shifted_are_seen_by_their_titles(tmp_path, run):
    found = rows(30)[::3]
    data = [" ".join(map(str, r["data"])) for r in found]
    write(tmp_path / "raw", found, train_data__txt=data[1:] + data[:1])
    with pytest.raises(UserError, match=r"row 1: 10 of 10 titles are not as long as train_data\.txt says"):
        run()
    frame, audit = run(check_titles=False)
    assert audit["tagged"]["title: not as long as train_data.txt says"] == len(frame) == 10
    write(tmp_path / "raw", found, train_data__txt=[*data[:8], data[9], data[8]])
    _, audit = run()
    assert audit["tagged"]["title: not as long as train_data.txt says"] == 2


def test_single_lines_of_another_user_are_dropped(tmp_path, run):
    found = rows()
    found[5]["data"][1] = PSEUDONYMS[0]
    found[6]["data"][1] = "unknown@N1"
    write(tmp_path / "raw", found)
    frame, audit = run()
    assert not {"90005", "90006"} & set(frame.index)
    assert audit["dropped"] == {"train_data.txt: another user or post than the url's": 2}
    assert audit["examples"]["train_data.txt: another user or post than the url's"][0] == {
        "file": "data.json",
        "row": 6,
        "column": "url",
    }


def test_where_the_ids_are_the_same_they_must_agree(tmp_path, run):
    found = rows()
    for r in found:
        r["data"][:2] = r["url"].split("/")[:-3:-1]
    found[3]["data"][0], found[6]["data"][0] = found[6]["data"][0], found[3]["data"][0]  # of one user
    write(tmp_path / "raw", found)
    frame, audit = run()
    assert set(range(90000, 90012)) - set(map(int, frame.index)) == {90003, 90006}
    assert audit["dropped"] == {"train_data.txt: another user or post than the url's": 2}


def test_missing_and_repeated_urls_are_counted(tmp_path, run):
    found = rows()
    texts = [*found, found[2], {**found[0], "url": None}, {**found[0], "url": "https://x/photos/9@N1/5"}]
    texts += [{**found[0], "url": "no address"}]
    lines = [{**found[11], "label": "9"}, {**found[11], "url": ""}, *found]
    write(tmp_path / "raw", lines, texts=texts)
    with (tmp_path / "raw/data.json").open("a") as file:
        file.write('{"url": "https://www.fl\n17\n')
    frame, audit = run()
    assert list(frame.index) == [str(90000 + i) for i in range(11)]
    assert audit["dropped"] == {
        "url: stands twice in data.json": 1,
        "url: missing, or no address of a photo": 3,
        "url: not in train_url.txt": 1,
        "url: stands twice in train_url.txt": 1,
        "train_url.txt: a second line for a url": 1,
        "train_url.txt: no address of a photo": 1,
        "broken line: no JSON": 1,
    }


@pytest.mark.parametrize("name", ["train_label.txt", "train_data.txt", "train_url.txt"])
def test_files_of_different_lengths_are_one_line(tmp_path, run, name):
    folder = write(tmp_path / "raw", rows())
    (folder / name).write_text((folder / name).read_text().split("\n", 1)[1])
    with pytest.raises(UserError, match=r"train_\w+\.txt: 1\d lines, but train_url\.txt has 1\d; .* incomplete\?"):
        run()
    assert not (tmp_path / "data/posts.parquet").exists()


@pytest.mark.parametrize("name", ["data.json", "train_label.txt", "train_data.txt", "train_url.txt"])
def test_a_missing_file_is_one_line(tmp_path, run, name):
    (write(tmp_path / "raw", rows()) / name).unlink()
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        run()


def test_headers_blank_ends_and_crlf_do_no_harm(tmp_path, run):
    found = rows()
    folder = write(tmp_path / "raw", found)
    heads = {"train_url.txt": "url", "train_label.txt": "popularityscore", "train_data.txt": "pid uid postdate …"}
    for name, head in heads.items():
        text = f"{head}\n{(folder / name).read_text()}\n\n".replace("\n", "\r\n")
        (folder / name).write_bytes(text.encode())
    frame, audit = run(max_dropped=0.0)
    assert len(frame) == 12
    assert frame.loc["90011", "score"] == 2.75
    assert not audit["tagged"]


def test_labels_and_numbers_that_are_none_are_counted(tmp_path, run):
    found = rows()
    found[1]["label"], found[2]["label"] = "high", "nan"
    found[3]["data"] = found[3]["data"][:-1]
    found[4]["data"][2] = "yesterday"
    write(tmp_path / "raw", found)
    frame, audit = run()
    assert audit["dropped"] == {"no usable target": 2, "train_data.txt: not 11 values": 1}
    assert audit["tagged"]["score: no number"] == 1
    assert audit["tagged"]["posted_at: no time (expected ISO 8601 or seconds since 1970)"] == 1
    assert pd.isna(frame.loc["90004", "posted_at"])


def test_the_released_form_of_the_text(tmp_path, run):
    found = rows()
    found[2]["title"], found[3]["desc"], found[4]["title"] = "Früh", "  spaced \n", None
    write(tmp_path / "raw", found)
    frame, audit = run(text_form="released")
    assert frame.loc["90000", "text"] == "Boats  #desc: Seen on day 0, early in the morning"
    assert frame.loc["90003", "text"] == "Boats xxx #desc: spaced"
    assert "title" not in frame
    assert audit["filtered"] == {"text_form released: not all ASCII": 1}
    _, audit = run(text_form="released", minimum_words=10)
    assert audit["filtered"] == {"text_form released: not all ASCII": 1, "fewer than 10 words": 4}


@pytest.mark.parametrize(
    ("form", "kept"), [("separate", ["90000", "90001", "90003"]), ("released", ["90002", "90003"])]
)
def test_posts_with_few_words_are_filtered_when_asked(tmp_path, run, form, kept):
    found = rows(4)
    cases = [("One two", "three 4 -- 5"), ("a b", "c d e"), ("My 12 34", "5x"), ("One two", "three four five")]
    for row, (title, desc) in zip(found, cases, strict=True):
        row["title"], row["desc"], row["data"][5] = title, desc, len(title)
    write(tmp_path / "raw", found)
    frame, audit = run(minimum_words=5, text_form=form, max_dropped=0.0)
    assert list(frame.index) == kept
    assert audit["filtered"] == {"fewer than 5 words": 4 - len(kept)}
    frame, _ = run(text_form=form)
    assert len(frame) == 4


TEXTS = ["IMG 1234 5678 91011 1213 1415", "don't see https://t.co/x @you &amp; me", "a b c d e", "Früh am See"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["separate", "released"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("count", range(1, 8))
def test_the_filter_counts_what_the_network_reads(tmp_path, run, form, text, count):
    found = rows(2)
    found[0]["title"], found[0]["desc"], found[1]["desc"] = "", text, "kept for it has so many words that it stays"
    write(tmp_path / "raw", found)
    frame, _ = run(minimum_words=count, text_form=form, check_titles=False, max_dropped=0.0)
    words = Words(minimum_count=1, columns=None if form == "separate" else ["text"], tokenizer=_TOKENIZER[form])
    unfiltered, _ = run(text_form=form, check_titles=False, max_dropped=0.0)
    own = unfiltered[unfiltered.index == "90000"]
    assert ("90000" in frame.index) is (len(own) > 0 and len(words.words(own)[0]) >= count)


def test_numbers_known_in_time_may_be_kept_and_others_may_not(tmp_path, run, project):
    write(tmp_path / "raw", rows())
    keys = {"extra_columns": ["tag_count", "group_count"], "targets": {"comment_count": "log2p1", "score": "identity"}}
    frame, _ = run(**keys)
    assert (frame.loc["90003", "tag_count"], frame.loc["90003", "comment_count"]) == (14, 3)
    paths = project(dataset={"reader": "flickr", **keys})
    known = plan.known_in_time(paths, params.load(paths.params).dataset, list(frame.columns))
    assert "tag_count" in known
    assert not {"comment_count", "score"} & set(known)
    for column in ("comment_count", "average_views"):
        with pytest.raises(UserError, match=f"dataset.extra_columns: '{column}' is known only after publication"):
            run(extra_columns=[column])
    with pytest.raises(UserError, match=r"'stars' is no column of train_data.txt; known: has_people"):
        run(extra_columns=["stars"])


def test_posts_not_published_yet_need_no_labels(tmp_path):
    (write(tmp_path / "raw", rows()) / "train_label.txt").unlink()
    raw = Flickr(path=str(tmp_path / "raw")).read(None)
    assert len(raw.posts) == 12
    assert "score" not in raw.posts


def test_a_path_that_is_no_folder_is_one_line(run):
    with pytest.raises(UserError, match=r"raw: no such folder; dataset\.path is the folder with data\.json"):
        run()


def test_fields_that_are_not_taken_are_named(tmp_path, run):
    folder = write(tmp_path / "raw", rows())
    lines = [json.loads(line) for line in (folder / "data.json").read_text().splitlines()]
    (folder / "data.json").write_text("".join(json.dumps({**line, "license": 4}) + "\n" for line in lines))
    assert "license (data.json)" in run()[1]["left_out"]


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table"])
def test_texts_that_went_through_a_frame_of_pandas(tmp_path, run, orient):
    folder = write(tmp_path / "raw", rows())
    expected, _ = run()
    pd.read_json(folder / "data.json", lines=True).to_json(tmp_path / "other.json", orient=orient)
    (tmp_path / "other.json").rename(folder / "data.json")
    frame, audit = run()
    assert frame.equals(expected)
    assert audit["read"] == audit["kept"] == 12
