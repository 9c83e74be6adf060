"""data/plan/ as the stage `plan` leaves it: what can run of one feature or one system."""

from typing import Any

from pipeline.base.paths import Paths
from pipeline.storage import store

_ANY = {"run": bool, "why": str | None, "columns": list[str]}
_OF_SYSTEMS = {"features": list[str] | dict[str, list[str]], "ranks": bool, "blends": bool, "modules": list[str]}
KINDS = {"features": _ANY, "systems": {**_ANY, **_OF_SYSTEMS}}
"""What a plan says, and the type of it."""


def read(paths: Paths, kind: str, name: str) -> dict[str, Any]:
    """The plan of one of the `features` or `systems`. Raises `UserError` where it is none."""
    return store.read_object(paths.plan(kind, name), KINDS[kind], "run dvc repro -f plan")
