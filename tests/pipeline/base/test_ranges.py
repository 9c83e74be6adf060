"""Ranges in types: what each lets through, what is said of the rest, and that beartype sees plain types."""

from typing import Annotated, Any, Literal, get_origin

import pytest
from beartype.door import is_bearable

from pipeline.base import ranges
from pipeline.base.binding import bind
from pipeline.base.errors import UserError

NAN, INF = float("nan"), float("inf")
TWENTY = 12345678901234567890
TYPES = {name: kind for name, kind in vars(ranges).items() if get_origin(kind) is Annotated}


def checked(kind: Any, value: Any) -> Any:
    def target(*, key): ...

    target.__annotations__ = {"key": kind}
    return bind("section", target, {"key": value})["key"]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("Count", [1, 2**31 - 1], [0, -1, 2**31, TWENTY]),
        ("Seed", [0, 2**31 - 1], [-1, 2**31, TWENTY]),
        ("Several", [2, 1000], [1, 1001]),
        ("Threads", [1, 64], [0, TWENTY]),
        ("Length", [1, 10_000], [0, 10_001, 10_000_000]),
        ("Depth", [1, 18, 30], [0, 31]),
        ("Positive", [1e-9, 1, 1e9], [0, 0.0, -1, NAN, INF, TWENTY]),
        ("NotNegative", [0, 0.5], [-0.1, NAN, INF]),
        ("Rate", [0.01, 1], [0, 1.5, NAN]),
        ("Share", [0, 0.5, 1], [-0.1, 1.1, NAN]),
        ("Inside", [0.5], [0, 1.0, NAN]),
        ("Dropout", [0, 0.99], [-0.1, 1, NAN]),
        ("Widths", [[], [1, 65_536]], [[0], [4, -1], [TWENTY]]),
        ("Pair", [[8, 4]], [[8], [8, 4, 2], [0, 4], []]),
        ("Odd", [1, 3], [-1, 0, 2, 1001]),
    ],
)
def test_what_can_be_and_what_cannot(kind, good, bad):
    for value in good:
        assert checked(getattr(ranges, kind), value) == value
    for value in bad:
        with pytest.raises(UserError, match=r"^section\.key: .* cannot be; give .+$"):
            checked(getattr(ranges, kind), value)


def test_the_words_are_those_of_the_rule_that_is_broken():
    for value, words in ((0, "1 or more"), (TWENTY, "2147483647 or less")):
        with pytest.raises(UserError) as error:
            checked(ranges.Count, value)
        assert str(error.value) == f"section.key: {value} cannot be; give {words}"


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (ranges.Count | None, 0, "section.key: 0 cannot be; give 1 or more, or null"),
        (Literal["scale", "auto"] | ranges.Positive, -1.0, "section.key: -1.0 cannot be; give a number above 0"),
        (Literal["scale", "auto"] | ranges.Positive, "x", "section.key: 'x' is not Literal['scale', 'auto'] | float"),
        (ranges.Widths, [4, 4, 0], "section.key: 0 cannot be; give 1 or more"),
        (ranges.Count | list[ranges.Count], [3, 0], "section.key: 0 cannot be; give 1 or more"),
        (dict[str, list[ranges.Share]], {"a": [1], "b": [0, 2]}, "section.key: 2 cannot be; give 0 to 1"),
        (ranges.Pair, [4], "section.key: [4] cannot be; give two numbers"),
        (ranges.Count, True, "section.key: True is not int"),
        (ranges.Count, 1.5, "section.key: 1.5 is not int"),
        (ranges.Widths, [4, "5"], "section.key: [4, '5'] is not collections.abc.Sequence[int]"),
    ],
)
def test_ranges_are_looked_for_in_containers_and_unions(kind, value, message):
    with pytest.raises(UserError) as error:
        checked(kind, value)
    assert str(error.value) == message


def test_null_and_words_pass_where_they_may():
    assert checked(ranges.Count | None, None) is None
    assert checked(Literal["scale"] | ranges.Positive, "scale") == "scale"


@pytest.mark.parametrize("name", TYPES)
def test_beartype_takes_the_plain_type(name):
    """Calls in tests are checked by beartype, which refuses words behind a rule and is not to hold to ranges."""
    plain = TYPES[name].__origin__
    for value in (-1, -1.0, [-1], "x"):
        assert is_bearable(value, TYPES[name]) == is_bearable(value, plain)
