"""What rankers are fed: the lists of a part, and of everything else only what was known when training ended."""

import numpy as np
import pandas as pd
import pytest

from pipeline import candidates
from pipeline.storage import store
from pipeline.storage.examples import Examples
from pipeline.storage.feed import Feeds, distinct
from tests.sharing import TIME, build_sharing


@pytest.fixture
def ready(project):
    """`ready(timed, drop)`: everything a feed is made of; of posts without the columns `drop`."""

    def build(*, timed=True, drop=()):
        paths = project()
        posts, interactions, follows = build_sharing(timed=timed)
        frame, shares, _ = candidates.draw(
            posts,
            interactions,
            follows,
            seed=0,
            ratios=[0.6, 0.1, 0.3],
            kinds=[],
            negatives=2,
            exposure="both",
            window=None,
        )
        at = pd.to_datetime([*posts["posted_at"], pd.NaT], utc=True).astype(TIME) + pd.Timedelta(hours=2)
        comments = pd.DataFrame({"post_id": [*posts["post_id"], "p000"], "user_id": "u00", "at": at, "text": "nice"})
        store.write_frame(paths.posts, posts.drop(columns=list(drop)))
        store.write_frame(paths.follows, follows)
        store.write_frame(paths.comments, comments)
        store.write_frame(paths.candidates, frame)
        store.write_frame(paths.shares, shares)
        return paths

    return build


def feeds(paths, comments="before_cut"):
    return {part: Feeds(paths, features=[], columns=["likes"], comments=comments).part(part) for part in PARTS}


PARTS = ("train", "validation", "test")


def test_lists_are_those_of_the_candidates(ready):
    paths = ready()
    frame = store.read_frame(paths.candidates)
    for part, feed in feeds(paths).items():
        own = frame[frame["part"] == part]
        users, posts = feed.pairs()
        assert users.tolist() == own["user_id"].tolist()
        assert posts.posts["post_id"].tolist() == own["post_id"].tolist()
        assert len(feed) == own["list"].nunique() > 5
        assert feed.numbers.tolist() == own["list"].unique().tolist()
        np.testing.assert_array_equal(feed.at, own.loc[own["relevant"], "at"].to_numpy(dtype="datetime64[us]"))
        assert list(feed.posts.posts) == ["post_id", "user_id", "likes"]
        assert feed.posts.y is None


def test_rows_mean_the_same_in_every_part(ready):
    train, *others = feeds(ready()).values()
    known = train.posts.posts["post_id"].tolist()
    assert len(known) == train.known
    for feed in others:
        assert feed.posts.posts["post_id"].tolist()[: feed.known] == known
        assert feed.known == train.known < len(feed.posts)
        for name in ("users", "follows", "shares", "shared_at"):
            np.testing.assert_array_equal(getattr(feed, name), getattr(train, name))
    assert (train.lists < train.known).all()


def test_nothing_from_after_the_training_part_is_there(ready):
    paths = ready()
    shares, posts = store.read_frame(paths.shares), store.read_frame(paths.posts).set_index("post_id")
    cut = shares.loc[shares["part"] != "train", "at"].min()
    for feed in feeds(paths).values():
        ids = feed.posts.posts["post_id"].to_numpy()
        assert (posts.loc[ids[: feed.known], "posted_at"] < cut).all()
        assert (posts.loc[ids[feed.known :], "posted_at"] >= cut).all()
        assert (feed.shared_at < cut.to_datetime64()).all()
        assert feed.shares.shape[1] == (shares["part"] == "train").sum()
        assert (feed.comments["at"] < cut).all()
        assert 5 < len(feed.comments) < len(posts)
        assert feed.comments["at"].is_monotonic_increasing
    assert len(feeds(paths, "all")["train"].comments) == len(posts) + 1


def test_shares_follows_and_authors_are_rows(ready):
    paths = ready()
    feed = feeds(paths)["test"]
    shares, ids = store.read_frame(paths.shares), feed.posts.posts["post_id"].to_numpy()
    own = shares[shares["part"] == "train"]
    assert list(zip(feed.users[feed.shares[0]], ids[feed.shares[1]], strict=True)) == list(
        zip(own["user_id"], own["post_id"], strict=True)
    )
    follows = store.read_frame(paths.follows)
    assert feed.users[feed.follows].T.tolist() == follows.to_numpy().tolist()
    assert feed.users[feed.authors].tolist() == feed.posts.posts["user_id"].tolist()


def test_permuted_shares_of_the_test_part_change_nothing_that_is_known(ready):
    paths = ready()
    before = feeds(paths)["train"]
    for path in (paths.shares, paths.candidates):
        frame = store.read_frame(path)
        late = frame["part"] == "test"
        frame.loc[late, "post_id"] = frame.loc[late, "post_id"].to_numpy()[::-1]
        store.write_frame(path, frame)
    after = feeds(paths)["train"]
    for name in ("users", "lists", "viewers", "at", "follows", "shares", "shared_at", "authors"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    pd.testing.assert_frame_equal(after.comments, before.comments)
    pd.testing.assert_frame_equal(after.posts.posts, before.posts.posts)


def test_without_times_all_posts_and_comments_are_known(ready):
    paths = ready(timed=False)
    for feed in feeds(paths).values():
        assert feed.known == len(feed.posts) == len(store.read_frame(paths.posts))
        assert len(feed.comments) == len(store.read_frame(paths.comments))
        assert np.isnat(feed.at).all()


def test_posts_need_say_neither_whose_nor_since_when_they_are(ready):
    feed = feeds(ready(drop=["user_id", "posted_at"]))["train"]
    assert (feed.authors == -1).all()
    assert list(feed.posts.posts) == ["post_id", "likes"]


def test_take_keeps_all_but_the_other_lists(ready):
    feed = feeds(ready())["train"]
    some = feed.take(np.array([3, 0]))
    np.testing.assert_array_equal(some.lists, feed.lists[[3, 0]])
    assert some.users is feed.users
    nothing = feed.take(np.arange(0))
    assert nothing.pairs()[0].shape == (0,)
    assert nothing.lists.shape == (0, 3)


def test_a_part_without_a_list_is_empty(ready):
    paths = ready()
    frame = store.read_frame(paths.candidates)
    store.write_frame(paths.candidates, frame[frame["part"] != "validation"])
    feed = feeds(paths)["validation"]
    assert feed.lists.shape == (0, 3)
    assert len(feed.pairs()[1]) == 0


def test_distinct_gives_each_post_once_and_the_way_back():
    posts = Examples(pd.DataFrame({"post_id": ["b", "a", "b", "c", "a"], "n": range(5)}))
    once, rows = distinct(posts)
    assert once.posts["n"].tolist() == [0, 1, 3]
    assert once.posts["post_id"].to_numpy()[rows].tolist() == posts.posts["post_id"].tolist()
    assert len(distinct(posts.take(np.arange(0)))[0]) == 0
