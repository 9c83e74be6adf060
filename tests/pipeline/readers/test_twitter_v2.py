"""Tweets of the API v2: responses and stream messages with includes, and single tweets."""

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from pipeline import posts
from pipeline.storage import store

START = datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)


def said(days):
    return (START + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def tweet(number, day=0.0, *, retweets=200, likes=300, keys=(), refers=(), **more):
    """A tweet by user `u<number>`; `refers` are `(type, id)`."""
    return {
        "id": number,
        "author_id": f"u{number}",
        "created_at": said(day),
        "text": "Ein Bild &gt; 1000 Worte",
        "edit_history_tweet_ids": [number],
        "public_metrics": {
            "retweet_count": retweets,
            "like_count": likes,
            "reply_count": 1,
            "quote_count": 2,
            "impression_count": 9000,
        },
        "entities": {"hashtags": [{"start": 0, "end": 4, "tag": "Bild"}]},
        **({"attachments": {"media_keys": list(keys)}} if keys else {}),
        **({"referenced_tweets": [{"type": kind, "id": i} for kind, i in refers]} if refers else {}),
        **more,
    }


def user(number, followers=700):
    metrics = {"followers_count": followers, "following_count": 30, "tweet_count": 9, "media_count": 55}
    return {"id": f"u{number}", "username": f"name{number}", "public_metrics": metrics}


def page(data, *, tweets=(), users=(), photos=(), media=(), **more):
    """A response; `photos` are media keys, `media` whole media objects."""
    media = [*({"media_key": key, "type": "photo", "url": "http://x"} for key in photos), *media]
    return {"data": data, "includes": {"tweets": list(tweets), "users": list(users), "media": media}, **more}


def write(folder, *lines, images=()):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "pages.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    for image in images:
        (folder / "images" / image).touch()


@pytest.fixture
def run(tmp_path, project):
    """`run(...)`: the posts stage on raw/; posts by id and the audit."""

    def stage(**keys):
        keys = {"targets": {"retweets": "max"}, "max_dropped": 1.0, **keys}
        paths = project(dataset={"reader": "twitter", **keys})
        posts.main(paths)
        frame, audit = store.read_frame(paths.posts), store.read_json(paths.audit)
        assert audit["read"] == len(frame) + sum(audit["dropped"].values()) + sum(audit["filtered"].values())
        return frame.set_index("post_id"), audit

    return stage


def links(tmp_path):
    frame = store.read_frame(tmp_path / "data/interactions.parquet")
    return sorted(zip(frame["user_id"], frame["post_id"], frame["at"], strict=True))


def test_a_response_with_everything_it_refers_to(tmp_path, run):
    data = [
        tweet("1", keys=["7_70", "3_71", "3_72"]),
        tweet("2", 9, refers=[("retweeted", "10")]),
        tweet("3", 9.5, refers=[("quoted", "11"), ("replied_to", "12")]),
    ]
    tweets = [tweet("10", keys=["3_80"]), tweet("11", keys=["3_81"]), tweet("12", 1, keys=["3_82"])]
    users = [user(n) for n in ("1", "2", "3", "10", "11")]
    video = {"media_key": "7_70", "type": "video"}
    photos = ["3_71", "3_72", "3_81", "3_82"]
    pages = page(data, tweets=tweets, users=users, photos=photos, media=[video], meta={"result_count": 3})
    write(tmp_path / "raw", pages, images=["3_71.jpg", "80.png"])
    frame, audit = run()
    assert list(frame.index) == ["1", "10", "11", "12"]
    row = frame.loc["10"]
    assert (row["user_id"], row["followers"], row["following"], row["user_photos"]) == ("u10", 700, 30, 55)
    assert (row["retweets"], row["likes"], row["tags"], row["text"]) == (200, 300, "Bild", "Ein Bild > 1000 Worte")
    assert (row["image"], frame.loc["1", "image"]) == ("images/80.png", "images/3_71.jpg")
    assert row["posted_at"] == pd.Timestamp(START)
    times = frame["collected_at"]
    assert pd.isna(times["1"])
    assert times["10"] == pd.Timestamp(START + timedelta(days=9))
    assert times["11"] == times["12"] == pd.Timestamp(START + timedelta(days=9.5))
    assert pd.isna(frame.loc["12", "followers"])
    assert audit["filtered"] == {"no photo": 1}
    assert links(tmp_path) == [("u2", "10", times["10"])]


def test_stream_messages_retweets_of_retweets_and_lost_originals(tmp_path, run):
    chain = [tweet("2", 8, refers=[("retweeted", "1")]), tweet("1", keys=["3_71"])]
    write(
        tmp_path / "raw",
        page(tweet("3", 9, refers=[("retweeted", "2")]), tweets=chain),
        page(tweet("4", 10, refers=[("retweeted", "99")])),
        page(tweet("5", 10, refers=[("retweeted", "1")]), tweets=[tweet("1", keys=["3_71"], retweets=150)]),
        page(tweet("6", 11, refers=[("retweeted", "7")]), tweets=[tweet("7", refers=[("retweeted", "6")])]),
        page(tweet("6", 11, refers=[("retweeted", "6")]), tweets=[tweet("6", refers=[("retweeted", "6")])]),
        page(tweet("8", 11, refers=[("quoted", "9")]), tweets=[tweet("9", keys=["3_7"], refers=[("retweeted", "1")])]),
    )
    frame, audit = run()
    assert frame["retweets"].to_dict() == {"1": 150}
    assert audit["filtered"] == {
        "retweet whose original is not there": 3,
        "no photo": 1,
        "seen again; the newest sighting counts": 1,
    }
    assert audit["tagged"]["retweets: fewer than at an earlier sighting"] == 1
    assert [(u, p) for u, p, _ in links(tmp_path)] == [("u2", "1"), ("u3", "1"), ("u5", "1")]


def test_deleted_media_keep_the_row_and_their_kind_is_in_the_key(tmp_path, run):
    data = [tweet("1", keys=["3_71"]), tweet("2", keys=["7_72"]), tweet("3", keys=["16_73"]), tweet("4", keys=["13_7"])]
    write(tmp_path / "raw", {"data": data, "errors": [{"title": "Not Found Error"}]})
    frame, audit = run()
    assert list(frame.index) == ["1"]
    assert audit["filtered"] == {"no photo": 3}
    assert audit["tagged"]["image: no file of that name in images/"] == 1


def test_a_tweet_a_line_as_flattening_tools_write_it(tmp_path, run):
    original = {**tweet("1", keys=["3_71"]), "type": "retweeted", "author": user("1", 800)}
    original["attachments"]["media"] = [{"media_key": "3_71", "type": "photo"}]
    twarc = {"__twarc": {"retrieved_at": said(20)}}
    write(
        tmp_path / "raw",
        {**tweet("2", 9), "referenced_tweets": [original], "author": user("2"), **twarc},
        {**tweet("3", 1, keys=["3_73"]), **twarc},
    )
    frame, _ = run()
    assert list(frame.index) == ["1", "3"]
    assert frame.loc["1", "followers"] == 800
    assert list(frame["collected_at"]) == [pd.Timestamp(START + timedelta(days=20))] * 2


def test_the_collectors_time_in_meta_or_beside_it(tmp_path, run):
    retweet = tweet("2", 9, refers=[("retweeted", "1")])
    original = tweet("1", keys=["3_71"])
    write(
        tmp_path / "raw",
        page([tweet("5", keys=["3_75"])], meta={"sent": said(30)}),
        page([retweet], tweets=[original], meta={"retrieved_at": said(40)}),
        page(retweet, tweets=[original], collected_at=said(50)),
    )
    frame, audit = run()
    assert [(t - pd.Timestamp(START)).days for t in frame["collected_at"]] == [30, 50]
    assert audit["filtered"] == {"seen again; the newest sighting counts": 1}


def test_long_tweets_and_bare_ones(tmp_path, run):
    long = tweet("1", keys=["3_71"], note_tweet={"text": "all of it", "entities": {"hashtags": [{"tag": "long"}]}})
    other = tweet("2", keys=["3_72"], note_tweet={"text": "all of it too"})
    bare = {"id": "1050118621198921728", "text": "only the default fields", "edit_history_tweet_ids": ["1"]}
    write(tmp_path / "raw", {"data": [long, other, {**bare, "attachments": {"media_keys": ["3_73"]}}, bare]})
    frame, audit = run()
    assert list(frame["text"]) == ["all of it", "all of it too"]
    assert list(frame["tags"]) == ["long", "Bild"]
    assert audit["dropped"] == {"no usable target": 1}


def test_views_can_be_a_target(tmp_path, run):
    write(tmp_path / "raw", page([tweet("1", keys=["3_71"])], photos=["3_71"]))
    frame, audit = run(targets={"views": "log2p1"})
    assert frame.loc["1", "views"] == 9000
    assert audit["left_out"] == ["replies", "quotes"]


def test_pages_without_tweets(tmp_path, run):
    write(
        tmp_path / "raw",
        {"meta": {"result_count": 0}},
        {"data": [], "meta": {"result_count": 0}},
        {"errors": [{"title": "ConnectionException"}]},
        {"data": [{"text": "no id"}, 5]},
        page([tweet("1", keys=["3_71"])]),
    )
    frame, audit = run()
    assert list(frame.index) == ["1"]
    assert audit["filtered"] == {"notice: empty page": 2, "notice: errors": 1}
    assert audit["dropped"] == {"tweet without id": 2}


@pytest.mark.parametrize(
    "junk", [None, 5, "x", [], {}, [None, 3, "x", {}, [], {"id": []}], {"media_keys": [3, None, []]}]
)
def test_parts_of_the_wrong_kind_never_break_the_reader(tmp_path, run, junk):
    keys = ["author_id", "created_at", "public_metrics", "entities", "attachments", "referenced_tweets", "note_tweet"]
    data = [{**tweet(f"1{i}", keys=["3_71"]), key: junk} for i, key in enumerate(keys)]
    pages = [{**page([tweet(f"2{i}")]), key: junk} for i, key in enumerate(["data", "includes", "meta", "errors"])]
    includes = {"data": [tweet("30", keys=["3_7"])], "includes": dict.fromkeys(["tweets", "users", "media"], junk)}
    write(tmp_path / "raw", {"data": data}, *pages, includes, page([tweet("1", keys=["3_71"])]))
    frame, _ = run()
    assert {"1", "30"} <= set(frame.index)
