import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.base.errors import UserError, run_stage


def test_user_error_becomes_one_line_and_status_one(capsys):
    def main():
        raise UserError("posts.csv, row 3:\n  no target")

    with pytest.raises(SystemExit) as stopped:
        run_stage(main)
    assert stopped.value.code == "error: posts.csv, row 3: no target"


def test_other_errors_are_ours_and_keep_their_traceback():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_stage(main)


@pytest.mark.slow
@pytest.mark.parametrize(
    "library", ["pandas", "timm", "lightning_fabric", "xgboost", "lightgbm", "catboost", "sklearn"]
)
def test_a_stage_ends_without_a_word(library):
    script = f"""
from pipeline.base.errors import run_stage
def main():
    import {library}
run_stage(main, writes=False)
"""
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
