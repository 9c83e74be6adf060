"""A `dvc repro` with nothing to do, against `dvc status` and against starting DVC at all."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Measure, seconds

ROOT = Path(__file__).parent.parent


def run(folder: Path) -> Iterator[Measure]:
    """Seconds of the command; only where the project is up to date, because it would run it otherwise."""
    if not (ROOT / "dvc.lock").exists() or _dvc("status", "--quiet"):
        print("repro: left out, the project is not up to date; run make repro first", file=sys.stderr)
        return
    repro, status, start = seconds(lambda: _dvc("repro"), lambda: _dvc("status"), lambda: _dvc("--version"))
    yield Measure("dvc repro, nothing to do", "dvc status", repro, status, "s")
    yield Measure("dvc repro, nothing to do", "dvc --version", repro, start, "s")


def _dvc(*arguments: str) -> int:
    """Exit status of a DVC command in this project."""
    command = [shutil.which("dvc") or str(Path(sys.executable).with_name("dvc")), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode
