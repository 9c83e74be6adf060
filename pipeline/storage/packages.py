"""Weights and vectors that come with Python packages: their files, and what is told of them."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.base.code import hash_file
from pipeline.base.errors import UserError


def folder(module: str, distribution: str, where: str) -> Path:
    """Where a package lies, which is not imported. Raises `UserError`, at the key `where`, if it is not installed."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise UserError(f"{where}: the package is not there; pip install {distribution}")
    return Path(spec.origin).parent


def whole(files: Sequence[Path], distribution: str, where: str) -> list[Path]:
    """The files, all of which are there. Raises `UserError`, at the key `where`, for one that is not."""
    for file in files:
        if not file.is_file():
            raise UserError(f"{where}: {file}: no such file; install {distribution} again")
    return list(files)


def fingerprint(distribution: str, files: Sequence[Path]) -> dict[str, Any]:
    """What decides weights: hashes of their files, wherever they lie."""
    return {"package": distribution, "sha256": {file.name: hash_file(file) for file in files}}


def libraries(*distributions: str) -> dict[str, str]:
    """Their versions. Of one release and the next with the same files, none makes another feature."""
    return {distribution: _version(distribution) for distribution in distributions}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # on the path, but not installed
        return "unknown"
