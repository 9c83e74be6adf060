import numpy as np
import pytest

from pipeline.readers.parts import numerals


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["1,234", "12,345"], [1234, 12345]),
        (["1,234,567"], [1234567]),
        (["1.234.567", "1.234", "12,5"], [1234567, 1234, 12.5]),
        (["1.234,5", "1.234"], [1234.5, 1234]),
        (["1,234.5"], [1234.5]),
        (["12 345", "1\u00a0234\u00a0567", "12\u202f345", "1\u2009234.5"], [12345, 1234567, 12345, 1234.5]),
        (["1'234", "1\u2019234\u2019567"], [1234, 1234567]),
        (["12,34,567"], [1234567]),
        (["-1,234", "+1,234", "\u22125"], [-1234, 1234, -5]),
        (["1.234", "2.5"], [1.234, 2.5]),
    ],
)
def test_groups_of_thousands_are_read_where_they_can_mean_one_number(found, expected):
    values, problems = numerals.numbers(found)
    assert values.tolist() == expected
    assert not any(mask.any() for mask in problems.values())


@pytest.mark.parametrize(
    "value", ["1,23", "01,234", "0,123", "1,2345", "12,3456", "1 23", "1_000", "1,234 likes", "5%"]
)
def test_what_can_mean_two_numbers_or_none_is_no_number(value):
    values, problems = numerals.numbers([value, "7"])
    assert np.isnan(values).tolist() == [True, False]
    assert problems["no number"].tolist() == [True, False]


def test_the_other_values_of_a_column_say_what_its_commas_are():
    assert numerals.numbers(["1,234", "1,23", "5"])[0][:1].tolist() == [1234]
    assert np.isnan(numerals.numbers(["1,234", "0,5", "12,75"])[0]).all()


@pytest.mark.parametrize(
    ("value", "expected"), [("1.2K", 1200), ("3M", 3e6), ("2.5 m", 2.5e6), ("1B", 1e9), ("-1k", -1000)]
)
def test_rounded_numbers_are_read_and_named(value, expected):
    values, problems = numerals.counts([value.lstrip("-")])
    assert values.tolist() == [abs(expected)]
    assert problems["a rounded number (K, M, B)"].tolist() == [True]
    assert numerals.numbers([value])[0].tolist() == [expected]


def test_degrees_and_hours_are_never_in_thousands():
    values, problems = numerals.measures(["48,208", "48.208", "-3,5", "5K", "1'234", "1,234,567"])
    assert values[:3].tolist() == [48.208, 48.208, -3.5]
    assert problems["no number"].tolist() == [False] * 3 + [True] * 3
