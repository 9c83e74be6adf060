"""Whole runs on tiny data: SMPD through its preset, and nothing learned from the test part."""

from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.base import params
from pipeline.base.paths import Paths
from pipeline.inputs import hash_file
from pipeline.storage import store
from tests.conftest import build_posts, draw_picture, write_params, write_posts_folder, write_smpd_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TINY_CLIP = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
SMALL = {"components": 4, "trees": {"n_estimators": 5, "max_depth": 2}, "training": {"epochs": 2}}


@pytest.fixture
def tiny_clip(monkeypatch):
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-likecast", TINY_CLIP)


def smaller(entry):
    """The same system with few trees, components and epochs."""
    return {key: SMALL.get(key, value) for key, value in (entry or {}).items()}


def test_smpd_goes_through_its_preset(tmp_path, tiny_clip):
    write_smpd_folder(tmp_path / "data/smpd", n=60)
    p = params.read(ROOT / "presets/xgb-clip.yaml")
    p["features"]["clip_image"] = {"encoder": "tiny-likecast", "pretrained": None}
    p["systems"] = {name: smaller(entry) for name, entry in p["systems"].items()}
    p["compute"]["workers"], p["evaluate"]["bootstrap"] = 1, 20
    YAML(typ="safe").dump(p, tmp_path / "params.yaml")
    run_stages(Paths(tmp_path))
    results = store.read_json(tmp_path / "results/metrics.json")
    assert set(results) == set(p["systems"])
    assert all(np.isfinite(results[name]["score"]["rmse"]) for name in results)
    assert "RMSE 1.178" in (tmp_path / "results/leaderboard.md").read_text()


FEATURES = {
    "user_time": {},
    "category": {},
    "context": {},
    "image_stats": {},
    "pixels": {"image_size": 8},
    "vgg_regions": {"pretrained": None, "image_size": 64},
    "bow": {"minimum_count": 2},
    "tfidf": {"maximum_words": 12},
    "glove": {"dimensions": 6},
    "words": {"minimum_count": 2, "length": 8},
}
TREES = {"n_estimators": 5, "max_depth": 2}
STOPPING = {"training": {"epochs": 3, "patience": 1}}
SYSTEMS = {
    "mean": {"model": "constant"},
    "user_mean": {},
    "xgboost": {"features": ["user_time"], "trees": {"grid": {"max_depth": [1, 2]}, **TREES}},
    "lightgbm": {"features": ["user_time", "category"], "trees": TREES},
    "catboost": {"features": ["user_time"], "categorical": ["user_id"], "trees": TREES},
    "stack": {
        "model": "xgb_mlp",
        "features": {"base": ["user_time"], "head": ["image_stats"]},
        "trees": TREES,
        **STOPPING,
    },
    "words_svr": {"model": "svr", "features": ["glove", "tfidf"], "combinations": True, "grid": {"C": [0.1, 1.0]}},
    "bow_svr": {"model": "svr", "features": ["bow", "context"]},
    "hybrid_cnn": {
        "features": {"image": ["pixels"], "context": ["context"]},
        **{"channels": [2, 2], "hidden": [6, 4], **STOPPING},
    },
    "uhan": {
        "features": {"regions": ["vgg_regions"], "words": ["words"]},
        **{"hidden": 4, "head": [4], "region_layer": "linear"},
        "training": {"batch_size": 16, "validate_every": 1, **STOPPING["training"]},
    },
}
PICTURES = [f"images/{i}.jpg" for i in range(15)]
"""Few, for VGG is slow; the last three are new to the test part."""


def other_targets(posts, test):
    posts.loc[test, "likes"] = 1000 * posts.loc[test, "likes"].to_numpy()[::-1]


def other_posts(posts, test):
    """Everything else about a test post but when it was posted, which decides that it is one."""
    for column in ("title", "text", "tags"):
        posts.loc[test, column] = "zebra crossing zebra crossing the zebra saw"
    for column in ("user_id", "category", "subcategory", "concept"):
        posts.loc[test, column] = [f"new {i % 3}" for i in range(test.sum())]
    for column in ("followers", "user_photos"):
        posts.loc[test, column] *= 1000
    posts.loc[test, "is_pro"] = 1 - posts.loc[test, "is_pro"]
    posts.loc[test, "collected_at"] += pd.Timedelta(days=400)
    posts.loc[test, "image"] = [PICTURES[12 + i % 3] for i in range(test.sum())]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`run(change)`: a whole run on posts of which `change(posts, test)` changed those of the test part, once."""
    ran = {}

    def once(change=None):
        if change not in ran:
            posts = build_posts(60)
            posts["image"] = [PICTURES[i % 12] for i in range(len(posts))]
            if change:
                parts = store.read_frame(once().splits).set_index("post_id")["part"]
                test = posts["post_id"].map(parts).eq("test").to_numpy()
                assert test.sum() > 5
                change(posts, test)
            root = tmp_path_factory.mktemp("run")
            paths = write_params(root, features=FEATURES, systems=SYSTEMS, dataset={"targets": {"likes": "max"}})
            write_posts_folder(root / "raw", posts=posts)
            for i, picture in enumerate(PICTURES):
                draw_picture(root / "raw" / picture, brightness=0.3 + i / 40, seed=i)
            run_stages(paths, results=False)
            ran[change] = paths
        return ran[change]

    return once


def hashes(paths, *folders):
    """Hash of each file in these folders, by path."""
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file.relative_to(paths.root)): hash_file(file) for file in files}


def models(paths):
    """Hash of everything systems learned: weights, choices, curves, what early stopping left."""
    found = hashes(paths, paths.model("*").parent)
    assert {Path(file).parts[2] for file in found} == set(SYSTEMS)
    return found


def test_test_targets_change_nothing_that_is_learned(run):
    before, after = run(), run(other_targets)
    assert hashes(after, after.feature("*").parent) == hashes(before, before.feature("*").parent)
    assert models(after) == models(before)


@pytest.mark.parametrize("name", FEATURES)
def test_test_posts_change_nothing_that_features_learn(name, run):
    before, after = run(), run(other_posts)
    assert store.feature_metadata(after.feature(name)) == store.feature_metadata(before.feature(name))
    test = (store.read_frame(before.splits)["part"] == "test").to_numpy()
    old, new = (store.read_feature(paths.feature(name)).values for paths in (before, after))
    np.testing.assert_array_equal(new[~test], old[~test])
    assert not np.array_equal(new[test], old[test], equal_nan=True)


def test_test_posts_change_nothing_that_systems_learn(run):
    assert models(run(other_posts)) == models(run())
