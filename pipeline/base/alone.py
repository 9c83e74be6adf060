"""One process at a time a stage: what two wrote at once would be neither's. On Windows nobody is kept out."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:
    fcntl = None


@contextmanager
def alone(what: str, folder: Path) -> Iterator[bool]:
    """Whether no other process of this machine is at `what`, whose lock lies in `folder`.

    It is held until the block ends or the process does, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.lock").open("w") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
