"""The two models against CatBoost itself on the same table, and how they are weighed."""

from dataclasses import replace

import catboost
import numpy as np
import pandas as pd
import pytest

from models.catboost_window import best_weight
from pipeline.base.errors import UserError
from tests.models.small import TREES, build, make, make_examples, rmse, with_features, with_y
from tests.oracles.rivals import moving_average

TRAIN, VALIDATION, TEST = make_examples(200, 1), make_examples(100, 2), make_examples(100, 3)
NOTHING = VALIDATION.take(np.arange(0))
PARAMETERS = {"iterations": TREES["n_estimators"], "depth": 2, "learning_rate": TREES["learning_rate"]}
PARAMETERS |= {"thread_count": 1, "random_seed": 0, "verbose": 0, "allow_writing_files": False}


def whole(posts):
    """The same posts without gaps, which are zeros."""
    return with_features(posts, lambda _, values: np.nan_to_num(values))


def table(posts, roles=("image", "text"), **options):
    """What the models see, from plain NumPy: averages, then numbers of the user and of who it is."""
    users, times = posts.posts["user_id"].to_numpy(), posts.posts["posted_at"].astype("int64").to_numpy()
    found = [
        moving_average(posts.features[name].values.astype(float), users, times, window=length, **options)
        for role, name, length in (("image", "stats", 5), ("text", "clip", 3))
        if role in roles
    ]
    if "user" in roles:
        found.append(posts.features["tabular"].values)
    frame = pd.DataFrame(np.concatenate(found, axis=1).astype(np.float32))
    return frame.assign(user_id=posts.posts["user_id"].astype(object)) if "user" in roles else frame


def fitted(train=TRAIN, validation=VALIDATION, **changes):
    system = make("catboost_window", **changes)
    system.fit(train, validation)
    return system


@pytest.mark.parametrize("fill", ["present", "zero"])
@pytest.mark.parametrize(("weight", "roles"), [(0.0, ("image", "text")), (1.0, ("image", "text", "user"))])
def test_one_model_is_the_library_on_the_same_table(weight, roles, fill):
    system = fitted(whole(TRAIN), whole(VALIDATION), weight=weight, levels=[], fill=fill)
    of_who = ["user_id"] if "user" in roles else None
    direct = catboost.CatBoostRegressor(**PARAMETERS, cat_features=of_who)
    expected = direct.fit(table(whole(TRAIN), roles, fill=fill), TRAIN.y).predict(table(whole(TEST), roles, fill=fill))
    np.testing.assert_allclose(system.predict(whole(TEST)), expected, rtol=1e-5)
    assert system.report()["with_user_weight"] == weight


def test_without_windows_it_is_catboost():
    alone = make("catboost", features=["stats", "clip"], categorical=["category"])
    alone.fit(TRAIN, VALIDATION)
    system = fitted(weight=0.0, image_window=1, text_window=1)
    np.testing.assert_array_equal(system.predict(TEST), alone.predict(TEST))
    assert list(system.importance().values()) == list(alone.importance().values())


def test_the_weight_is_the_best_on_validation(tmp_path):
    system = fitted(weight=None)
    chosen = system.report()["with_user_weight"]
    ends = [fitted(weight=weight).predict(VALIDATION) for weight in (1.0, 0.0)]
    scores = {w: rmse(w * ends[0] + (1 - w) * ends[1], VALIDATION) for w in np.linspace(0, 1, 101)}
    assert chosen == pytest.approx(min(scores, key=scores.get), abs=0.006)
    assert chosen > 0.8
    np.testing.assert_allclose(system.predict(VALIDATION), chosen * ends[0] + (1 - chosen) * ends[1])
    system.save(tmp_path)
    again = make("catboost_window", weight=None)
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(TEST), system.predict(TEST))
    assert sum(system.importance().values()) == pytest.approx(1)


def test_without_a_validation_part_it_is_half():
    assert fitted(validation=NOTHING, weight=None).report()["with_user_weight"] == 0.5


def test_weights_by_hand():
    one, other = np.array([1.0, 2]), np.array([0.0, 0])
    assert best_weight(one, other, np.array([0.3, 0.6])) == pytest.approx(0.3)
    assert best_weight(one, other, np.array([2.0, 4])) == 1
    assert best_weight(one, other, np.array([-1.0, 0])) == 0
    assert best_weight(one, one, np.array([9.0, 9])) == 0.5


def test_the_model_without_users_knows_nobody():
    system = fitted(weight=0.0)
    assert not [name for name in system.importance() if name in ("user_id", "a", "b", "c")]
    alone = replace(TEST, past=TEST.past.take(np.arange(0)))
    strangers = replace(alone, posts=TEST.posts.assign(user_id="nobody"))
    np.testing.assert_array_equal(system.predict(strangers), system.predict(alone))


def test_averages_find_what_lasts():
    """Each number of a picture is noise around what its user's pictures are like lately."""
    rng = np.random.default_rng(0)

    def lasting(posts):
        said = np.zeros(len(posts))
        for user in posts.posts["user_id"].unique():
            own = np.flatnonzero(posts.posts["user_id"] == user)
            said[own] = np.cumsum(rng.normal(0, 0.3, len(own)))
        noisy = (said + rng.normal(0, 1, len(posts))).astype(np.float32)
        return with_y(
            with_features(posts, lambda name, v: np.stack([noisy] * v.shape[1], 1) if name == "stats" else v), said
        )

    train, test = lasting(make_examples(600, 1)), lasting(make_examples(300, 2))
    entry = {"features": {"image": ["stats"]}, "levels": [], "weight": 0.0, **TREES}
    errors = {}
    for length in (1, 5):
        system = build("catboost_window", **entry, image_window=length)
        system.fit(train, NOTHING)
        errors[length] = rmse(system.predict(test), test)
    assert errors[5] < 0.8 * errors[1]


def test_texts_are_reduced(tmp_path):
    system = fitted(components=2)
    names = system.importance()
    assert [name for name in names if "text" in name or "clip" in name] == ["text, reduced[0]", "text, reduced[1]"]
    assert not np.allclose(system.predict(TEST), fitted().predict(TEST))
    system.save(tmp_path)
    again = make("catboost_window", components=2)
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(TEST), system.predict(TEST))


@pytest.mark.parametrize("change", [{"image_window": 2}, {"text_window": 2}, {"fill": "zero"}, {"partial": False}])
def test_each_argument_changes_what_is_learned(change):
    assert not np.allclose(fitted(**change).predict(TEST), fitted().predict(TEST))


def test_what_cannot_be_is_said():
    with pytest.raises(UserError, match=r"systems.catboost_window: features.words: nothing reads this role"):
        build("catboost_window", features={"words": ["clip"]})
    with pytest.raises(UserError, match="at least one feature"):
        build("catboost_window", features={"user": ["tabular"]}, levels=[])
    with pytest.raises(UserError, match="depth 16 at most"):
        make("catboost_window", max_depth=17)
