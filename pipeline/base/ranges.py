"""Numbers that keys of params.yaml may have, as types: `bind` refuses all others and says what to give instead.

Each is a plain type, then words and a rule in turn: a person reads the words of the first rule that a number
breaks. The words stand before the first rule, and so beartype, where it checks calls in tests, sees the plain
type alone: only what a person wrote is held to a range.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from beartype.vale import Is

LARGEST = 2**31 - 1
"""Of C's int, with which the libraries below count; larger ones crash them."""
HUGE = 10**9
"""No rate, weight or penalty is larger."""


def at_least(least: float) -> Any:
    """The rule that a number is not below `least`; NaN is."""
    return Is[lambda value: value >= least]


def at_most(most: float) -> Any:
    """The rule that a number is not above `most`; NaN is."""
    return Is[lambda value: value <= most]


_above_zero = Is[lambda value: value > 0]

some = Is[lambda values: len(values) > 0]
"""The rule that a list is not empty."""

Count = Annotated[int, "1 or more", at_least(1), f"{LARGEST} or less", at_most(LARGEST)]
"""How many there are of something that there is."""
Whole = Annotated[int, "0 or more", at_least(0), f"{LARGEST} or less", at_most(LARGEST)]
"""How many there are of something that there may be none of."""
Seed = Whole
"""Start of random numbers; XGBoost, PyTorch or NumPy crash on others."""
Resamples = Annotated[int, "0 or more", at_least(0), "1000000 or less", at_most(10**6)]
"""How often something is drawn again."""
Several = Annotated[int, "2 or more", at_least(2), "1000 or less", at_most(1000)]
"""Parts to cut something into."""
Few = Annotated[int, "1 or more", at_least(1), "1000 or less", at_most(1000)]
"""How many there are of something beside each of many."""
Threads = Annotated[int, "1 or more", at_least(1), "4096 or less", at_most(4096)]
"""Threads or processes of one machine."""
Length = Annotated[int, "1 or more", at_least(1), "10000 or less", at_most(10_000)]
"""Numbers a post has a place for: words of a text, dimensions of a vector."""
Vocabulary = Annotated[int, "1 or more", at_least(1), "1000000 or less", at_most(10**6)]
"""Different words."""
Side = Annotated[int, "1 or more", at_least(1), "4096 or less", at_most(4096)]
"""Pixels of a side of a picture that something looks at."""
Depth = Annotated[int, "1 or more", at_least(1), "30 or less", at_most(30)]
"""Of a tree; at 31 the number of its nodes is no int any more."""

Place = Annotated[int, "-1000 or more", at_least(-1000), "1000 or less", at_most(1000)]
"""Which of several in a row, from 0, or from the last at -1."""

Positive = Annotated[float, "a number above 0", _above_zero, f"{HUGE} or less", at_most(HUGE)]
"""A step, a tolerance, a weight that must not vanish."""
NotNegative = Annotated[float, "0 or more", at_least(0), f"{HUGE} or less", at_most(HUGE)]
"""A penalty, a limit."""
Rate = Annotated[float, "a number above 0", _above_zero, "1 or less", at_most(1)]
"""The share of a correction that is taken."""
Share = Annotated[float, "0 to 1", Is[lambda value: 0 <= value <= 1]]
"""A part of a whole, none and all of it among them."""
Inside = Annotated[float, "a number between 0 and 1", Is[lambda value: 0 < value < 1]]
"""A part of a whole that is neither none nor all."""
Dropout = Annotated[float, "0 or more and less than 1", Is[lambda value: 0 <= value < 1]]
"""Share of neurons left out; without any there is no network."""

Width = Annotated[int, "1 or more", at_least(1), "65536 or less", at_most(2**16)]
"""Units of a layer."""
Widths = Sequence[Width]
"""A width a layer."""
Pair = Annotated[Sequence[Width], "two numbers", Is[lambda value: len(value) == 2]]
"""Widths of two layers."""
Odd = Annotated[
    int, "an odd width of 1 or more", Is[lambda value: value > 0 and value % 2], "999 or less", at_most(999)
]
"""Width of a window that has a middle."""
