"""Every number that a feature or a system takes has an upper bound that means something."""

import dataclasses
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from features import base as features
from models import base as models
from pipeline.base.binding import bind
from pipeline.base.errors import UserError

TWENTY = 12345678901234567890
GIVEN = {models.Learner: ("seed", "device", "checkpoint"), features.Feature: ("device",)}
"""Arguments that come from the pipeline; of the seeds of systems, `params` takes care."""


def numbers(hint: Any, value: Any) -> Iterator[Any]:
    """`value` in the form of each kind of number that a type lets through."""
    arguments = typing.get_args(hint)
    if hint in (int, float):
        yield value
    elif dataclasses.is_dataclass(hint) or typing.is_typeddict(hint):
        for key, inner in typing.get_type_hints(hint, include_extras=True).items():
            yield from ({key: one} for one in numbers(inner, value))
    elif typing.get_origin(hint) is typing.Annotated:
        yield from numbers(hint.__origin__, value)
    elif isinstance(typing.get_origin(hint), type) and issubclass(typing.get_origin(hint), typing.Sequence):
        yield from ([one] for one in numbers(arguments[0], value))
        yield from ([one, one] for one in numbers(arguments[0], value))
    else:
        for argument in arguments if typing.get_origin(hint) is not typing.Literal else ():
            yield from numbers(argument, value)


CLASSES = [features.feature_class(name) for name in features.discover()]
CLASSES += [models.system_class(name) for name in models.discover()]
KEYS = [
    (cls, key, form)
    for cls in CLASSES
    for key, hint in typing.get_type_hints(cls.__init__, include_extras=True).items()
    if key in inspect.signature(cls).parameters
    and not any(issubclass(cls, base) and key in GIVEN[base] for base in GIVEN)
    for form in numbers(hint, TWENTY)
]


def test_there_are_numbers_of_every_form():
    found = {key for _, key, _ in KEYS}
    assert {"dimensions", "length", "batch_size", "seed", "C", "trees", "training", "hidden", "grid"} <= found


@pytest.mark.parametrize(("cls", "key", "form"), KEYS, ids=lambda one: getattr(one, "__name__", str(one)))
def test_a_number_of_twenty_digits_is_refused(cls, key, form):
    required = {k for k, p in inspect.signature(cls).parameters.items() if p.default is p.empty} - {key}
    with pytest.raises(UserError, match=rf"entry\.{key}[.\w]*: .*{TWENTY}.* cannot be; give "):
        bind("entry", cls, {key: form}, **dict.fromkeys(required))
