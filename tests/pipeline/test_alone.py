"""Each stage by itself, as somebody runs it in a fresh clone or with arguments that are none: one line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_house import STAGES

ROOT = Path(__file__).parents[2]
DRAFTS = ["--system", "mean", "--posts", "drafts.csv"]
ARGUMENTS = {"features": ["glove"], "train": ["mean"], "predict": DRAFTS, "explain": DRAFTS}


def run(folder, stage, *arguments):
    """What a stage says on stderr, and its exit status."""
    command = [sys.executable, "-m", f"pipeline.{stage}", *arguments]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    return done.stderr, done.returncode


@pytest.mark.slow
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "page"])  # it serves, and says so there
def test_a_stage_without_what_it_reads_is_one_line(stage, tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    said, status = run(tmp_path, stage, *ARGUMENTS.get(stage, []))
    if stage == "code":  # it reads the project's own modules alone
        assert (said, status) == ("", 0)
    else:
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        assert status == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["features"], "usage: python -m pipeline.features <feature of params.yaml>"),
        (["train", "a", "b"], "usage: python -m pipeline.train <system of params.yaml>"),
        (["sample"], "python -m pipeline.sample: the following arguments are required: folder; --help says more"),
        (["predict", "--system", "x"], "python -m pipeline.predict: the following arguments are required: --posts; "),
        (["predict", "--days", "x"], "python -m pipeline.predict: argument --days: invalid float value: 'x'; "),
    ],
)
def test_arguments_that_are_none_are_one_line(command, message, tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    said, status = run(tmp_path, *command)
    assert said.startswith(f"error: {message}")
    assert (said.count("\n"), status) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["plan", "train"])
def test_outside_a_project_it_says_where_to_go(stage, tmp_path):
    said, status = run(tmp_path, stage, *ARGUMENTS.get(stage, []))
    assert said == "error: params.yaml: no such file; run from the project's root or copy one from presets/\n"
    assert status == 1
