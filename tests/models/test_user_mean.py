import numpy as np
import pandas as pd
import pytest

from models.user_mean import UserMean
from pipeline.storage.examples import Examples


def posts(users, y=None):
    frame = pd.DataFrame({"post_id": range(len(users)), "user_id": pd.Series(users, dtype="str")})
    return Examples(frame, y=None if y is None else np.array(y, dtype=float))


@pytest.fixture
def train():
    return posts(["a", "a", "b", None], [1, 3, 8, 4])


def test_mean_of_the_user_or_of_all(train):
    system = UserMean()
    system.fit(train, posts([], []))
    assert system.predict(posts(["b", "a", "c", None])).tolist() == [8, 2, 4, 4]
    assert system.report() == {"users": 2}


def test_shrinkage_pulls_to_the_mean_of_all(train):
    system = UserMean(shrinkage=2)
    system.fit(train, posts([], []))
    assert system.predict(posts(["b", "a"])).tolist() == [(8 + 2 * 4) / 3, (4 + 2 * 4) / 4]


def test_nobody_known(train, tmp_path):
    system = UserMean()
    system.fit(posts([None, None], [1, 2]), posts([], []))
    system.save(tmp_path)
    loaded = UserMean()
    loaded.load(tmp_path)
    assert loaded.predict(posts(["a", None])).tolist() == [1.5, 1.5]
