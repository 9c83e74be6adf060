import json

import numpy as np
import pandas as pd
import pytest

from features.user_time import UserTime
from pipeline.base.errors import UserError
from tests.conftest import build_posts

COLUMNS = {"post_id": "string", "followers": "double", "is_pro": "double", "posted_at": "timestamp[us, tz=UTC]"}
KINDS = {**COLUMNS, "title": "string", "category": "string"}


def fitted(posts, **arguments):
    feature = UserTime(**arguments)
    feature.fit(posts[["post_id", *feature.reads(KINDS)]])
    return feature


def column(feature, values, name):
    return values[:, feature.names.index(name)]


def test_numbers_stand_as_they_are(posts):
    feature = fitted(posts)
    values = feature.extract(posts)
    assert values.dtype == np.float32
    assert values.shape == (7, *feature.shape)
    np.testing.assert_array_equal(column(feature, values, "followers"), posts["followers"].astype(np.float32))
    np.testing.assert_array_equal(column(feature, values, "is_pro"), posts["is_pro"].astype(np.float32))


def test_time_is_one_hot_in_utc(posts):
    feature = fitted(posts)
    values = feature.extract(posts)
    assert feature.names[2:9] == [f"posted_weekday_utc_{d}" for d in range(7)]
    np.testing.assert_array_equal(values[:6, 2:9], np.eye(7)[:6])
    assert column(feature, values, "posted_month_utc_1")[:6].tolist() == [1] * 6
    assert column(feature, values, "posted_hour_utc_23")[:6].tolist() == [1] * 6
    assert np.isnan(values[6, 2:]).all()
    assert values[:6, 2:].sum(axis=1).tolist() == [3] * 6


def test_other_zones_are_brought_to_utc(posts):
    feature = fitted(posts)
    abroad = posts.assign(posted_at=posts["posted_at"].dt.tz_convert("Asia/Tokyo"))
    np.testing.assert_array_equal(feature.extract(abroad), feature.extract(posts))


def test_a_week_later_is_the_same_weekday_and_hour(posts):
    feature = fitted(posts)
    later = posts.assign(posted_at=posts["posted_at"] + pd.Timedelta(weeks=1))
    keep = [i for i, name in enumerate(feature.names) if "month" not in name]
    np.testing.assert_array_equal(feature.extract(later)[:, keep], feature.extract(posts)[:, keep])


def test_hour_is_optional(posts):
    assert not [n for n in fitted(posts, hour=False).names if "hour" in n]


def test_logarithms_of_counts_and_of_their_ratios():
    posts = build_posts(10)[["post_id", "posted_at", "followers", "user_photos", "is_pro"]]
    posts = posts.assign(below=-3.0, user_photos=7.0)
    feature = UserTime(logarithms=True)
    feature.fit(posts)
    values = feature.extract(posts)
    assert feature.counts == ["followers", "user_photos"], "not what is a yes or no, nor what is below 0"
    np.testing.assert_allclose(column(feature, values, "followers_log2p1"), np.log2(posts["followers"] + 1), rtol=1e-6)
    ratio = np.log2(posts["followers"] + 1) - 3
    np.testing.assert_allclose(column(feature, values, "followers_to_user_photos_log2"), ratio, rtol=1e-6)
    again = UserTime(logarithms=True)
    again.restore(json.loads(json.dumps(feature.state())))
    np.testing.assert_array_equal(again.extract(posts), values)


def test_time_in_numbers():
    posts = build_posts(400)[["post_id", "posted_at"]]
    feature = UserTime(time="numbers")
    feature.fit(posts[5:])
    assert feature.names[0] == "posted_days_after_first"
    values = feature.extract(posts)
    time = posts["posted_at"]
    days = (time - time[5:].min()) / pd.Timedelta(days=1)
    np.testing.assert_allclose(column(feature, values, "posted_days_after_first"), days, atol=1e-4)
    np.testing.assert_array_equal(column(feature, values, "posted_weekday_utc"), time.dt.day_of_week)
    np.testing.assert_array_equal(column(feature, values, "posted_hour_utc"), time.dt.hour)
    sine, cosine = (column(feature, values, f"posted_year_{part}") for part in ("sine", "cosine"))
    np.testing.assert_allclose(sine**2 + cosine**2, 1, rtol=1e-5)
    new_year, summer = (np.flatnonzero((time.dt.month == month).to_numpy()) for month in (1, 7))
    assert cosine[new_year].min() > 0.8 > -0.8 > cosine[summer].max()
    assert "posted_hour_utc" not in fitted_names(posts, hour=False)
    assert np.isnan(feature.extract(posts.assign(posted_at=pd.NaT))).all()


def fitted_names(posts, **arguments):
    feature = UserTime(time="numbers", **arguments)
    feature.fit(posts)
    return feature.names


def test_rows_stand_for_themselves(posts):
    feature = fitted(posts)
    np.testing.assert_array_equal(feature.extract(posts[3:5].reset_index(drop=True)), feature.extract(posts)[3:5])


def test_chosen_columns_alone(posts):
    feature = fitted(posts, columns=["followers"])
    assert "is_pro" not in feature.names
    assert feature.missing(["is_pro"]) == ["followers"]
    assert feature.missing(KINDS) == []


def test_text_is_no_number():
    with pytest.raises(UserError, match=r"features\.user_time\.columns: 'title' holds no numbers"):
        UserTime(columns=["title"]).reads(KINDS)


def test_a_column_without_any_training_value_is_left_out(posts):
    assert "followers" not in fitted(posts.assign(followers=np.nan)).names


def test_a_dataset_without_times(posts):
    feature = UserTime()
    feature.fit(posts[["post_id", "followers"]])
    assert feature.names == ["followers"]
    assert feature.extract(posts).shape == (7, 1)


def test_state_comes_back(posts):
    feature, again = fitted(posts), UserTime()
    again.restore(feature.state())
    assert again.names == feature.names
    np.testing.assert_array_equal(again.extract(posts), feature.extract(posts))


@pytest.mark.parametrize("lacking", ["followers", "posted_at"])
def test_a_draft_that_lacks_a_column(posts, lacking):
    assert lacking in fitted(posts).needed


def test_drafts_without_any_time(posts):
    drafts = posts.assign(posted_at=pd.Series([None] * 7, dtype="object"))
    assert np.isnan(fitted(posts).extract(drafts)[:, 2:]).all()
