"""Links to files that lie elsewhere, on which a stage depends as on the files themselves.

DVC follows them, but neither to a folder nor to a file that is gone: as an output of a stage, such a link would keep
it from running again. So nobody owns their folder, data/files/<kind>/<name>; whoever depends on it depends on the plan
too.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.storage import store

NAMES = "files.json"
"""In each folder, for DVC warns of empty ones. Without their paths: on another machine they are others."""


def link(folder: Path, files: Sequence[Path]) -> None:
    """Make `folder` one of links to `files` and of nothing else; what is right already stays as it is.

    To what lies in the project, such as its packages, links are relative: both move together.
    """
    wanted = {f"{i}-{file.name}": _target(file.absolute(), folder.absolute()) for i, file in enumerate(files)}
    folder.mkdir(parents=True, exist_ok=True)
    for stray in folder.iterdir():
        if stray.name not in {NAMES, *wanted}:
            stray.unlink(missing_ok=True)
    for name, target in wanted.items():
        if not (folder / name).is_symlink() or os.readlink(folder / name) != target:  # noqa: PTH115 - as it is written
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(target)
    store.write_json(folder / NAMES, [file.name for file in files])


def linked(folder: Path) -> list[Path]:
    """The links in `folder`, sorted."""
    return sorted(path for path in folder.iterdir() if path.name != NAMES)


def keep(parent: Path, names: Sequence[str]) -> None:
    """Remove all folders of links in `parent` but those named."""
    for folder in parent.iterdir() if parent.is_dir() else ():
        if folder.name not in names:
            shutil.rmtree(folder, ignore_errors=True)


def _target(file: Path, folder: Path) -> str:
    return os.path.relpath(file, folder) if file.is_relative_to(folder.parents[3]) else str(file)
