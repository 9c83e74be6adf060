"""Every stage is disturbed, one after another: nothing is lost, and then come the bytes of an undisturbed run.

A disk that is full, one that is read-only, `kill -9`, two runs at once.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.inputs import hash_file
from tests.conftest import write_params, write_posts_folder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SYSTEMS = {
    "mean": {"model": "constant"},
    **{
        name: {"features": ["user_time", "image_stats"], "trees": {"n_estimators": 20, "max_depth": 3}}
        for name in ("xgboost", "lightgbm", "catboost")
    },
}
FEATURES = {"user_time": {}, "image_stats": {}}
STAGES = ["posts", "plan", "images", "split", "features user_time", "features image_stats", "inputs"]
STAGES += [*(f"train {name}" for name in SYSTEMS), "look", "evaluate"]

SCRIPT = """
import os, resource, signal, sys, traceback
import catboost, lightgbm, xgboost
from pipeline import evaluate, features, images, inputs, look, plan, posts, split, train
from pipeline.base.errors import run_stage
from pipeline.storage import store

def start(stage, before):
    # A process of its own; this one computes nothing, so that no thread of a library is lost.
    if child := os.fork():
        return child
    name, *arguments = stage.split()
    sys.argv, status = [name, *arguments], 0
    try:
        before()
        run_stage(globals()[name].main)
    except SystemExit as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(f"{stage}: {error}", flush=True)
        status = 1
    except BaseException:
        traceback.print_exc()
        status = 2
    finally:
        os._exit(status)

def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def nothing():
    pass

def full():
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, resource.RLIM_INFINITY))

def killed(after):
    def before():
        publish, left = store.publish, [None] * after
        def instead(temporary, path):
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left.pop()
            publish(temporary, path)
        store.publish = instead
    return before

DISTURBED = {
    "none": lambda stage: True,
    "full": lambda stage: end(start(stage, full)) == 1,
    "killed": lambda stage: [end(start(stage, killed(n))) for n in (0, 1, 4)][0] == -9,
    "twice": lambda stage: {end(child) for child in [start(stage, nothing) for _ in range(2)]} <= {0, 1},
    "read-only": lambda stage: end(start(stage, nothing)) == 1,
}
how, *stages = sys.argv[1:]
for stage in stages:
    assert DISTURBED[how](stage), stage
    if how != "read-only":
        assert end(start(stage, nothing)) == 0, stage
"""


def run(root, how="none", *, before=None, **env):
    """What the stages said that ended, once they were disturbed and run again."""
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, how, *STAGES]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False, preexec_fn=before)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def made(root):
    """Hashes of all that the stages made; what a cache holds depends on when files were written."""
    files = [file for top in ("data", "results") for file in sorted((root / top).rglob("*")) if file.is_file()]
    return {str(file.relative_to(root)): hash_file(file) for file in files if "cache" not in file.parts}


def project(root):
    write_posts_folder(root / "raw", n=40)
    write_params(root, features=FEATURES, systems=SYSTEMS)
    return root


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A project whose stages ran."""
    root = project(tmp_path_factory.mktemp("undisturbed"))
    run(root)
    return root


def test_a_full_disk_is_one_line_a_stage_and_leaves_nothing(undisturbed, tmp_path):
    said = run(project(tmp_path), "full")
    assert made(tmp_path) == made(undisturbed)
    assert [line.partition(":")[0] for line in said] == list(STAGES)
    for line in said:
        assert "error: " in line
        assert "File too large" in line or "is the disk full?" in line


def test_a_kill_before_anything_gets_its_name_leaves_nothing(undisturbed, tmp_path):
    assert run(project(tmp_path), "killed") == []
    assert made(tmp_path) == made(undisturbed)
    assert not list((tmp_path / "data").rglob("*.tmp"))


def test_two_runs_at_once_are_one_or_one_line(undisturbed, tmp_path):
    said = run(project(tmp_path), "twice")
    assert made(tmp_path) == made(undisturbed)
    assert said
    for line in said:
        assert line.endswith("another process runs this stage here; wait for it, or end it")


def test_a_read_only_folder_is_one_line_a_stage(undisturbed):
    """Also for root, who may write anywhere but where a mount or a missing capability says no."""
    before = made(undisturbed)
    folders = [
        folder for top in ("data", "results") for folder in (undisturbed / top, *(undisturbed / top).rglob("*/"))
    ]
    for folder in folders:
        folder.chmod(0o500)
    said = run(undisturbed, "read-only", before=_without_rights_over_all_files)
    for folder in folders:
        folder.chmod(0o700)
    assert [line.partition(":")[0] for line in said] == STAGES
    for line in said:
        assert "Permission denied; nothing half written is left, run the same command again once" in line
    assert made(undisturbed) == before


def _without_rights_over_all_files():
    """Root's next program lacks CAP_DAC_OVERRIDE; others have none to lose."""
    drop, override = 24, 1  # of prctl(2) and capabilities(7)
    getattr(ctypes.CDLL(None), "prctl", lambda *_: None)(drop, override, 0, 0, 0)


def test_blanks_umlauts_and_a_poor_locale_change_nothing(undisturbed, tmp_path):
    before = os.umask(0o077)
    try:
        run(project(tmp_path / "Meine Fotos – größe"), LC_ALL="C")
    finally:
        os.umask(before)
    assert made(tmp_path / "Meine Fotos – größe") == made(undisturbed)
