"""What every ranker must do, over all that are found in models/: a new one is tested the moment it exists."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.base import Ranker, discover
from tests.models.feeds import auc, make_feeds, with_posts
from tests.models.small import make

RANKERS = discover(Ranker)
TRAIN, VALIDATION, TEST = make_feeds(1).values()
CALM = {"rtol": 1e-5, "atol": 1e-5}  # float32 sums depend on the size of a batch in their last digits


@pytest.fixture(scope="module")
def fitted():
    """Each ranker trained once on TRAIN, by name."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = make(name)
            made[name].fit(TRAIN, VALIDATION)
        return made[name]

    return get


def score(ranker, feed=TEST):
    return ranker.score(*feed.pairs())


def test_rankers_are_found():
    assert {"popularity", "followees"} <= set(RANKERS)


@pytest.mark.parametrize("name", RANKERS)
def test_inputs_stay_as_they_are(name):
    parts = [copy.deepcopy(part) for part in (TRAIN, VALIDATION, TEST)]
    ranker = make(name)
    ranker.fit(parts[0], parts[1])
    score(ranker, parts[2])
    for part, before in zip(parts, (TRAIN, VALIDATION, TEST), strict=True):
        pd.testing.assert_frame_equal(part.posts.posts, before.posts.posts)
        pd.testing.assert_frame_equal(part.comments, before.comments)
        for array in ("users", "lists", "viewers", "at", "authors", "follows", "shares", "shared_at"):
            np.testing.assert_array_equal(getattr(part, array), getattr(before, array))


@pytest.mark.parametrize("name", RANKERS)
def test_same_seed_same_result(name, fitted):
    np.random.seed(5)  # noqa: NPY002 (global state must not decide)
    again = make(name)
    again.fit(TRAIN, VALIDATION)
    np.testing.assert_array_equal(score(again), score(fitted(name)))


@pytest.mark.parametrize("name", RANKERS)
def test_saved_and_loaded_is_the_same(name, fitted, tmp_path):
    fitted(name).save(tmp_path)
    loaded = make(name)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(score(loaded), score(fitted(name)))
    assert loaded.report() == fitted(name).report()
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert {file.suffix for file in files} <= {".json", ".parquet", ".safetensors"}


@pytest.mark.parametrize("name", RANKERS)
def test_a_score_depends_on_its_pair_alone(name, fitted):
    users, posts = TEST.pairs()
    together = fitted(name).score(users, posts)
    assert together.shape == (len(users),)
    assert np.isfinite(together).all()
    order = np.random.default_rng(0).permutation(len(users))
    np.testing.assert_allclose(fitted(name).score(users[order], posts.take(order)), together[order], **CALM)
    alone = [fitted(name).score(users[[i]], posts.take(np.array([i]))) for i in range(6)]
    np.testing.assert_allclose(np.concatenate(alone), together[:6], **CALM)
    assert fitted(name).score(users[:0], posts.take(np.arange(0))).shape == (0,)


@pytest.mark.parametrize("name", RANKERS)
def test_new_users_and_new_posts_are_no_error(name, fitted):
    users, posts = TEST.pairs()
    new = replace(posts, posts=posts.posts.assign(post_id="new", user_id=None))
    bare = replace(posts, posts=posts.posts.drop(columns="user_id"))
    for pair in ((np.full(len(users), "nobody", dtype=object), posts), (users, new), (users, bare)):
        scores = fitted(name).score(*pair)
        assert scores.shape == (len(users),)
        assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", RANKERS)
def test_order_of_columns_and_further_columns_do_not_matter(name, fitted):
    def turned(frame):
        return frame.assign(another=1.0)[["another", *frame.columns[::-1]]]

    ranker = make(name)
    ranker.fit(with_posts(TRAIN, turned), with_posts(VALIDATION, turned))
    np.testing.assert_array_equal(score(ranker, with_posts(TEST, turned)), score(fitted(name)))


@pytest.mark.parametrize("name", RANKERS)
def test_validation_may_be_empty_and_training_small(name):
    nothing = VALIDATION.take(np.arange(0))
    for n in (1, 2, 33):
        ranker = make(name)
        ranker.fit(
            replace(TRAIN.take(np.arange(n)), shares=TRAIN.shares[:, :n], shared_at=TRAIN.shared_at[:n]), nothing
        )
        assert np.isfinite(score(ranker)).all()


@pytest.mark.parametrize("name", RANKERS)
def test_names_of_users_do_not_matter(name, fitted):
    def renamed(feed):
        named = with_posts(feed, lambda frame: frame.assign(user_id=frame["user_id"].str.replace("u", "x-")))
        return replace(named, users=np.array([user.replace("u", "x-") for user in feed.users], dtype=object))

    ranker = make(name)
    ranker.fit(renamed(TRAIN), renamed(VALIDATION))
    np.testing.assert_allclose(score(ranker, renamed(TEST)), score(fitted(name)), rtol=1e-6)


@pytest.mark.parametrize("name", RANKERS)
def test_ranks_better_than_chance(name, fitted):
    assert auc(score(fitted(name)), TEST) > 0.53
