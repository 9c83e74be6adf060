"""Transforms: their values, their inverses, and which rows have one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base import targets
from pipeline.base.errors import UserError
from pipeline.base.targets import Transform

RAW, DAYS = np.array([1.0, 7.0, 100.0]), np.array([1.0, 2.0, 0.5])


def posts(likes, posted="2021-01-01", collected="2021-01-03"):
    frame = pd.DataFrame({"likes": likes})
    for column, value in (("posted_at", posted), ("collected_at", collected)):
        frame[column] = pd.to_datetime([value] * len(frame), utc=True)
    return frame


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", [1, 7, 100]),
        ("log2p1", [1, 3, np.log2(101)]),
        ("log2_per_day", [1, np.log2(3.5) + 1, np.log2(200) + 1]),
        ("log2_per_day_plus_one", [1, np.log2(4.5), np.log2(201)]),
        ("max", [0.02, 0.14, 2.0]),
    ],
)
def test_values(name, expected):
    transform = Transform(name)
    transform.fit(np.array([3.0, 50.0]))
    np.testing.assert_allclose(transform.apply(RAW, DAYS), expected)
    again = Transform(**transform.state())
    np.testing.assert_array_equal(again.apply(RAW, DAYS), transform.apply(RAW, DAYS))


def test_every_transform_is_tested_above():
    marks = {mark.args[1][i][0] for mark in test_values.pytestmark for i in range(len(mark.args[1]))}
    assert marks == set(targets.NAMES)


@pytest.mark.parametrize("name", targets.NAMES)
@given(raw=st.floats(1e-3, 1e9), days=st.floats(0.01, 5000))
def test_inverse_takes_back(name, raw, days):
    transform = Transform(name, maximum=37.0)
    there = transform.apply(np.array([raw]), np.array([days]))
    np.testing.assert_allclose(transform.inverse(there, np.array([days])), [raw], rtol=1e-6, atol=1e-6 * days)


def test_maximum_is_of_the_training_part_and_never_zero():
    transform = Transform("max")
    transform.fit(np.array([0.0, 0.0]))
    assert transform.apply(np.array([0.0, 3.0])).tolist() == [0, 3]


def test_no_such_transform():
    with pytest.raises(UserError, match="no transform 'log10'; known: identity, log2p1"):
        Transform("log10")


@pytest.mark.parametrize(
    ("name", "likes", "good"),
    [
        ("identity", [-1, 0, np.nan, np.inf, 2], [True, True, False, False, True]),
        ("log2p1", [-1, 0, np.nan, np.inf, 2], [False, True, False, False, True]),
        ("max", [-1, 0, np.nan, np.inf, 2], [False, True, False, False, True]),
        ("log2_per_day", [-1, 0, np.nan, np.inf, 2], [False, False, False, False, True]),
        ("log2_per_day_plus_one", [-1, 0, np.nan, np.inf, 2], [False, True, False, False, True]),
    ],
)
def test_usable_rows(name, likes, good):
    frame = posts(likes)
    usable = targets.usable(frame, "likes", name)
    assert usable.tolist() == good
    transform = Transform(name, maximum=2.0)
    values = transform.apply(frame["likes"].to_numpy()[usable], targets.days_online(frame)[usable])
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("name", "good"), [("log2p1", True), ("log2_per_day", False), ("log2_per_day_plus_one", False)]
)
def test_without_times_no_row_has_counts_per_day(name, good):
    frame = posts([1, 2])[["likes"]]
    assert targets.usable(frame, "likes", name).tolist() == [good, good]


@pytest.mark.parametrize(
    ("posted", "collected"), [("2021-01-03", "2021-01-03"), ("2021-02-01", "2021-01-01"), (None, "2021-01-01")]
)
def test_without_days_online_nothing_counts_by_the_day(posted, collected):
    frame = posts([5.0], posted, collected)
    assert targets.usable(frame, "likes", "identity").all()
    assert not targets.usable(frame, "likes", "log2_per_day").any()
    assert not targets.usable(frame, "likes", "log2_per_day_plus_one").any()


def test_days_online():
    assert targets.days_online(posts([1.0], collected="2021-01-02T12:00")).tolist() == [1.5]
    assert targets.days_online(pd.DataFrame({"likes": [1.0]})) is None


def test_columns_needed():
    assert targets.columns_needed({"likes": "log2p1", "views": "max"}) == ["likes", "views"]
    assert targets.columns_needed({"likes": "log2_per_day"}) == ["likes", "posted_at", "collected_at"]


@pytest.mark.parametrize(
    ("transform", "label"),
    [("identity", "likes"), ("log2p1", "log2(likes + 1)"), ("log2_per_day", "log2(likes per day) + 1")],
)
def test_labels_say_the_unit(transform, label):
    assert targets.label("likes", transform) == label
