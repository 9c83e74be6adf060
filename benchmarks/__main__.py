"""`python -m benchmarks` runs all modules of this folder that have `run`; names after it choose among them."""

import pkgutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import benchmarks


def main() -> None:
    """Print a line for each measure as it is taken."""
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_")]
    modules = {name: import_module(f"benchmarks.{name}") for name in names}
    runs = {name: module.run for name, module in modules.items() if hasattr(module, "run")}
    chosen = sys.argv[1:] or sorted(runs)
    if unknown := [name for name in chosen if name not in runs]:
        sys.exit(f"error: no benchmark {', '.join(unknown)}; known: {', '.join(sorted(runs))}")
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="likecast-bench-") as folder:
            for measure in runs[name](Path(folder)):
                print(measure, flush=True)


if __name__ == "__main__":
    main()
