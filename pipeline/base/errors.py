"""Errors a person can act on: one line that names the file, the row, the column and the remedy."""

import argparse
import atexit
import errno
import gc
import inspect
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NoReturn

from pipeline.base.alone import alone
from pipeline.base.paths import Paths


class UserError(Exception):
    """Bad input or bad parameters; its message is one line that says what to change."""


class MissingColumn(UserError):  # noqa: N818 - says what is wrong
    """One of these columns would do, posts lack them all, and somebody `needs` it; `file` holds the posts."""

    def __init__(self, columns: Sequence[str], needs: str, *, remedy: str = "add it", file: str = "posts"):
        lacking = f"no column '{columns[0]}'" if len(columns) == 1 else f"none of the columns {', '.join(columns)}"
        super().__init__(f"{file}: {lacking}, which {needs}; {remedy}")
        self.columns, self.needs, self.remedy = tuple(columns), needs, remedy

    def within(self, file: str) -> "MissingColumn":
        """The same of posts in another file."""
        return MissingColumn(self.columns, self.needs, remedy=self.remedy, file=file)


def require(columns: Iterable[str], available: Collection[str], needs: str) -> None:
    """Raise `MissingColumn` for the first of `columns` that is not `available`; `needs` says who needs it."""
    for column in columns:
        if column not in available:
            raise MissingColumn([column], needs)


class CommandLine(argparse.ArgumentParser):
    """The arguments of a stage; what is wrong with them is a `UserError`."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print and exit for."""
        raise UserError(f"{self.prog}: {message}; --help says more")


def _further() -> str:
    """Which further process of a stage this is, as torchrun and Lightning number those that train a network together.

    Empty for the first one, and where there is no other.
    """
    ranks = [os.environ.get("NODE_RANK", os.environ.get("GROUP_RANK", "0")), os.environ.get("LOCAL_RANK", "0")]
    return "" if ranks == ["0", "0"] else f" {' '.join(ranks)}"


@contextmanager
def _alone(main: Callable[[], None]) -> Iterator[None]:
    """Raise `UserError` where another process runs the same stage with the same argument in this folder."""
    stage = " ".join([Path(inspect.getfile(main)).stem, *sys.argv[1:2]])
    with alone(f"{stage}{_further()}", Paths().locks) as first:
        if not first:
            raise UserError(f"{stage}: another process runs this stage here; wait for it, or end it")
        yield


_OF_THE_DISK = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""A full or a read-only one, or folders of somebody else's."""

BETWEEN_COLLECTIONS = 10_000
"""Objects between two looks for garbage; with Python's 700, importing PyTorch takes a fifth longer."""


def _leave() -> None:
    """Let Python end without a look for garbage, which takes half a second where PyTorch is loaded.

    Triton, which comes with PyTorch's compiler, would report on stderr whatever was not freed.
    """
    if "triton" not in sys.modules:
        gc.freeze()


def run_stage(main: Callable[[], None], *, writes: bool = True) -> None:
    """Run a stage's `main`; a `UserError` becomes one line on stderr and exit status 1.

    One that `writes` into the project does so alone.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    gc.set_threshold(BETWEEN_COLLECTIONS)
    atexit.register(_leave)
    try:
        with _alone(main) if writes and Paths().params.exists() else nullcontext():
            main()
    except UserError as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        said = " ".join(f"{error.filename or ''} {os.strerror(error.errno)}".split())
        sys.exit(f"error: {said}; nothing half written is left, run the same command again once this is mended")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; finished shards are kept, run the same command again to go on")
