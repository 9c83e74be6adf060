"""params.yaml: read once, every key bound to the signature that reads it.

Nothing of the parameters enters a class as an object: `bind` checks a section against the keyword
arguments of the callable it feeds, so a key that nothing reads is an error and not a silent default.
"""

import difflib
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from beartype import BeartypeConf
from beartype.door import is_bearable
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.base.errors import UserError

SECTIONS = ("seed", "dataset", "split", "images", "compute", "features", "systems", "evaluate")
HIDDEN = ("size", "nfiles")
"""Keys that DVC leaves out, at any depth, when it looks among its past runs for one with the same parameters: with
another `size` it would take the outputs of the old one."""
_TOWER = BeartypeConf(is_pep484_tower=True)


def load(path: Path) -> dict[str, Any]:
    """Read a params file with the parser DVC uses (YAML 1.2) and check its sections.

    Raises `UserError` where the file is missing, is no YAML, has a section nothing reads, or a key DVC overlooks.
    """
    try:
        params = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the project's root or copy one from presets/") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(params, dict):
        raise UserError(f"{path}: expected sections {', '.join(SECTIONS)}")
    for key in params:
        if key not in SECTIONS:
            raise UserError(f"{path}: {key}: nothing reads this section{_nearest(key, SECTIONS)}")
    for key in SECTIONS:
        if key not in params:
            raise UserError(f"{path}: section '{key}' is missing; compare presets/")
    for where in _hidden(params):
        raise UserError(f"{path}: {where}: DVC would not see a change of a key of this name; it needs another")
    return params


def _hidden(value: Any, where: str = "") -> Iterator[str]:
    """Where in `value` keys have names that DVC leaves out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            place = f"{where}.{key}".lstrip(".")
            if key in HIDDEN:
                yield place
            yield from _hidden(inner, place)
    elif isinstance(value, list):
        for inner in value:
            yield from _hidden(inner, where)


def bind(where: str, target: Callable[..., Any], entry: Mapping[str, Any] | None, **given: Any) -> dict[str, Any]:
    """Check `entry` against the keyword arguments of `target`; returns `entry` with `given` merged in.

    `given` are arguments the pipeline passes itself; they may not stand in `entry`.
    Raises `UserError` for a key nothing reads, a missing one, or a value of another type.
    """
    entry = dict(entry or {})
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    parameters = {name: p for name, p in inspect.signature(target).parameters.items() if name not in given}
    for key, value in entry.items():
        if key not in parameters:
            raise UserError(f"{where}.{key}: nothing reads this key{_nearest(key, parameters)}")
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


def _nearest(key: str, known: Any) -> str:
    close = difflib.get_close_matches(str(key), [str(k) for k in known], n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(map(str, known))) or 'none'}"


def _describe(hint: Any) -> str:
    return hint.__name__ if inspect.isclass(hint) and not typing.get_args(hint) else str(hint).replace("typing.", "")
