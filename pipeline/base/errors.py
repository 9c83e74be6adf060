"""Errors a person can act on: one line that names the file, the row, the column and the remedy."""

import logging
import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input or bad parameters; its message is one line that says what to change."""


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's `main`; a `UserError` becomes one line on stderr and exit status 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; finished shards are kept, run the same command again to go on")
