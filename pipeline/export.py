"""A trained system -> a folder that predicts without the data.

`python -m pipeline.export --system xgb_mlp --out packed` packs the system with what its features learned;
`python -m pipeline.predict --from packed --posts drafts.csv` asks it, anywhere that the project is installed.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from pipeline.asking import exported
from pipeline.base import params
from pipeline.base.errors import CommandLine, run_stage
from pipeline.base.paths import Paths

log = logging.getLogger(__name__)


def main(paths: Paths = Paths(), arguments: Sequence[str] | None = None) -> None:
    """Read the command line, pack."""
    parser = CommandLine(prog="python -m pipeline.export", description=__doc__.split("\n\n")[0])
    parser.add_argument("--system", required=True, help="an entry of params.yaml that has been trained")
    parser.add_argument("--out", required=True, type=Path, help="the folder to make")
    asked = parser.parse_args(arguments)
    exported.pack(paths, params.load(paths.params), asked.system, asked.out)
    log.info("%s: %s; python -m pipeline.predict --from %s --posts drafts.csv", asked.out, asked.system, asked.out)


if __name__ == "__main__":
    run_stage(main, writes=False)
