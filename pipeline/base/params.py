"""params.yaml: read once, its sections checked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.base.binding import nearest
from pipeline.base.errors import UserError

SECTIONS = ("seed", "dataset", "split", "images", "compute", "features", "systems", "evaluate")
HIDDEN = ("size", "nfiles")
"""Keys that DVC leaves out, at any depth, when it looks among its past runs for one with the same parameters: with
another `size` it would take the outputs of the old one."""


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
            raise UserError(f"{path}: {key}: nothing reads this section{nearest(key, SECTIONS)}")
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
