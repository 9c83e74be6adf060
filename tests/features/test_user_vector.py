"""The user vector of DSN: z-scores of the training part by hand, one-hot times, and nothing where nothing is known."""

import numpy as np
import pandas as pd
import pytest

from features.user_vector import UserVector
from pipeline.base.errors import UserError
from tests.features.entries import make

TRAIN = pd.DataFrame(
    {
        "post_id": list("abcd"),
        "followers": [10.0, 20.0, np.nan, 60.0],
        "is_pro": [1.0, 1.0, 1.0, np.nan],
        "user_views": [0.0, 4.0, 0.0, 4.0],
        "posted_at": pd.to_datetime(
            ["2024-03-31T23:30:00Z", "2024-04-01T00:00:00Z", None, "2024-04-02T00:00:00Z"], utc=True
        ),
    }
)
KINDS = {"user_photos": "double", "user_views": "double", "followers": "double", "is_pro": "double", "title": "string"}
KINDS["posted_at"] = "timestamp[us, tz=UTC]"


def fitted(posts=TRAIN, **arguments):
    feature = UserVector(**arguments)
    feature.fit(posts[["post_id", *(column for column in feature.reads(KINDS) if column in posts)]])
    return feature


def test_reads_table_1_and_what_was_crawled_and_nothing_else():
    assert UserVector().reads(KINDS) == ["is_pro", "followers", "user_views", "posted_at"]
    assert UserVector(columns=["user_photos"]).reads(KINDS) == ["user_photos", "posted_at"]
    assert UserVector(columns=["user_photos"]).missing(["followers"]) == ["user_photos"]
    with pytest.raises(UserError, match="'title' holds no numbers"):
        UserVector(columns=["title"]).reads(KINDS)
    with pytest.raises(UserError, match=r"features\.user_vector\.day: 'moon'"):
        make("user_vector", {"day": "moon"})


def test_numbers_in_deviations_of_the_training_part():
    feature = fitted()
    assert feature.names[:3] == ["is_pro_standardised", "followers_standardised", "user_views_standardised"]
    deviation = np.sqrt((400 + 100 + 900) / 3)  # around 30
    values = feature.extract(TRAIN)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[:, 1], [-20 / deviation, -10 / deviation, 0, 30 / deviation], rtol=1e-6)
    np.testing.assert_array_equal(values[:, 2], [-1, 1, -1, 1])
    later = TRAIN.assign(followers=[30.0, 1e9, np.inf, -np.inf])
    np.testing.assert_allclose(feature.extract(later)[:, 1], [0, (1e9 - 30) / deviation, 0, 0], rtol=1e-6)


def test_a_number_without_variance_is_zero_whatever_it_is_later():
    values = fitted().extract(TRAIN.assign(is_pro=[0.0, 1.0, 5.0, np.nan]))
    np.testing.assert_array_equal(values[:, 0], 0)


def test_times_are_one_hot_and_a_missing_one_is_zeros():
    feature = fitted()
    hot = pd.DataFrame(feature.extract(TRAIN), columns=feature.names).drop(columns=feature.names[:3])
    assert hot.shape == (4, 12 + 31 + 24)
    found = [set(row[row == 1].index) for _, row in hot.iterrows()]
    assert found[0] == {"posted_month_utc_3", "posted_month_day_utc_31", "posted_hour_utc_23"}
    assert found[1] == {"posted_month_utc_4", "posted_month_day_utc_1", "posted_hour_utc_0"}
    assert found[2] == set()
    assert hot.to_numpy().sum() == 9


def test_the_day_of_the_week_as_released():
    feature = fitted(day="weekday")
    assert feature.shape == (3 + 12 + 7 + 24,)
    sunday = feature.names.index("posted_weekday_utc_6")
    assert feature.extract(TRAIN)[:, sunday].tolist() == [1, 0, 0, 0]


def test_without_times_and_with_columns_that_training_lacks():
    feature = fitted(TRAIN.drop(columns="posted_at").assign(followers=np.nan))
    assert feature.names == ["is_pro_standardised", "user_views_standardised"]
    assert feature.needed == ["is_pro", "user_views"]


def test_later_posts_change_no_scale():
    feature = fitted()
    before = feature.state()
    feature.extract(TRAIN.assign(followers=1e6))
    assert feature.state() == before
