"""Whole runs on tiny data: SMPD through its preset, and nothing learned from the test part."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
from ruamel.yaml import YAML

from pipeline import params, store
from pipeline.inputs import hash_file
from pipeline.paths import Paths
from tests.conftest import build_posts, write_params, write_posts_folder, write_smpd_folder
from tests.stages import run_stages

ROOT = Path(__file__).parents[1]
TINY_CLIP = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
SMALL = {"n_estimators": 5, "max_depth": 2, "components": 4, "epochs": 2}


@pytest.fixture
def tiny_clip(monkeypatch):
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-likecast", TINY_CLIP)


def smaller(entry):
    """The same system with few trees, components and epochs."""
    entry = {k: SMALL.get(k, v) for k, v in (entry or {}).items()}
    if "base" in entry:
        entry["base"] = {k: SMALL.get(k, v) for k, v in entry["base"].items()}
    return entry


def test_smpd_goes_through_its_preset(tmp_path, tiny_clip):
    write_smpd_folder(tmp_path / "data/smpd", n=60)
    p = params.load(ROOT / "presets/xgb-clip.yaml")
    p["features"]["clip_image"] = {"encoder": "tiny-likecast", "pretrained": None}
    p["systems"] = {name: smaller(entry) for name, entry in p["systems"].items()}
    p["compute"]["workers"], p["evaluate"]["bootstrap"] = 1, 20
    YAML(typ="safe").dump(p, tmp_path / "params.yaml")
    run_stages(Paths(tmp_path))
    results = store.read_json(tmp_path / "results/metrics.json")
    assert set(results) == set(p["systems"])
    assert all(np.isfinite(results[name]["score"]["rmse"]) for name in results)
    assert "RMSE 1.178" in (tmp_path / "results/leaderboard.md").read_text()


def learned(paths):
    """Hash of everything that was learned: fitted features, models, and what early stopping left."""
    files = [*paths.model("*").parent.rglob("*"), *paths.feature("*").parent.glob("*.parquet")]
    return {str(f.relative_to(paths.root)): hash_file(f) for f in sorted(files) if f.is_file()}


def test_test_targets_change_nothing_that_is_learned(tmp_path):
    features = {"user_time": {}, "category": {}, "image_stats": {}}
    trees = {"n_estimators": 5, "max_depth": 2}
    systems = {
        "mean": {"model": "constant"},
        "user_mean": {},
        "xgboost": {"features": ["user_time"], "grid": {"max_depth": [1, 2]}, **trees},
        "lightgbm": {"features": ["user_time", "category"], **trees},
        "catboost": {"features": ["user_time"], "categorical": ["user_id"], **trees},
        "stack": {
            "model": "xgb_mlp",
            "features": {"base": ["user_time"], "head": ["image_stats"]},
            "base": trees,
            "epochs": 2,
            "patience": 1,
        },
    }
    runs = {}
    posts = build_posts(60)
    for name in ("as they are", "permuted"):
        root = tmp_path / name
        paths = write_params(root, features=features, systems=systems, dataset={"targets": {"likes": "max"}})
        if name == "permuted":
            parts = store.read_frame(runs["as they are"][0].splits).set_index("post_id")["part"]
            test = posts["post_id"].map(parts).eq("test").to_numpy()
            assert test.sum() > 5
            posts.loc[test, "likes"] = 1000 * posts.loc[test, "likes"].to_numpy()[::-1]
        write_posts_folder(root / "raw", posts=posts)
        run_stages(paths, results=False)
        runs[name] = (paths, learned(paths))
    before, after = (runs[name][1] for name in runs)
    assert len(before) > 10
    assert before == after
