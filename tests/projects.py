"""A copy of the project in which DVC runs, with a small dataset of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
CODE = ("pipeline", "features", "models", "dvc.yaml", ".dvcignore")
POSTS, NEW = 200, 2

TREES = {"n_estimators": 5, "max_depth": 2}
PARAMS = {
    "seed": 0,
    "dataset": {
        "reader": "table",
        "name": "tiny",
        "path": "raw",
        "targets": {"likes": "log2p1"},
        "max_dropped": 0.0,
        "missing": "fail",
        "columns": {},
    },
    "split": {"method": "random", "ratios": [0.6, 0.2, 0.2]},
    "images": {"max_side": 64},
    "compute": {"scheduler": None, "workers": 1, "device": "cpu"},
    "features": {"user_time": {}, "category": {}, "image_stats": {}},
    "systems": {
        "mean": {"model": "constant", "statistic": "mean"},
        "words": {"model": "xgboost", "features": ["category"], "trees": TREES},
        "people": {"model": "xgboost", "features": ["user_time", "image_stats"], "trees": TREES},
    },
    "ranking": {},
    "evaluate": {"bootstrap": 50, "confidence": 0.95},
}


class Project:
    """A copy of the project's code with its own small dataset and parameters."""

    def __init__(self, root: Path):
        self.root = root
        for name in CODE:
            source = ROOT / name
            ignore = shutil.ignore_patterns("__pycache__")
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=ignore)
            else:
                shutil.copy(source, root / name)
        (root / "data/live").mkdir(parents=True)
        (root / "data/live/.gitkeep").touch()
        flow = (root / "dvc.yaml").read_text()
        (root / "dvc.yaml").write_text(flow.replace("--posts 900 --users 80", "--posts 40 --users 10"))
        self.set_params(PARAMS)
        for command in (["git", "init", "--quiet"], [*self.dvc, "init", "--quiet"]):
            subprocess.run(command, cwd=root, check=True, env=self.env)

    dvc = (sys.executable, "-m", "dvc")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env: ClassVar = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"}

    def set_params(self, params: dict) -> None:
        with (self.root / "params.yaml").open("w") as file:
            YAML().dump(json.loads(json.dumps(params)), file)  # no aliases: what entries share, -S changes for none

    def keep_rows(self, n: int) -> None:
        """Leave the first `n` posts of the table, all of which stand in all.csv."""
        table, everything = self.root / "raw/posts.csv", self.root / "all.csv"
        if not everything.exists():
            shutil.copy(table, everything)
        table.write_text("".join(everything.read_text().splitlines(keepends=True)[: n + 1]))

    def run(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run([*self.dvc, *command], cwd=self.root, capture_output=True, text=True, env=self.env)

    def repro(self) -> tuple[list[str], str]:
        """Names of the stages that ran, and everything they said."""
        result = self.run("repro")
        assert result.returncode == 0, result.stdout + result.stderr
        return re.findall(r"Running stage '(.*?)'", result.stdout), result.stdout + result.stderr
