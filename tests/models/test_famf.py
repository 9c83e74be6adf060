"""`famf` knows tastes, and the epoch it is taken from is the validation lists'."""

import numpy as np
import pytest

from pipeline.base.errors import UserError
from tests.models.feeds import auc, make_feeds
from tests.models.small import make

TASTE = make_feeds(5, taste=2, quality=0, followees=0)


def fitted(name, feeds, **changes):
    ranker = make(name, **changes)
    ranker.fit(feeds["train"], feeds["validation"])
    return ranker


def on_known(ranker, feeds):
    """AUC on the test lists of posts that were known when training ended."""
    feed = feeds["test"]
    feed = feed.take(np.flatnonzero((feed.lists < feed.known).all(axis=1)))
    return auc(ranker.score(*feed.pairs()), feed)


def test_taste_alone_beats_popularity():
    assert on_known(fitted("famf", TASTE), TASTE) > on_known(fitted("popularity", TASTE), TASTE) + 0.1


def test_a_bias_is_what_a_post_is_worth_to_everybody():
    good = make_feeds(5, taste=0, quality=2, followees=0)
    biases = fitted("famf", good)._posts.vectors[:-1, 0]
    shares = np.bincount(good["train"].shares[1], minlength=good["train"].known)
    assert np.corrcoef(biases, shares)[0, 1] > 0.7


def test_it_stops_on_validation():
    ranker = fitted("famf", TASTE, descent={"epochs": 60, "patience": 5, "learning_rate": 0.3})
    curve, report = ranker.curve(), ranker.report()
    assert report["epochs"] == 1 + np.argmin(curve["validation"]) < len(curve["step"])
    scores = ranker.score(*TASTE["validation"].pairs())
    assert report["validation_auc"] == pytest.approx(auc(scores, TASTE["validation"]))


def test_steps_too_large_are_one_line():
    with pytest.raises(UserError, match=r"lower descent\.learning_rate"):
        fitted("famf", TASTE, descent={"epochs": 20, "patience": None, "learning_rate": 1e6})


def test_it_says_that_it_is_bpr():
    assert make("famf").chosen() == {"method": "BPR with a bias of posts"}
    assert make("famf", item_bias=False).chosen() == {"method": "BPR without a bias of posts"}
