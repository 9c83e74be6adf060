import pandas as pd
import pytest

from pipeline.base.errors import UserError
from pipeline.readers.parts.times import AMBIGUOUS, NO_ZONE, UNREADABLE, TimeForm, times


def problems_at(values, form=None):
    _, problems = times(values, form or TimeForm())
    return {problem: mask.tolist().index(True) for problem, mask in problems.items() if mask.any()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("202405011830", "2024-05-01T18:30:00"),
        (202405011830, "2024-05-01T18:30:00"),
        (202405011830.0, "2024-05-01T18:30:00"),
        ("20240501183005", "2024-05-01T18:30:05"),
        ("20240501183005250", "2024-05-01T18:30:05.250000"),
        ("981173106000", "2001-02-03T04:05:06"),
        ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24"),
        ("31.05.2024 10:00", "2024-05-31T10:00:00"),
        ("5/31/2024 1:22:35 AM", "2024-05-31T01:22:35"),
        ("5/31/2024, 12:22 p.m.", "2024-05-31T12:22:00"),
        ("5/5/2024", "2024-05-05T00:00:00"),
        ("Nov 12, 2023, 6:30 PM", "2023-11-12T18:30:00"),
        ("Nov 12, 2023, 6:30\u202fPM", "2023-11-12T18:30:00"),
        ("12-Nov-2023 18:30", "2023-11-12T18:30:00"),
        ("Sunday, 12 November 2023 at 18:30", "2023-11-12T18:30:00"),
        ("2024:05:01 18:30:00", "2024-05-01T18:30:00"),
        ("Wed, 10 Oct 2018 20:19:24 +0200", "2018-10-10T18:19:24"),
        ("Wed, 10 Oct 2018 20:19:24 GMT", "2018-10-10T20:19:24"),
        ("Wed, 10 Oct 2018 20:19:24 EST", "2018-10-11T01:19:24"),
        ("Thu May 02 2024 18:30:00 GMT+0200 (CEST)", "2024-05-02T16:30:00"),
        ("2024-05-01T18:30+02:00[Europe/Berlin]", "2024-05-01T16:30:00"),
        ("2024-05-01T18:30[Europe/Berlin]", "2024-05-01T16:30:00"),
        ("2024-05-01 18:30:00 +0200", "2024-05-01T16:30:00"),
        ("2024-05-01 18:30 PST", "2024-05-02T02:30:00"),
        ("2024-05-01 6:30 PM", "2024-05-01T18:30:00"),
        ("2024/5/1 8:05", "2024-05-01T08:05:00"),
        ("2024.05.01", "2024-05-01T00:00:00"),
        ("2024-05-01T18:30:00,5Z", "2024-05-01T18:30:00.500000"),
        ("2024\u5e745\u67081\u65e5 18:30", "2024-05-01T18:30:00"),
    ],
)
def test_forms_that_mean_one_time_are_read(value, expected):
    assert times([value])[0][0].isoformat() == f"{expected}+00:00"
    assert not problems_at([value])


@pytest.mark.parametrize("value", ["12/1/2016 1:22:35 AM", "01.05.2024 10:00", "1-2-2024", "13/5/24", "10/11/12"])
def test_which_of_two_is_the_day_is_asked(value):
    assert times([value])[0].isna().all()
    assert problems_at([value]) == {AMBIGUOUS: 0}
    assert "dataset.time_format" in AMBIGUOUS


@pytest.mark.parametrize(
    "value",
    [
        *("now", "today", "yesterday", "May 2024", "May 1", "199913012400", "20240230120000", "18:30"),
        *("Mayor of 2024 at 5", "Nov 12, 2023 18:30 IST", "2024-05-01 18:30 XYZ", "2024-05-01T18:30[Mars/Base]"),
        "x" * 10_000 + " May 1 2024",
    ],
)
def test_nothing_is_guessed(value):
    assert times([value])[0].isna().all()
    assert problems_at([value]) == {UNREADABLE: 0}


def test_other_rows_say_which_is_the_day():
    assert times(["12/1/2016", "13/1/2016"])[0].dt.day.tolist() == [12, 13]
    assert times(["12/1/2016", "1/13/2016"])[0].dt.day.tolist() == [1, 13]
    assert times(["12/1/2016", "1/13/2016", "13/1/2016"])[0].isna().tolist() == [True, False, False]


def test_a_format_and_a_zone_say_it():
    values = ["01.05.2024 18:30", "01.12.2024 18:30", "2024-05-01T18:30", "2024-05-01T18:30Z", "202405011830"]
    read, _ = times(values, TimeForm("%d.%m.%Y %H:%M", "Europe/Berlin"))
    assert [t.strftime("%m-%d %H:%M") for t in read] == [
        *("05-01 16:30", "12-01 17:30", "05-01 16:30", "05-01 18:30", "05-01 16:30")
    ]
    assert not problems_at(values, TimeForm("%d.%m.%Y %H:%M", "Europe/Berlin"))
    zoned, _ = times(["01.05.2024 +0200", "01.05.2024 -0100"], TimeForm("%d.%m.%Y %z"))
    assert zoned.dt.hour.tolist() == [22, 1]
    assert NO_ZONE in problems_at(["2024-05-01T18:30", "2024-05-01T18:30Z"])


def test_an_hour_that_is_twice_or_never_there_is_no_obstacle():
    read, _ = times(["2024-10-27T02:30", "2024-03-31T02:30"], TimeForm(zone="Europe/Berlin"))
    assert read.tolist() == [pd.Timestamp("2024-10-27T00:30Z"), pd.Timestamp("2024-03-31T01:00Z")]


@pytest.mark.parametrize("form", ["%d", "%Q", "%H:%M", "", "nonsense"])
def test_a_format_that_is_none_is_named(form):
    with pytest.raises(UserError, match=r"dataset\.time_format"):
        TimeForm(form)


@pytest.mark.parametrize("zone", ["Nowhere/There", "../etc/passwd", "", "+02:00"])
def test_a_zone_that_is_none_is_named(zone):
    with pytest.raises(UserError, match=r"dataset\.time_zone"):
        TimeForm(zone=zone)
