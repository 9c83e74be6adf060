"""Whom users follow, and the lists that networks are fed, as they stand or drawn anew."""

from dataclasses import replace

import numpy as np

from models.parts.batches import Tensors
from models.parts.draws import Shared
from models.parts.followings import Followings
from models.parts.lists import Lists, Resampled
from models.parts.lookup import UNSEEN
from models.parts.social import NOBODY
from tests.models.feeds import make_feeds

TRAIN = make_feeds(2)["train"]


def network(follows, viewers=(0, 1), shares=((3, 3, 2), (0, 1, 2))):
    """A feed of five users with these follows and viewers."""
    changes = {"users": np.array(list("abcde"), dtype=object), "follows": np.array(follows).reshape(-1, 2).T}
    return replace(TRAIN.take(np.arange(len(viewers))), viewers=np.array(viewers), shares=np.array(shares), **changes)


def test_followees_by_the_number_of_their_vector():
    people = Followings.of(network([(1, 2), (1, 3), (0, 4), (4, 0), (4, 1)]), most=9)
    assert people.numbers(np.arange(5)).tolist() == [1, 2, 3, 4, 5]
    assert people.followees(np.array([1, 0, 2, 4])).tolist() == [[4, 3], [5, NOBODY], [NOBODY] * 2, [1, 2]]
    assert people.followees(np.array([-1])).shape == (1, 0)
    assert people.rows(np.array(["e", "new", None], dtype=object)).tolist() == [4, -1, -1]
    assert people.numbers(np.array([-1])).tolist() == [UNSEEN]
    assert len(people) == 6


def test_those_who_share_most_are_heeded_where_there_are_too_many():
    people = Followings.of(network([(0, 1), (0, 2), (0, 3)]), most=2)
    assert people.numbers(np.array([3, 2])).tolist() == [4, 3]
    assert people.followees(np.array([0])).tolist() == [[4, 3]]


def test_whom_training_does_not_touch_has_no_number():
    people = Followings.of(network([(3, 4)], viewers=(0, 1)), most=9)
    assert people.numbers(np.arange(5)).tolist() == [1, 2, UNSEEN, UNSEEN, UNSEEN]
    assert people.followees(np.array([3])).tolist() == [[UNSEEN]]


def test_people_come_back_from_disk(tmp_path):
    people, rows = Followings.of(TRAIN, most=3), np.arange(-1, len(TRAIN.users))
    people.save(tmp_path)
    again = Followings.load(tmp_path)
    np.testing.assert_array_equal(again.followees(rows), people.followees(rows))
    np.testing.assert_array_equal(again.numbers(rows), people.numbers(rows))
    assert again.digest() == people.digest()


def lists(kind=Lists, **changes):
    posts = Tensors({"image": TRAIN.posts.features["picture"]})
    return kind(TRAIN, Followings.of(TRAIN, 9), posts, social=True, **changes)


def test_a_batch_has_each_post_once():
    batch = lists()[[4, 9, 4]]
    numbers = batch["lists"].numpy()
    assert numbers.shape == (3, TRAIN.lists.shape[1])
    assert len(batch["image"]) == len(np.unique(TRAIN.lists[[4, 9]]))
    expected = TRAIN.posts.features["picture"][TRAIN.lists[[4, 9, 4]].ravel()].astype(np.float32)
    np.testing.assert_array_equal(batch["image"][batch["lists"].ravel()], expected)


def test_drawn_anew_others_are_what_followees_have_and_the_user_does_not_share():
    drawn = lists(Resampled, seed=3)
    drawn.begin(0)
    first = drawn._lists.copy()
    np.testing.assert_array_equal(first[:, 0], TRAIN.lists[:, 0])
    assert (first[:, 1:] != TRAIN.lists[:, 1:]).mean() > 0.9
    others, viewers = first[:, 1:].ravel(), np.repeat(TRAIN.viewers, first.shape[1] - 1)
    assert not Shared(TRAIN.shares, len(TRAIN.users), len(TRAIN.posts)).has(viewers, others).any()
    has = np.zeros((len(TRAIN.users), len(TRAIN.posts)), dtype=bool)
    has[TRAIN.authors, np.arange(len(TRAIN.posts))] = has[tuple(TRAIN.shares)] = True
    exposed = np.zeros_like(has)
    np.logical_or.at(exposed, TRAIN.follows[0], has[TRAIN.follows[1]])
    assert exposed[viewers, others].all()
    drawn.begin(1)
    assert (drawn._lists != first).any()
    drawn.begin(0)
    np.testing.assert_array_equal(drawn._lists, first)
    assert drawn.digest() != lists().digest()


def test_without_followees_what_the_stage_drew_stays():
    alone = replace(TRAIN, follows=TRAIN.follows[:, :0])
    drawn = Resampled(
        alone, Followings.of(alone, 9), Tensors({"image": TRAIN.posts.features["picture"]}), social=True, seed=0
    )
    drawn.begin(0)
    np.testing.assert_array_equal(drawn._lists, TRAIN.lists)
