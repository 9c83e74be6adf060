"""Followers and elapsed hours by their training maxima."""

import json

import numpy as np
import pandas as pd
import pytest

from features.context import Context
from pipeline.base.errors import UserError

POSTED = pd.Timestamp("2024-01-01T12:00Z")
TRAIN = pd.DataFrame(
    {
        "followers": [10.0, 40.0, np.nan, 0.0],
        "posted_at": [POSTED] * 4,
        "collected_at": POSTED + pd.to_timedelta([5, 20, 10, np.nan], unit="h"),
        "longitude": [-50.0, -20.0, np.nan, -10.0],
        "blank": [np.nan] * 4,
        "title": ["a"] * 4,
    }
)
TEST = TRAIN.assign(followers=[80.0, np.inf, 4.0, 1.0], posted_at=[POSTED, None, POSTED, POSTED])


def fitted(**options):
    feature = Context(**options)
    feature.fit(TRAIN)
    return feature


def test_divided_by_the_training_maxima():
    feature = fitted()
    assert feature.names == ["followers_per_maximum", "elapsed_hours_per_maximum"]
    assert (feature.shape, feature.dtype) == ((2,), "float32")
    values = feature.extract(TRAIN)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [[0.25, 0.25], [1, 1], [np.nan, 0.5], [0, np.nan]])
    np.testing.assert_allclose(feature.extract(TEST), [[2, 0.25], [np.nan, np.nan], [0.1, 0.5], [0.025, np.nan]])
    assert json.loads(json.dumps(feature.state())) == {"maxima": [40.0, 20.0]}


def test_state_gives_the_same_values_back():
    again = Context()
    again.restore(json.loads(json.dumps(fitted().state())))
    np.testing.assert_array_equal(again.extract(TEST), fitted().extract(TEST))


def test_other_columns_keep_their_sign():
    values = fitted(columns=["longitude", "blank", "followers"]).extract(TRAIN)
    np.testing.assert_allclose(values[:, 0], [-1, -0.4, np.nan, -0.2], rtol=1e-6)
    assert np.isnan(values[:, 1]).all()
    np.testing.assert_allclose(values[:, 2], [0.25, 1, np.nan, 0])


def test_a_column_of_zeros_stays_zero():
    feature = Context(columns=["followers"])
    feature.fit(TRAIN.assign(followers=0.0))
    np.testing.assert_array_equal(feature.extract(TRAIN.assign(followers=0.0)), np.zeros((4, 1)))


def test_says_what_is_missing():
    assert Context().missing(["followers", "posted_at"]) == ["collected_at"]
    assert Context(columns=["followers"]).missing(["followers"]) == []
    assert fitted().needed == ("followers", "posted_at", "collected_at")
    with pytest.raises(UserError, match="'title' holds no numbers but string"):
        Context(columns=["title"]).reads({"title": "string"})
    for columns in ([], ["followers", "followers"]):
        with pytest.raises(UserError, match=r"features\.context\.columns"):
            Context(columns=columns)
    with pytest.raises(UserError, match="'collected_at' is a time; name elapsed_hours"):
        Context(columns=["followers", "collected_at"])
