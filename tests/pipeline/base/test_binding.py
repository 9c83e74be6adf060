"""Sections within a section: an argument that is a dataclass, or a mapping of declared keys."""

from dataclasses import dataclass
from typing import Annotated, TypedDict

import pytest

from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Positive, some


class Grid(TypedDict, total=False):
    epochs: Annotated[list[Count], "at least one value", some]
    rate: list[Positive]


@dataclass(frozen=True, kw_only=True)
class Knobs:
    epochs: Count = 10
    rate: Positive = 0.1
    grid: Grid | None = None


@dataclass(frozen=True, kw_only=True)
class Named:
    name: str


def target(*, width: Count = 4, knobs: Knobs = Knobs(epochs=30), named: Named | None = None) -> None:
    """Has defaults of its own for the fields of a section."""


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"knobs": {"rate": 0.5}}, Knobs(epochs=30, rate=0.5)),
        ({"knobs": {"epochs": 5}}, Knobs(epochs=5)),
        ({"knobs": {}}, Knobs(epochs=30)),
        ({"knobs": None}, Knobs(epochs=30)),
        ({"knobs": Knobs(rate=9)}, Knobs(rate=9)),
        (
            {"knobs": {"grid": {"rate": [1, 0.5], "epochs": [3]}}},
            Knobs(epochs=30, grid={"rate": [1, 0.5], "epochs": [3]}),
        ),
    ],
)
def test_a_section_is_merged_over_the_default(entry, expected):
    assert bind("net", target, entry) == {"knobs": expected}


def test_what_is_given_in_a_file_stays_as_it_is():
    entry = {"width": 3, "knobs": {"epochs": 5}}
    assert bind("net", target, entry)["width"] == 3
    assert entry == {"width": 3, "knobs": {"epochs": 5}}
    assert bind("net", target, {}) == {}


def test_a_grid_is_searched_in_the_order_it_is_written_in():
    bound = bind("net", target, {"knobs": {"grid": {"rate": [1], "epochs": [3]}}})
    assert list(bound["knobs"].grid) == ["rate", "epochs"]


def test_a_section_that_may_be_absent():
    assert bind("net", target, {"named": {"name": "x"}}) == {"named": Named(name="x")}
    assert bind("net", target, {"named": None}) == {"named": None}
    with pytest.raises(UserError, match=r"^net\.named\.name: missing; it is str$"):
        bind("net", target, {"named": {}})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"knobs": {"epoch": 3}}, "net.knobs.epoch: nothing reads this key; did you mean 'epochs'?"),
        ({"knobs": {"epochs": 2.5}}, "net.knobs.epochs: 2.5 is not int"),
        ({"knobs": {"epochs": 0}}, "net.knobs.epochs: 0 cannot be; give 1 or more"),
        ({"knobs": 3}, "net.knobs: 3 is not a section of epochs, rate, grid"),
        ({"knobs": [1]}, "net.knobs: [1] is not a section of epochs, rate, grid"),
        ({"epochs": 3}, "net.epochs: this key now stands under knobs (net.knobs.epochs)"),
        ({"knobs": {"grid": {"epoch": [1]}}}, "net.knobs.grid.epoch: nothing reads this key; did you mean 'epochs'?"),
        ({"knobs": {"grid": {"epochs": []}}}, "net.knobs.grid.epochs: [] cannot be; give at least one value"),
        ({"knobs": {"grid": {"rate": [1, 0]}}}, "net.knobs.grid.rate: 0 cannot be; give a number above 0"),
        ({"knobs": {"grid": [1]}}, "net.knobs.grid: [1] is not a section of epochs, rate"),
    ],
)
def test_the_whole_place_is_named(entry, message):
    with pytest.raises(UserError) as error:
        bind("net", target, entry)
    assert str(error.value) == message
