"""data/code/: hashes of the modules behind each stage, reader, feature and system; one file each.

Every other stage depends on its file, so that a change in a module reaches those that import it, and no others.
"""

from pipeline.base import code
from pipeline.base.errors import run_stage
from pipeline.base.paths import Paths
from pipeline.storage import store

FOLDERS = {"stages": "pipeline", "readers": "pipeline/readers", "features": "features", "systems": "models"}


def main(paths: Paths = Paths()) -> None:
    """Write one file for each module of the four folders."""
    for kind, folder in FOLDERS.items():
        for path in sorted((code.ROOT / folder).glob("[!_]*.py")):
            store.write_json(paths.code(kind, path.stem), code.hashes(f"{folder}/{path.name}"))


if __name__ == "__main__":
    run_stage(main)
