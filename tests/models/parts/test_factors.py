"""Vectors by id: what is unknown has the mean of what was touched."""

import numpy as np

from models.parts.factors import Seen, Table
from tests.models.feeds import auc, make_feeds
from tests.models.small import make


def test_what_is_unknown_has_the_mean(tmp_path):
    table = Table(["a", "b"], np.array([[1.0, 2.0], [3.0, 6.0]]))
    table.save(tmp_path / "table.parquet")
    for one in (table, Table.load(tmp_path / "table.parquet")):
        rows = one.rows(np.array(["b", None, "c", "a"], dtype=object))
        np.testing.assert_array_equal(one.vectors[rows], [[3, 6], [2, 4], [2, 4], [1, 2]])
    assert not Table([], np.empty((0, 3))).vectors.any()


def test_only_what_is_touched_counts_and_lists_are_scored_as_later():
    feeds = make_feeds(3)
    train, rng = feeds["train"], np.random.default_rng(0)
    train = train.take(np.arange(20))
    users, posts = rng.normal(size=(len(train.users), 3)), rng.normal(size=(train.known, 3))
    seen = Seen(train, posts=np.arange(train.known) % 3 > 0)
    seen.users[::5] = False
    ranker = make("famf")
    ranker._users, ranker._posts = seen.tables(users, posts)
    np.testing.assert_allclose(ranker._posts.vectors[-1], posts[seen.posts].mean(axis=0))
    assert len(ranker._users) == seen.users.sum()
    lists = feeds["validation"]
    assert seen.auc(lists, users, posts) == auc(ranker.score(*lists.pairs()), lists)


def test_pairs_are_scored_in_blocks(monkeypatch):
    feeds, ranker = make_feeds(3), make("famf")
    ranker.fit(feeds["train"], feeds["validation"])
    whole = ranker.score(*feeds["test"].pairs())
    monkeypatch.setattr("models.parts.factors.PAIRS", 7)
    np.testing.assert_allclose(ranker.score(*feeds["test"].pairs()), whole, rtol=1e-6)
