"""A disk that is full in every stage, one after another: one line, and afterwards the bytes of an undisturbed run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.inputs import hash_file
from tests.conftest import write_params, write_posts_folder

ROOT = Path(__file__).parents[2]
SYSTEMS = {
    "mean": {"model": "constant"},
    **{
        name: {"features": ["user_time", "image_stats"], "trees": {"n_estimators": 20, "max_depth": 3}}
        for name in ("xgboost", "lightgbm", "catboost")
    },
}
FEATURES = {"user_time": {}, "image_stats": {}}

SCRIPT = """
import resource, sys
from pipeline import evaluate, features, images, inputs, look, plan, posts, split, train
from pipeline.base.errors import run_stage

def limit(bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, resource.RLIM_INFINITY))

stages = [(posts,), (plan,), (images,), (split,), (features, "user_time"), (features, "image_stats"), (inputs,)]
stages += [(train, name) for name in ("mean", "xgboost", "lightgbm", "catboost")] + [(look,), (evaluate,)]
for stage, *arguments in stages:
    sys.argv = [stage.__name__, *arguments]
    if FULL:
        limit(16)
        try:
            run_stage(stage.main)
            print(f"{stage.__name__}: done")
        except SystemExit as error:
            print(f"{stage.__name__}: {error}")
        limit(resource.RLIM_INFINITY)
    run_stage(stage.main)
"""


def run(root, *, full, **env):
    write_posts_folder(root / "raw", n=40)
    write_params(root, features=FEATURES, systems=SYSTEMS)
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT.replace("FULL", str(full))]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = [file for top in ("data", "results") for file in sorted((root / top).rglob("*")) if file.is_file()]
    kept = [file for file in files if "cache" not in file.parts]  # it knows when files were written
    return {str(file.relative_to(root)): hash_file(file) for file in kept}, done.stdout.splitlines()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return run(tmp_path_factory.mktemp("undisturbed"), full=False)[0]


@pytest.mark.slow
def test_a_full_disk_is_one_line_a_stage_and_leaves_nothing(undisturbed, tmp_path):
    files, said = run(tmp_path, full=True)
    assert files == undisturbed
    stages = ["posts", "plan", "images", "split", "features", "features", "inputs", *["train"] * 4, "look", "evaluate"]
    assert [line.partition(":")[0] for line in said] == [f"pipeline.{stage}" for stage in stages]
    for line in said:
        full = "error: " in line and ("File too large" in line or "is the disk full?" in line)
        assert full or line == "pipeline.look: done", line


@pytest.mark.slow
def test_blanks_umlauts_and_a_poor_locale_change_nothing(undisturbed, tmp_path):
    before = os.umask(0o077)
    try:
        files, _ = run(tmp_path / "Meine Fotos – größe", full=False, LC_ALL="C")
    finally:
        os.umask(before)
    assert files == undisturbed
