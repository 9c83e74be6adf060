"""Trained systems as the stage `train` leaves them."""

from pathlib import Path
from typing import Any

from models.base import System, make
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.storage import store


def load(paths: Paths, name: str, target: str, seed: int) -> tuple[System, dict[str, Any]]:
    """A trained system and what `system.json` says of it. Raises `UserError` where it was not trained."""
    description = store.read_json(paths.model(name) / "system.json")
    if not description["run"]:
        raise UserError(f"systems.{name} was left out in training: {description['why']}")
    system = make(name, description["entry"], seed=seed)
    system.load(Path(paths.model(name) / target / f"seed-{seed}"))
    return system, description
