"""Keys of params.yaml bound to the signature that reads them.

`bind` checks a section against the keyword arguments of the callable it feeds, so a key that nothing reads is an
error and not a silent default, and so is a number out of the range its type has (`pipeline.base.ranges`). A key
may hold a section of its own: where an argument is a dataclass, or a `TypedDict`.
"""

import dataclasses
import difflib
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, NamedTuple

from beartype import BeartypeConf
from beartype.door import is_bearable

from pipeline.base.errors import UserError

_TOWER = BeartypeConf(is_pep484_tower=True)


def bind(
    where: str,
    target: Callable[..., Any],
    entry: Mapping[str, Any] | None,
    *,
    known: Collection[str] = (),
    **given: Any,
) -> dict[str, Any]:
    """Check `entry` against the keyword arguments of `target`; returns `entry` with `given` merged in.

    `given` are arguments the pipeline passes itself; they may not stand in `entry`. `known` are keys that others
    read from the same place. Where an argument is a dataclass, its section comes back as one: the argument's
    default, with the fields that the section gives. Raises `UserError` for a key nothing reads, a missing one, or a
    value of another type or out of its range.
    """
    parameters = inspect.signature(target).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items() if name not in given}
    bound = _bind(where, target.__init__ if inspect.isclass(target) else target, defaults, entry, known)
    return {**bound, **{key: value for key, value in given.items() if key in parameters}}


def _bind(
    where: str, owner: Any, defaults: Mapping[str, Any], entry: Mapping[str, Any] | None, known: Collection[str] = ()
) -> dict[str, Any]:
    """`entry`, checked; `owner` has the types of its keys, those without a default must be there."""
    hints, plain = typing.get_type_hints(owner, include_extras=True), typing.get_type_hints(owner)
    bound = dict(entry or {})
    for key, value in bound.items():
        place = f"{where}.{key}"
        if key not in defaults:
            raise UserError(f"{place}: {_unread(where, key, {name: hints.get(name) for name in [*defaults, *known]})}")
        section = _section(hints.get(key))
        if section and (isinstance(value, Mapping) or (value is None and dataclasses.is_dataclass(hints[key]))):
            bound[key] = _bind_section(place, section, defaults[key], value)
        elif misfit := _misfit(value, hints.get(key, Any)):
            cannot = f"cannot be; give {misfit.words}" if misfit.words else f"is not {_describe(plain[key])}"
            raise UserError(f"{place}: {misfit.value!r} {cannot}")
    for name, default in defaults.items():
        if default is inspect.Parameter.empty and name not in bound:
            raise UserError(f"{where}.{name}: missing; it is {_describe(plain.get(name, Any))}")
    return bound


def _bind_section(place: str, section: Any, default: Any, entry: Mapping[str, Any] | None) -> Any:
    if not isinstance(section, type) or not dataclasses.is_dataclass(section):
        return _bind(place, section, dict.fromkeys(_keys(section)), entry)
    bound = bind(place, section, entry)
    return dataclasses.replace(default, **bound) if isinstance(default, section) else section(**bound)


def _section(hint: Any) -> Any:
    """The dataclass or `TypedDict` that a hint is, or is beside None; None where it is neither."""
    options = typing.get_args(hint) if _is_union(hint) else [hint]
    return next((one for one in options if dataclasses.is_dataclass(one) or typing.is_typeddict(one)), None)


def _keys(section: Any) -> list[str]:
    return list(typing.get_type_hints(section))


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (types.UnionType, typing.Union)


class _Misfit(NamedTuple):
    """A value that a key cannot have, and what it could, in words; without them it is of another type."""

    value: Any
    words: str = ""


def _misfit(value: Any, hint: Any) -> _Misfit | None:
    """What of `value` is not as `hint` says; beartype looks at one item of a container, and at that by chance."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        words, rules = hint.__metadata__[::2], hint.__metadata__[1::2]
        broken = (_Misfit(value, said) for said, rule in zip(words, rules, strict=True) if not rule.is_valid(value))
        return _misfit(value, hint.__origin__) or next(broken, None)
    if _is_union(hint):
        found = [_misfit(value, one) for one in arguments]
        worded = [
            one._replace(words=one.words + ", or null" * (type(None) in arguments))
            for one in found
            if one and one.words
        ]
        return None if None in found else next(iter(worded), _Misfit(value))
    if isinstance(value, bool) and hint in (int, float):
        return _Misfit(value)
    if inside := next(filter(None, (_misfit(*pair) for pair in _inside(value, arguments))), None):
        return inside if inside.words else _Misfit(value)
    return None if is_bearable(value, hint, conf=_TOWER) else _Misfit(value)


def _inside(value: Any, arguments: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """What a container holds, each with its type."""
    if isinstance(value, Mapping) and len(arguments) == 2:
        return [pair for item in value.items() for pair in zip(item, arguments, strict=True)]
    return [(item, arguments[0]) for item in value] if isinstance(value, list) and len(arguments) == 1 else []


def _unread(where: str, key: str, hints: Mapping[str, Any]) -> str:
    """What is said of a key nothing reads: in which of the sections beside it it stands, or what was meant."""
    for name, hint in hints.items():
        if (section := _section(hint)) and key in _keys(section):
            return f"this key now stands under {name} ({where}.{name}.{key})"
    return f"nothing reads this key{nearest(key, hints)}"


def nearest(key: str, known: Any) -> str:
    """The end of a sentence about an unknown key: what was meant, or what there is."""
    close = difflib.get_close_matches(str(key), [str(k) for k in known], n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(map(str, known))) or 'none'}"


def _describe(hint: Any) -> str:
    if section := _section(hint):
        return f"a section of {', '.join(_keys(section))}"
    if _is_union(hint):
        return " | ".join(_describe(one) for one in typing.get_args(hint)).replace("NoneType", "None")
    return hint.__name__ if inspect.isclass(hint) and not typing.get_args(hint) else str(hint).replace("typing.", "")
