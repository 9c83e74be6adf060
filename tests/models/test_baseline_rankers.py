"""`popularity` and `followees` by hand, and where each of them wins."""

import numpy as np

from tests.models.feeds import auc, make_feeds
from tests.models.small import make


def fitted(name, feeds):
    ranker = make(name)
    ranker.fit(feeds["train"], feeds["validation"])
    return ranker


def test_popularity_counts_shares_of_the_training_part():
    feeds = make_feeds(0)
    feed, train = feeds["test"], feeds["train"]
    users, posts = feed.pairs()
    expected = [(train.shares[1] == post).sum() for post in feed.lists.ravel()]
    np.testing.assert_array_equal(fitted("popularity", feeds).score(users, posts), expected)


def test_followees_counts_each_followee_who_published_or_shared_once():
    feeds = make_feeds(0)
    feed, train = feeds["test"].take(np.arange(40)), feeds["train"]
    expected = []
    for viewer, posts in zip(feed.viewers, feed.lists, strict=True):
        followees = set(train.follows[1][train.follows[0] == viewer])
        for post in posts:
            exposing = {feed.authors[post], *train.shares[0][train.shares[1] == post]}
            expected.append(len(followees & exposing))
    np.testing.assert_array_equal(fitted("followees", feeds).score(*feed.pairs()), expected)


def test_each_wins_where_sharing_follows_what_it_knows():
    names = ("popularity", "followees")
    liked = make_feeds(2, taste=0, quality=2, followees=0)
    along = make_feeds(2, taste=0, quality=0, followees=3)
    by_quality = {name: auc(fitted(name, liked).score(*liked["test"].pairs()), liked["test"]) for name in names}
    by_follows = {name: auc(fitted(name, along).score(*along["test"].pairs()), along["test"]) for name in names}
    assert by_quality["popularity"] > by_quality["followees"] + 0.02
    assert by_follows["followees"] > by_follows["popularity"]
