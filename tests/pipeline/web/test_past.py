import numpy as np
import pytest

from pipeline.base.paths import Paths
from pipeline.base.targets import Transform
from pipeline.storage import store
from pipeline.web.past import Past
from tests.conftest import build_posts


@pytest.fixture
def past(tmp_path):
    posts = build_posts(12, users=3).assign(likes=np.arange(12.0))
    posts.loc[11, "likes"] = np.nan
    store.write_frame(Paths(tmp_path).posts, posts)
    return Past(Paths(tmp_path), ["likes"])


def test_where_a_prediction_lies_among_all_and_among_a_users_own(past):
    scale = Transform("log2p1")
    every = past.standing("likes", scale, np.log2(6.5))
    assert (every.n, every.below) == (11, 6 / 11)
    own = past.standing("likes", scale, np.log2(4), "u0")  # 0, 3, 6, 9: as many as the second
    assert (own.n, own.below) == (4, 1.5 / 4)
    assert past.standing("likes", scale, 1.0, "nobody") is None


def test_counts_per_day_are_compared_per_day(past):
    per_day = Transform("log2_per_day_plus_one")
    np.testing.assert_allclose(past.of("likes", per_day), np.log2(np.arange(11) / 14 + 1))
    assert past.usual_days() == 14


def test_the_latest_post_says_what_the_user_is(past):
    latest = past.latest("u2")
    assert (latest["followers"], latest["user_photos"]) == (400, 52)
    assert "category" not in latest
    assert past.latest("nobody") == {}


def test_forms_propose_users_and_categories(past):
    assert sorted(past.proposed("user_id")) == ["u0", "u1", "u2"]
    assert set(past.proposed("category")) <= {"nature", "city", "food"}
    assert past.proposed("text") == []
