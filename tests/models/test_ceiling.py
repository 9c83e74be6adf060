import numpy as np
import pytest

from models.ceiling import Ceiling
from pipeline.storage.examples import Examples


@pytest.fixture
def posts(make_posts):
    frame = make_posts(10)[["post_id"]].assign(expected_log2p1_likes=np.arange(10.0), expected_log2p1_views=7.0)
    return Examples(posts=frame, y=np.zeros(10), target="likes", transform="log2p1")


def test_it_predicts_the_expectation_of_this_target(posts):
    assert Ceiling().predict(posts).tolist() == list(range(10))


def test_it_needs_the_expectation_of_this_target(posts):
    assert Ceiling().reads("likes", "max") == ("expected_max_likes",)
    assert set(Ceiling().reads("likes", "log2p1")) <= set(posts.posts)


def test_it_is_the_same_after_saving(posts, tmp_path):
    system = Ceiling()
    system.fit(posts, posts)
    system.save(tmp_path)
    again = Ceiling()
    again.load(tmp_path)
    assert np.array_equal(again.predict(posts), system.predict(posts))
