"""Tweets of the API v1.1, and what the reader does with sightings, pictures and filters."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pipeline import posts
from pipeline.base.errors import UserError
from pipeline.base.sections import Dataset
from pipeline.readers import dataset
from pipeline.readers.twitter import Twitter
from pipeline.storage import store

START = datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)
TARGETS = {"retweets": "max", "likes": "max"}
PAPER = {
    "minimum_retweets": 100,
    "minimum_days": 7.0,
    "maximum_retweets": 10_000,
    "maximum_likes": 10_000,
    "maximum_followers": 100_000,
}


def said(days):
    """Twitter's own format, `days` after the start."""
    return (START + timedelta(days=days)).strftime("%a %b %d %H:%M:%S +0000 %Y")


def user(number, followers=500):
    return {"id": number, "id_str": str(number), "followers_count": followers, "friends_count": 40}


def media(number, kind="photo"):
    return {"id": number, "id_str": str(number), "type": kind, "media_url": f"http://x/{number}.jpg"}


def tweet(number, day=0.0, *, retweets=200, likes=300, photos=(), by=None, text="A cat &amp; a dog", **more):
    """A tweet of `user(1000 + number)`, with photos by media id."""
    shown = {"extended_entities": {"media": [media(p) for p in photos]}} if photos else {}
    return {
        "created_at": said(day),
        "id": number,
        "id_str": str(number),
        "text": text,
        "truncated": False,
        "entities": {"hashtags": [{"text": "Cat", "indices": [0, 4]}, {"text": "été"}]},
        **shown,
        "user": by or user(1000 + number),
        "retweet_count": retweets,
        "favorite_count": likes,
        **more,
    }


def retweet(number, day, original, **more):
    """A retweet, with the original's entities copied into it as the API does."""
    return tweet(
        number,
        day,
        text=f"RT @x: {original['text']}",
        retweets=original["retweet_count"],
        likes=0,
        retweeted_status=original,
        extended_entities=original.get("extended_entities", {}),
        **more,
    )


def write(folder, *lines, name="tweets.jsonl", images=()):
    """Tweets as JSON lines, and empty files for the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    data = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    for image in images:
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / image).touch()
    return folder


@pytest.fixture
def run(tmp_path, project):
    """`run(targets=..., max_dropped=..., filters)`: the posts stage on raw/; posts by id and the audit."""

    def stage(**keys):
        keys = {"targets": TARGETS, "max_dropped": 1.0, **keys}
        paths = project(dataset={"reader": "twitter", **keys})
        posts.main(paths)
        frame, audit = store.read_frame(paths.posts), store.read_json(paths.audit)
        assert audit["kept"] == len(frame)
        assert audit["read"] == len(frame) + sum(audit["dropped"].values()) + sum(audit["filtered"].values())
        return frame.set_index("post_id"), audit

    return stage


def test_a_retweet_is_traced_to_the_original(tmp_path, run):
    write(tmp_path / "raw", retweet(2, 10, tweet(1, photos=[71, 72]), by=user(9)), images=["71.jpg", "72.jpg"])
    frame, audit = run(**PAPER)
    assert list(frame.index) == ["1"]
    row = frame.loc["1"]
    assert row["posted_at"] == pd.Timestamp(START)
    assert row["collected_at"] == pd.Timestamp(START + timedelta(days=10))
    assert (row["user_id"], row["followers"], row["following"]) == ("1001", 500, 40)
    assert (row["retweets"], row["likes"]) == (200, 300)
    assert (row["text"], row["tags"], row["image"]) == ("A cat & a dog", "Cat été", "images/71.jpg")
    assert audit["read"] == 1
    links = store.read_frame(tmp_path / "data/interactions.parquet")
    assert links.values.tolist() == [["9", "1", "retweet", pd.Timestamp(START + timedelta(days=10))]]


def test_a_retweet_of_a_retweet_too_and_both_users_interact(tmp_path, run):
    inner = retweet(2, 8, tweet(1, photos=[71]), by=user(9))
    write(tmp_path / "raw", retweet(3, 9, inner, by=user(8)))
    frame, _ = run()
    assert list(frame.index) == ["1"]
    assert frame.loc["1", "collected_at"] == pd.Timestamp(START + timedelta(days=9))
    links = store.read_frame(tmp_path / "data/interactions.parquet")
    assert sorted(zip(links["user_id"], links["post_id"], strict=True)) == [("8", "1"), ("9", "1")]


def test_quoted_tweets_with_pictures_are_posts_of_their_own(tmp_path, run):
    quoted = tweet(1, photos=[71], quoted_status=tweet(5, -3, photos=[75]))
    quoting = tweet(2, 10, photos=[72], quoted_status=quoted, timestamp_ms=str(int(START.timestamp() * 1000)))
    write(tmp_path / "raw", quoting, tweet(3, 11, quoted_status=tweet(4, photos=[74])))
    repeated = retweet(8, 12, tweet(6, 11, quoted_status=tweet(7, photos=[77])), by=user(9))
    write(tmp_path / "raw", repeated, name="repeated.jsonl")
    frame, audit = run()
    assert sorted(frame.index) == ["1", "2", "4", "5", "7"]
    assert audit["filtered"] == {"no photo": 2}
    assert frame.loc["4", "collected_at"] == pd.Timestamp(START + timedelta(days=11))
    assert frame.loc["7", "collected_at"] == pd.Timestamp(START + timedelta(days=12))
    assert len(store.read_frame(tmp_path / "data/interactions.parquet")) == 0


def test_the_uncut_text_and_its_media_are_taken(tmp_path, run):
    long = {
        "full_text": "Long &lt;3 text",
        "entities": {"hashtags": [{"text": "whole"}]},
        "extended_entities": {"media": [media(78)]},
    }
    fetched = tweet(2, photos=[72], full_text="Fetched with tweet_mode=extended")
    del fetched["text"]
    still = tweet(3, entities={"media": [{**media(73), "expanded_url": "https://twitter.com/x/status/3/video/1"}]})
    video = tweet(4, extended_entities={"media": [media(74, "video")]}, entities={"media": [media(74)]})
    old = tweet(5, entities={"media": [media(75)]})
    write(
        tmp_path / "raw",
        tweet(1, photos=[71], extended_tweet=long),
        fetched,
        still,
        video,
        old,
        images=["75.png", "78.jpg"],
    )
    frame, audit = run()
    assert list(frame["text"]) == ["Long <3 text", "Fetched with tweet_mode=extended", "A cat & a dog"]
    assert (frame.loc["1", "tags"], frame.loc["1", "image"]) == ("whole", "images/78.jpg")
    assert frame.loc["5", "image"] == "images/75.png"
    assert audit["filtered"] == {"no photo": 2}


def test_pictures_are_found_by_media_id_or_key_and_may_be_missing(tmp_path, run):
    lines = [tweet(i, photos=[70 + i]) for i in range(1, 4)]
    write(tmp_path / "raw", *lines, images=["71.jpg", "71.webp", "3_72.png", "7.jpg"])
    frame, audit = run()
    assert [None if pd.isna(i) else i for i in frame["image"]] == ["images/71.jpg", "images/3_72.png", None]
    assert audit["tagged"]["image: no file of that name in images/"] == 1
    example = audit["examples"]["image: no file of that name in images/"]
    assert example == [{"file": "tweets.jsonl", "row": 3, "column": "image"}]


@pytest.mark.parametrize("order", [(8, 9, 12), (12, 8, 9), (9, 12, 8)])
def test_the_newest_sighting_wins_whatever_the_order_and_shrinking_counts_are_named(tmp_path, run, order):
    counts = {8: (150, 300), 9: (170, 310), 12: (160, 320)}
    for i, day in enumerate(order):
        seen = tweet(1, photos=[71], retweets=counts[day][0], likes=counts[day][1], by=user(1001, 500 + day))
        write(tmp_path / "raw", retweet(10 + day, day, seen), name=f"{i}.jsonl.gz")
    frame, audit = run(**PAPER)
    assert frame.loc["1", ["retweets", "likes", "followers"]].tolist() == [160, 320, 512]
    assert frame.loc["1", "collected_at"] == pd.Timestamp(START + timedelta(days=12))
    assert audit["filtered"] == {"seen again; the newest sighting counts": 2}
    assert audit["tagged"]["retweets: fewer than at an earlier sighting"] == 1
    where = audit["examples"]["retweets: fewer than at an earlier sighting"][0]
    assert where["file"] == f"{order.index(12)}.jsonl.gz"
    assert "likes: fewer than at an earlier sighting" not in audit["tagged"]
    assert len(store.read_frame(tmp_path / "data/interactions.parquet")) == 3


def test_a_newer_sighting_without_counts_user_or_picture_takes_nothing_away(tmp_path, run):
    poor = {"created_at": said(0), "id_str": "1", "text": "edited", "user": None}
    write(tmp_path / "raw", retweet(2, 8, tweet(1, photos=[71])), {**tweet(3, 20), "retweeted_status": poor})
    frame, _ = run()
    row = frame.loc["1"]
    assert (row["text"], row["user_id"], row["retweets"], row["tags"]) == ("edited", "1001", 200, "Cat été")
    assert row["collected_at"] == pd.Timestamp(START + timedelta(days=8))


@pytest.mark.parametrize(
    ("more", "day"),
    [
        ({"collected_at": "2018-11-09T20:19:24Z"}, 30),
        ({"retrieved_at": 1541794764}, 30),
        ({"__twarc": {"retrieved_at": "2018-11-09T21:19:24+01:00"}}, 30),
        ({"timestamp_ms": str(1539202764000 + 86_400_000)}, 1),
        ({"collected_at": said(30), "timestamp_ms": "1539202764000"}, 30),
    ],
)
def test_the_time_of_collection_is_the_collectors_before_the_streams(tmp_path, run, more, day):
    write(tmp_path / "raw", tweet(1, photos=[71], **more), {**retweet(3, 5, tweet(2, photos=[72])), **more})
    frame, _ = run()
    expected = pd.Timestamp(START + timedelta(days=day))
    assert list(frame["collected_at"]) == [expected, expected]


def test_a_tweet_alone_without_any_time_of_collection_has_none(tmp_path, run):
    write(tmp_path / "raw", tweet(1, photos=[71]), retweet(3, 9, tweet(2, photos=[72])))
    frame, audit = run()
    assert list(frame["collected_at"].isna()) == [True, False]
    assert audit["tagged"]["collected_at: no time of collection"] == 1
    frame, audit = run(minimum_days=7)
    assert list(frame.index) == ["2"]
    assert audit["filtered"] == {"minimum_days: not known": 1}
    assert "collected_at: no time of collection" not in audit["tagged"]


def test_each_filter_of_the_paper_is_counted_and_on_its_border(tmp_path, run):
    originals = [
        tweet(1, photos=[1], retweets=101),
        tweet(2, photos=[1], retweets=100),
        tweet(3, 3.001, photos=[1]),
        tweet(4, 3, photos=[1], retweets=10_000, likes=10_000, by=user(1, 100_000)),
        tweet(5, photos=[1], retweets=10_001, likes=20_000),
        tweet(6, photos=[1], likes=10_001),
        tweet(7, photos=[1], by=user(1, 100_001)),
        tweet(8, photos=[1], by={"id_str": "8"}),
    ]
    write(tmp_path / "raw", *(retweet(20 + i, 10, o) for i, o in enumerate(originals)))
    frame, audit = run(**PAPER, max_dropped=0.0)
    assert list(frame.index) == ["1", "4", "8"]
    assert audit["filtered"] == {
        "minimum_retweets 100": 1,
        "minimum_days 7": 1,
        "maximum_retweets 10000": 1,
        "maximum_likes 10000": 1,
        "maximum_followers 100000": 1,
    }
    frame, audit = run()
    assert len(frame) == 8
    assert not audit["filtered"]
    frame, audit = run(**{**PAPER, "maximum_retweets": None})
    assert audit["filtered"]["maximum_likes 10000"] == 2


def test_nothing_left_after_the_filters_is_one_line(tmp_path, run):
    write(tmp_path / "raw", retweet(2, 10, tweet(1, photos=[71], retweets=50)))
    with pytest.raises(UserError, match=r"1 of 1 rows dropped, none is left: minimum_retweets 100 \(1, first: tweets"):
        run(**PAPER)
    assert not (tmp_path / "data/posts.parquet").exists()


def test_missing_users_keep_their_tweets(tmp_path, run):
    gone = tweet(1, photos=[71])
    gone["user"] = None
    write(tmp_path / "raw", gone, tweet(2, photos=[72], by="suspended"), tweet(3, photos=[73]))
    frame, audit = run()
    assert list(frame["user_id"].isna()) == [True, True, False]
    assert audit["tagged"]["user: not there"] == 2


def test_what_is_no_tweet_is_counted_by_reason(tmp_path, run):
    notices = [
        {"delete": {"status": {"id": 1, "id_str": "1", "user_id": 3}, "timestamp_ms": "1539202764000"}},
        {"delete": {"status": {"id": 2, "id_str": "2", "user_id": 3}}},
        {"limit": {"track": 1234, "timestamp_ms": "1539202764000"}},
        {"scrub_geo": {"user_id": 14, "up_to_status_id": 23}},
        {"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
    ]
    damages = [
        7,
        '"text"',
        None,
        {"id": 5, "name": "a user"},
        {"text": "no id"},
        {**tweet(9), "id_str": None, "id": 1.5},
    ]
    torn = json.dumps(tweet(8))[:100]
    write(tmp_path / "raw", *notices, *damages, torn, tweet(1, photos=[71]))
    (tmp_path / "raw/empty.jsonl").touch()
    frame, audit = run()
    assert list(frame.index) == ["1"]
    assert audit["filtered"] == {"notice: delete": 2, "notice: limit": 1, "notice: scrub_geo": 1, "notice: errors": 1}
    assert audit["dropped"] == {"no tweet of the API in this line": 6, "broken line: no JSON": 1}
    assert audit["tagged"]["empty file"] == 1
    assert audit["examples"]["broken line: no JSON"] == [{"file": "tweets.jsonl", "row": 12, "column": None}]
    with pytest.raises(UserError, match=r"7 of 13 rows dropped, more than dataset.max_dropped 0.05"):
        run(max_dropped=0.05)


@pytest.mark.parametrize(
    "junk", [None, 5, "x", [], {}, [None, 3, "x", {}, []], {"media": 3}, {"media": [{"type": []}]}]
)
def test_parts_of_the_wrong_kind_never_break_the_reader(tmp_path, run, junk):
    keys = ["created_at", "text", "entities", "user", "retweet_count", "favorite_count", "extended_tweet"]
    keys += ["retweeted_status", "quoted_status", "timestamp_ms", "collected_at", "__twarc", "id_str", "data"]
    broken = [{**tweet(10 + i, photos=[71]), key: junk} for i, key in enumerate(keys)]
    media_too = {**tweet(50), "extended_entities": junk, "retweeted_status": {"user": junk, "id_str": "51"}}
    write(tmp_path / "raw", *broken, media_too, tweet(1, photos=[71]))
    frame, _ = run()
    assert "1" in frame.index
    assert frame.loc["1", "retweets"] == 200


def test_the_time_in_the_id_stands_in_for_created_at(tmp_path, run):
    number = 1050118621198921728  # 2018-10-10 20:19:24.007 UTC
    bare = tweet(number, photos=[71])
    del bare["created_at"]
    small = tweet(17, photos=[72])
    del small["created_at"]
    write(tmp_path / "raw", bare, small)
    frame, _ = run()
    assert abs(frame.loc[str(number), "posted_at"] - pd.Timestamp(START)) < pd.Timedelta(seconds=1)
    assert pd.isna(frame.loc["17", "posted_at"])


def test_wrong_values_are_named_with_the_file_they_came_from(tmp_path, run):
    write(tmp_path / "raw", tweet(1, photos=[71]), name="a.jsonl")
    write(tmp_path / "raw", tweet(2, photos=[72], retweets="many", likes=-3), name="sub.jsonl")
    frame, audit = run()
    assert list(frame.index) == ["1"]
    assert audit["examples"]["retweets: no number"] == [{"file": "sub.jsonl", "row": 1, "column": "retweets"}]
    assert audit["dropped"] == {"no usable target": 1}


def test_a_single_file_an_empty_folder_and_none(tmp_path, run):
    folder = write(tmp_path / "raw", tweet(1, photos=[71]), images=["71.jpg"])
    frame, _ = run(path="raw/tweets.jsonl")
    assert frame.loc["1", "image"] == "images/71.jpg"
    (folder / "tweets.jsonl").unlink()
    for path in ("raw", "nowhere"):
        with pytest.raises(UserError, match=rf"{path}: no files of tweets \(\*\.jsonl"):
            run(path=path)


def test_counts_beyond_the_two_are_there_when_asked_for(tmp_path, run):
    write(tmp_path / "raw", tweet(1, photos=[71], reply_count=4))
    frame, audit = run(targets={"replies": "log2p1"})
    assert frame.loc["1", "replies"] == 4
    assert audit["left_out"] == ["quotes", "views"]
    with pytest.raises(UserError, match="no column 'stars'"):
        run(targets={"stars": "log2p1"})


def test_posts_not_published_yet_need_no_counts_and_pass_no_filter(tmp_path):
    write(tmp_path / "raw", tweet(1, photos=[71], retweets=0))
    raw = Twitter(path=str(tmp_path / "raw"), **PAPER).read(None)
    assert raw.posts["post_id"].tolist() == ["1"]


@pytest.mark.parametrize("key", PAPER)
@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf")])
def test_a_limit_is_a_number_of_zero_or_more(key, limit):
    section = Dataset(reader="twitter", name="x", path="raw", targets={"likes": "max"}, keys={key: limit})
    with pytest.raises(UserError, match=rf"^dataset\.{key}: {limit} (is not int|cannot be; give)"):
        dataset.make(section, Path())


@pytest.mark.parametrize("most", [99, 100])
def test_a_minimum_above_its_maximum_is_refused(most):
    """The minimum itself is not kept, the maximum is."""
    with pytest.raises(UserError, match=f"minimum_retweets: 100 leaves no tweet, .* most maximum_retweets: {most}$"):
        Twitter(path="raw", minimum_retweets=100, maximum_retweets=most)


def test_limits_that_just_can_be(tmp_path, run):
    write(tmp_path / "raw", retweet(2, 10, tweet(1, photos=[1], retweets=1, likes=0, by=user(1, 0))))
    none = dict.fromkeys(("minimum_retweets", "minimum_days", "maximum_likes", "maximum_followers"), 0)
    assert list(run(**none, maximum_retweets=1)[0].index) == ["1"]


OTHERS = {
    "snscrape": {
        "_type": "snscrape.modules.twitter.Tweet",
        "id": 5,
        "rawContent": "A lake",
        "likeCount": 3,
        "user": {"id": 7, "followersCount": 9},
        "media": [{"_type": "snscrape.modules.twitter.Photo", "fullUrl": "https://pbs.twimg.com/media/x?format=jpg"}],
    },
    "twscrape": {
        "id": 5,
        "id_str": "5",
        "rawContent": "A lake",
        "user": {"id": 7},
        "media": {"photos": [{"url": "x"}]},
    },
    "a chat": {"id": "5", "content": "A lake", "author": {"id": "7"}, "attachments": [{"url": "x.jpg"}]},
    "Instagram": {"data": [{"id": "5", "caption": "A lake", "media_type": "IMAGE"}], "paging": {}},
    "Weibo": {"id": 5, "text": "A lake", "user": {"id": 7}, "truncated": False, "pic_ids": ["x"], "attitudes_count": 3},
    "Mastodon": {"id": "5", "content": "A lake", "account": {"id": "7"}, "media_attachments": [{"type": "image"}]},
}


@pytest.mark.parametrize("form", OTHERS)
def test_lines_of_another_platform_or_scraper_are_damages_and_no_tweets_without_a_photo(tmp_path, run, form):
    write(tmp_path / "raw", OTHERS[form], OTHERS[form], tweet(1, photos=[71]))
    frame, audit = run()
    assert list(frame.index) == ["1"]
    assert audit["filtered"] == {}
    assert audit["dropped"] == {"no tweet of the API in this line": 2}
    with pytest.raises(UserError, match=r"2 of 3 rows dropped, more than .* no tweet of the API"):
        run(max_dropped=0.05)


def test_an_archive_of_ones_own_account_is_read(tmp_path, run):
    data = tmp_path / "raw/data"
    own = [{k: v for k, v in tweet(i, photos=[70 + i], likes=str(i)).items() if k != "user"} for i in (1, 2)]
    text = json.dumps([{"tweet": one} for one in [*own, tweet(3)]], indent=2)
    (data / "tweets_media").mkdir(parents=True)
    (data / "tweets.js").write_text(f"window.YTD.tweets.part0 = {text}\n")
    (data / "account.js").write_text('window.YTD.account.part0 = [{"account": {"accountId": "9"}}]')
    (data / "tweets_media/1-AbC.jpg").touch()
    frame, audit = run()
    assert list(frame.index) == ["1", "2"]
    assert frame["likes"].tolist() == [1, 2]
    assert frame["image"].fillna("").tolist() == ["data/tweets_media/1-AbC.jpg", ""]
    assert frame["posted_at"].iloc[0] == START
    assert audit["filtered"] == {"no photo": 1}
    assert audit["dropped"] == {}


@pytest.mark.parametrize("orient", ["columns", "split", "table"])
def test_tweets_that_went_through_a_frame_of_pandas(tmp_path, run, orient):
    lines = [tweet(i, photos=[70 + i], likes=i) for i in (1, 2, 3)]
    (tmp_path / "raw").mkdir()
    pd.DataFrame(lines).to_json(tmp_path / "raw/tweets.json", orient=orient)
    frame, audit = run()
    assert frame["likes"].tolist() == [1, 2, 3]
    assert frame["posted_at"].iloc[0] == START
    assert audit["read"] == 3


@pytest.mark.parametrize("form", ["Wed, 10 Oct 2018 20:19:24 +0000", "201810102019", "2018:10:10 20:19:24", 1539202764])
def test_every_form_of_time_is_known_here_as_well(tmp_path, run, form):
    write(tmp_path / "raw", tweet(1, photos=[71], created_at=form, collected_at=form))
    frame, _ = run()
    assert abs(frame["posted_at"].iloc[0] - START) < timedelta(minutes=1)
    assert abs(frame["collected_at"].iloc[0] - START) < timedelta(minutes=1)


def test_a_list_of_follows_beside_the_tweets_is_read_and_is_no_tweet(tmp_path, run):
    write(tmp_path / "raw", retweet(2, 10, tweet(1, photos=[71]), by=user(9)), tweet(1, photos=[71]))
    (tmp_path / "raw/follows.jsonl").write_text('{"who": 9, "whom": "1001"}\n{"who": 9, "whom": null}\n')
    _, audit = run(follows={"columns": {"follower_id": "who", "followee_id": "whom"}})
    assert audit["read"] == 2
    assert store.read_frame(tmp_path / "data/follows.parquet").to_numpy().tolist() == [["9", "1001"]]
    assert audit["follows"]["dropped"] == {"followee_id: missing": 1}
    assert audit["interactions"]["kept"] == 1


def test_a_retweet_of_what_is_no_post_names_its_line(tmp_path, run):
    write(tmp_path / "raw", retweet(2, 10, tweet(1, photos=[71]), by=user(9)), tweet(3, photos=[72], retweet_count=900))
    _, audit = run(minimum_retweets=300)
    assert audit["interactions"]["dropped"] == {"post_id: no such post": 1}
    assert audit["interactions"]["examples"]["post_id: no such post"][0]["row"] == 1
