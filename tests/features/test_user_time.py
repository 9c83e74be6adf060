import numpy as np
import pandas as pd
import pytest

from features.user_time import UserTime
from pipeline.base.errors import UserError

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
