import numpy as np
import pytest

from models.his_ave import HisAve
from tests.models.small import make_examples, with_posts

TRAIN, TEST = make_examples(60, 1), make_examples(20, 2)


def fitted(**arguments):
    system = HisAve(**arguments)
    system.fit(TRAIN, TEST)
    return system


def test_is_one_number_for_all():
    system = fitted()
    assert system.columns == ()
    np.testing.assert_allclose(system.predict(TEST), np.full(len(TEST), TRAIN.y.mean()))


def test_is_the_users_own_mean_and_that_of_all_for_new_ones():
    system = fitted(by="user")
    assert system.columns == ("user_id",)
    means = {user: TRAIN.y[TRAIN.posts["user_id"] == user].mean() for user in TRAIN.posts["user_id"].unique()}
    np.testing.assert_allclose(system.predict(TEST), [means[user] for user in TEST.posts["user_id"]])
    np.testing.assert_allclose(system.predict(with_posts(TEST, user_id="new")), TRAIN.y.mean())


@pytest.mark.parametrize("by", ["global", "user"])
def test_saved_and_loaded_is_the_same(by, tmp_path):
    fitted(by=by).save(tmp_path)
    loaded = HisAve(by=by)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST), fitted(by=by).predict(TEST))
