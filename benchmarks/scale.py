"""How the stages grow with the posts of SMPD: `python -m benchmarks.scale 30000 100000 300000`.

Every stage runs by itself, as `dvc repro` runs it, on folders that `benchmarks/smpd_folder.py` draws, with the features
and systems of presets/xgb-clip.yaml that need no pictures, and small trees. The exponent is that of CPU seconds from
one size to the next largest, less what a stage takes on `START` posts; it is told where a second is left.
"""

import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
SIZES, START = (30_000, 100_000, 300_000), 300
FEATURES = ("user_time", "category")
SYSTEMS = ("mean", "user_mean", "xgboost", "lightgbm", "catboost")
TREES = {"n_estimators": 50, "max_depth": 6, "learning_rate": 0.1}
STAGES = (
    *("posts", "plan", "images", "split", "candidates"),
    *(f"features {name}" for name in FEATURES),
    "inputs",
    *(f"train {name}" for name in SYSTEMS),
    *("look", "evaluate", "card"),
)


@dataclass(frozen=True)
class Cost:
    """Seconds, seconds of all cores together, and bytes of the largest process at its peak."""

    wall: float
    cpu: float
    memory: float

    def __str__(self) -> str:
        return f"{self.wall:8.1f} s {self.cpu:8.1f} s CPU {self.memory / 1e9:6.2f} GB"


def cost(command: Sequence[str], folder: Path) -> Cost:
    """What a command costs in `folder`. Exits with what it said where it fails."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(said.read().decode(errors="replace")[-2000:] or f"error: {command} ended with {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)


def params() -> dict:
    """The preset without what needs pictures, on the folder that was drawn."""
    p = yaml.safe_load((ROOT / "presets/xgb-clip.yaml").read_text(encoding="utf-8"))
    p["dataset"] |= {"draw": None, "name": "drawn", "path": "smpd"}
    del p["dataset"]["is"]
    p["features"] = {name: p["features"][name] for name in FEATURES}
    p["systems"] = {name: p["systems"][name] for name in SYSTEMS}
    for entry in (e for e in p["systems"].values() if "trees" in e):
        entry["trees"] = TREES
    return p


def run(folder: Path, posts: int) -> Iterator[tuple[str, Cost]]:
    """The cost of drawing a folder of `posts`, and of each stage on it; all that was made is removed again."""
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(params(), sort_keys=False), encoding="utf-8")
    python = [sys.executable, "-m"]
    yield "(drawing)", cost([*python, "benchmarks.smpd_folder", "smpd", str(posts)], folder)
    for stage in STAGES:
        name, *argument = stage.split()
        yield stage, cost([*python, f"pipeline.{name}", *argument], folder)
    shutil.rmtree(folder)


def exponents(found: dict[int, Cost], start: Cost) -> list[str]:
    """The exponent of growth from each size to the next; a dash where what is left is too little to tell."""
    left, told = {size: cost.cpu - start.cpu for size, cost in found.items()}, []
    for few, many in pairwise(sorted(left)):
        grown = math.log(left[many] / left[few]) / math.log(many / few) if min(left[few], left[many]) >= 1 else None
        told.append("    –" if grown is None else f"{grown:5.2f}")
    return told


def main() -> None:
    """Print a line a stage and size as it is measured, and then a line a stage with its exponents."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    found: dict[str, dict[int, Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="likecast-bench-") as folder:
        for posts in (START, *sizes):
            for stage, cost in run(Path(folder) / str(posts), posts):
                found.setdefault(stage, {})[posts] = cost
                print(f"{posts:>9,} {stage:<20} {cost}", flush=True)
    for stage, costs in found.items():
        start = costs.pop(START)
        print(f"{stage:<20} exponents of CPU: {' '.join(exponents(costs, start))}", flush=True)


if __name__ == "__main__":
    main()
