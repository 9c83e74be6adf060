"""Where a picture that a table names lies in the dataset's folder, also where another tool wrote its path.

What leaves the folder is decided on the path as written: `../x.jpg` and `/etc/x.jpg` are outside. Links that lie in
the folder are its owner's and are followed. Where no file has the very name, one is taken that differs in
backslashes, in %20 and the like, in small and capital letters or in how accents are composed, if just one does.
"""

import os
import re
import stat
import unicodedata
from pathlib import Path
from urllib.parse import unquote

from pipeline.storage.pixels import Unusable

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
Found = tuple[str, os.stat_result]


class Places:
    """Finds files in one folder, whose subfolders are listed at most once each."""

    def __init__(self, root: Path):
        """`root` of all paths."""
        self.root = os.path.realpath(root)
        self.respelled = 0
        """Paths so far that were found under another spelling."""
        self._listings: dict[str, dict[str, list[str]]] = {}

    def find(self, named: str) -> Found:
        """Real path of a file and its stat.

        Raises `Unusable`: `outside`, `missing`, or `two files fit`, where several do and none has the very name.
        """
        if "\0" in named:
            raise Unusable("missing")
        literal = _inside(named)
        if literal is None:
            raise Unusable("outside")
        if found := self._file(literal):
            return found
        others = [_inside(other) for other in _spellings(named)]
        if _DRIVE.match(named) or None in others:
            raise Unusable("outside")
        fits = {}
        for other in [literal, *others]:
            fits |= {found[0]: found for found in self._fitting(str(other))}
        if len(fits) != 1:
            raise Unusable("two files fit" if fits else "missing")
        self.respelled += 1
        return next(iter(fits.values()))

    def _file(self, inside: str) -> Found | None:
        path = f"{self.root}/{inside}"
        try:
            found = os.stat(path)  # noqa: PTH116 - a Path would cost as much again
        except (OSError, ValueError):
            return None
        return (os.path.realpath(path), found) if stat.S_ISREG(found.st_mode) else None

    def _fitting(self, inside: str) -> list[Found]:
        """Files whose path differs in case and composition alone."""
        paths = [""]
        for part in inside.split("/"):
            paths = [f"{path}/{n}" if path else n for path in paths for n in self._listing(path).get(_key(part), ())]
        return [found for path in paths if (found := self._file(path))]

    def _listing(self, inside: str) -> dict[str, list[str]]:
        """Names in a folder by their key."""
        if inside not in self._listings:
            listing: dict[str, list[str]] = {}
            try:
                for name in os.listdir(f"{self.root}/{inside}"):  # noqa: PTH208
                    listing.setdefault(_key(name), []).append(name)
            except OSError:
                pass  # no folder
            self._listings[inside] = listing
        return self._listings[inside]


def _inside(named: str) -> str | None:
    """The path from the root in its shortest form; None where it leaves it."""
    path = os.path.normpath(named)
    return None if path.startswith(("/", "../")) or path == ".." else path


def _spellings(named: str) -> list[str]:
    """Other paths that the same name may stand for."""
    slashes = named.replace("\\", "/")
    decoded = unquote(slashes, errors="replace")
    return [other for other in dict.fromkeys((slashes, decoded)) if other != named and "\0" not in other]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
