"""Keys of params.yaml bound to the signature that reads them.

`bind` checks a section against the keyword arguments of the callable it feeds, so a key that nothing reads is an
error and not a silent default.
"""

import difflib
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

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

    `given` are arguments the pipeline passes itself; they may not stand in `entry`. `known` are keys that others read
    from the same place.
    Raises `UserError` for a key nothing reads, a missing one, or a value of another type.
    """
    entry = dict(entry or {})
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    parameters = {name: p for name, p in inspect.signature(target).parameters.items() if name not in given}
    for key, value in entry.items():
        if key not in parameters:
            raise UserError(f"{where}.{key}: nothing reads this key{nearest(key, [*parameters, *known])}")
        if key in hints and not _fits(value, hints[key]):
            raise UserError(f"{where}.{key}: {value!r} is not {_describe(hints[key])}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in entry:
            raise UserError(f"{where}.{name}: missing; it is {_describe(hints.get(name, Any))}")
    return {**entry, **{k: v for k, v in given.items() if k in inspect.signature(target).parameters}}


def _fits(value: Any, hint: Any) -> bool:
    """Whether all of `value` is what `hint` says; beartype looks at one item of a container, and at that by chance."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return any(_fits(value, one) for one in arguments)
    if isinstance(value, bool) and hint in (int, float):
        return False
    if isinstance(value, Mapping) and len(arguments) == 2:
        inside = all(_fits(k, arguments[0]) and _fits(v, arguments[1]) for k, v in value.items())
    elif isinstance(value, list) and len(arguments) == 1:
        inside = all(_fits(item, arguments[0]) for item in value)
    else:
        inside = True
    return inside and is_bearable(value, hint, conf=_TOWER)


def nearest(key: str, known: Any) -> str:
    """The end of a sentence about an unknown key: what was meant, or what there is."""
    close = difflib.get_close_matches(str(key), [str(k) for k in known], n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(map(str, known))) or 'none'}"


def _describe(hint: Any) -> str:
    return hint.__name__ if inspect.isclass(hint) and not typing.get_args(hint) else str(hint).replace("typing.", "")
