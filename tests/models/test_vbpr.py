"""`vbpr` sees taste in pictures, of new posts too; its loss is that of each triple by itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.vbpr import first, loss
from pipeline.base.errors import UserError
from pipeline.storage.examples import FeatureValues
from tests.models.feeds import auc, make_feeds
from tests.models.small import make
from tests.models.test_famf import fitted, on_known

TASTE = make_feeds(5, taste=2, quality=0, followees=0)
TRIPLES = (np.array([0, 2, 0, 1]), np.array([1, 1, 3, 0]), np.array([4, 0, 1, 2]))
PENALTIES = {"penalty": 0.3, "bias_penalty": 0.2, "visual_penalty": 0.1}


def numbers():
    rng = np.random.default_rng(1)
    w = first(rng, users=3, posts=5, width=6, factors=2, visual_factors=3)
    return {name: values + rng.normal(0, 0.3, values.shape) for name, values in w.items()}, rng.normal(size=(5, 6))


def told(w, f, triples, **penalties):
    w = {name: torch.from_numpy(values) for name, values in w.items()}
    pictures = tuple(torch.from_numpy(f[rows]) for rows in triples[1:])
    return [float(part) for part in loss(w, pictures, tuple(map(torch.from_numpy, triples)), **penalties)]


def score(w, f, u, i):
    seen = w["theta_u"][u] @ (w["E"] @ f[i]) + w["beta"] @ f[i]
    return w["beta_i"][i] + w["gamma_u"][u] @ w["gamma_i"][i] + seen


def test_the_loss_of_a_batch_is_that_of_its_triples():
    w, f = numbers()
    ranking, penalties = told(w, f, TRIPLES, **PENALTIES)  # all users with all posts of the batch would be 16 terms
    expected, squares = 0.0, 4 * 0.1 * (np.sum(w["E"] ** 2) + np.sum(w["beta"] ** 2))
    for u, i, j in zip(*TRIPLES, strict=True):
        expected += np.log(1 + np.exp(score(w, f, u, j) - score(w, f, u, i)))
        factors = (w["gamma_u"][u], w["gamma_i"][i], w["gamma_i"][j], w["theta_u"][u])
        squares += 0.3 * sum(np.sum(v**2) for v in factors)
        squares += 0.2 * (w["beta_i"][i] ** 2 + w["beta_i"][j] ** 2 / 10)
    assert ranking == pytest.approx(expected)
    assert penalties == pytest.approx(squares / 2)
    alone = [told(w, f, tuple(rows[[n]] for rows in TRIPLES), **PENALTIES)[0] for n in range(4)]
    assert ranking == pytest.approx(sum(alone))


def as_new(ranker, feed=TASTE["test"]):
    """AUC on lists of posts of which nobody has seen anything before."""
    users, posts = feed.pairs()
    return auc(
        ranker.score(users, replace(posts, posts=posts.posts.assign(post_id="new " + posts.posts["post_id"]))), feed
    )


def test_taste_in_pictures_beats_all_that_do_not_see():
    seeing = fitted("vbpr", TASTE)
    assert on_known(seeing, TASTE) > on_known(fitted("popularity", TASTE), TASTE) + 0.1
    assert as_new(seeing) > 0.65
    assert as_new(fitted("popularity", TASTE)) == as_new(fitted("famf", TASTE)) == 0.5


def test_pictures_are_standardised():
    def scaled(feed):
        values = feed.posts.features["picture"].values.astype(np.float32)
        values = values * np.array([1, 50, 1, 0.02, 1, 1], dtype=np.float32) + 7
        return replace(feed, posts=replace(feed.posts, features={"picture": FeatureValues(values)}))

    feeds = {part: scaled(feed) for part, feed in TASTE.items()}
    scores = [fitted("vbpr", own).score(*own["test"].pairs()) for own in (TASTE, feeds)]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-2, atol=1e-2)


def test_a_post_without_a_picture_has_the_mean_picture():
    ranker, (users, posts) = fitted("vbpr", TASTE), TASTE["test"].pairs()

    def showing(picture):
        values = np.tile(picture, (len(posts), 1)).astype(np.float32)
        return ranker.score(users, replace(posts, features={"picture": FeatureValues(values)}))

    mean = TASTE["train"].posts.features["picture"].values.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(showing(np.full(6, np.nan)), showing(mean), atol=1e-4)


def test_it_is_taken_from_the_best_pass():
    ranker = fitted("vbpr", TASTE, descent={"epochs": 12, "patience": 3, "learning_rate": 0.05})
    scores = ranker.score(*TASTE["validation"].pairs())
    assert ranker.report()["validation_auc"] == pytest.approx(auc(scores, TASTE["validation"]), abs=1e-3)
    assert ranker.report()["epochs"] == 1 + np.argmin(ranker.curve()["validation"])


def test_it_needs_a_picture():
    with pytest.raises(UserError, match=r"features\.image"):
        make("vbpr", features={})
