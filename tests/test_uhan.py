"""Flickr179K in its released form through both presets of the paper `uhan`, end to end and small."""

import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from models.base import system_class
from pipeline.base import params
from pipeline.base.paths import Paths
from pipeline.storage import store
from tests.conftest import draw_picture
from tests.pipeline.readers import test_flickr as flickr
from tests.stages import run_stages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
N = 40
NETWORKS = {"dmf", "dual_att", "uhan", "uhan_no_user", "uhan_no_shortcut", "uhan_no_image", "uhan_no_text"}
NETWORKS |= {"uhan_no_intra", "uhan_no_inter", "uhan_no_intra_inter"}
SYSTEMS = NETWORKS | {"his_ave", "uhan_svr", "uhan_svr_no_image", "uhan_svr_no_text"}
TRAINING = {"epochs": 2, "validate_every": 1, "batch_size": 16}


def write_flickr(folder):
    rows = flickr.rows(N)
    rows[7]["desc"] = "Gesehen am Fluß, früh am Morgen, mit Booten"
    flickr.write(folder, rows)
    for i, row in enumerate(rows):
        user, post = row["url"].split("/")[-2:]
        draw_picture(folder / f"img/train/{user}/{post}.jpg", brightness=0.2 + i / 100, seed=i)
    return folder


def small(p, root):
    """The preset with random weights, small pictures, small networks and two seeds, and nothing else changed."""
    for feature, size in (("vgg", 32), ("vgg_regions", 64)):
        p["features"][feature] |= {"pretrained": None, "image_size": size}
    p["features"]["glove"] |= {"vectors": None, "dimensions": 8}
    p["features"]["words"]["minimum_count"] = 1
    for name in NETWORKS:
        entry = p["systems"][name] = dict(p["systems"][name])
        entry |= {"hidden": 6, "head": [6] * len(entry["head"]), "seeds": 2}
        entry["training"] = {**entry["training"], **TRAINING}
        entry.setdefault("region_layer", "linear")  # from 512 numbers a region to so few
    p["compute"] |= {"workers": 1, "device": "cpu"}
    p["evaluate"]["bootstrap"] = 20
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(p, file)
    return Paths(root)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    root = tmp_path_factory.mktemp("uhan")
    write_flickr(root / "data/flickr179k")
    paths = small(params.read(ROOT / "presets/uhan.yaml"), root)
    run_stages(paths)
    return paths


def test_every_system_ran(ran):
    found = store.read_json(ran.results / "metrics.json")
    assert set(found) == SYSTEMS
    assert all(np.isfinite(found[name]["score"]["mse"]) for name in found)


def test_every_system_runs_as_released(tmp_path):
    write_flickr(tmp_path / "data/flickr179k")
    paths = small(params.read(ROOT / "presets/uhan-released.yaml"), tmp_path)
    run_stages(paths, results=False)
    assert len(store.read_frame(paths.posts)) == N - 1  # one is not ASCII
    for name in SYSTEMS:
        predictions = store.read_frame(paths.predictions(name))
        assert set(predictions["part"]) == {"validation", "test"}
        assert np.isfinite(predictions["prediction"]).all()


def test_posts_and_parts_are_the_papers(ran):
    posts = store.read_frame(ran.posts)
    assert len(posts) == N - 1
    rare = store.read_json(ran.audit)["filtered"]
    assert rare == {"fewer than 5 words that occur 5 times": 1}  # the one that is not English
    parts = store.read_frame(ran.splits).merge(posts, on="post_id")
    assert np.allclose(parts["part"].value_counts(normalize=True)[["train", "test"]], [0.7, 0.2], atol=0.02)
    newest = parts.loc[parts["part"] == "train", "posted_at"].max()
    assert (parts.loc[parts["part"] != "train", "posted_at"] > newest).all()


def test_tables_2_3_and_4_are_complete(ran):
    text = (ran.results / "tables/uhan.md").read_text(encoding="utf-8")
    assert [text.count(f"### Table {i}") for i in (2, 3, 4)] == [1, 1, 1]
    assert "not run" not in text.lower()
    assert text.count("## Table 1: the dataset") == 1
    assert (ran.results / "plots/popular.png").exists()
    assert "Substitute data" not in text
    assert "Differs from the paper" not in text
    assert "Untrained: `vgg_regions`" in text
    table = pd.read_csv(ran.results / "tables/uhan.csv").set_index("system")
    assert table[["published", "measured", "low", "high"]].notna().all(axis=None)
    assert set(table["metric"]) == {"mse", "mae"}
    assert (table.loc[list(NETWORKS), "seeds"] == 2).all()
    assert table.loc[list(NETWORKS), "spread"].notna().all()
    assert table.loc["uhan", "p"].isna().all()
    assert table.drop(index="uhan")["p"].between(0, 1).all()


def test_attention_is_drawn(ran):
    names = {path.stem for path in (ran.results / "plots").glob("attention_*.png")}
    assert names == {f"attention_{what}" for what in ("post", "systems", "cases", "users")}


def test_every_network_has_its_curve(ran):
    curves = pd.read_csv(ran.results / "curves.csv")
    assert set(curves["system"]) == NETWORKS
    assert curves.groupby(["system", "seed"]).size().min() >= 4
    assert curves["validation"].notna().all()


PAPER = {
    "features": {"regions": ["vgg_regions"], "words": ["words"]},
    "hidden": 512,
    "head": [512],  # with the output the paper's two layers
    "standardize": False,
    "training": {
        **{"learning_rate": 0.001, "batch_size": 128, "validate_every": 64, "patience": 20},
        "epochs": 100,  # ours; it stops long before
    },
    "seeds": 3,
}
RELEASED = {**PAPER, "head": [1024, 1024], "region_layer": "tanh", "penalty": 1e-4, "first_weights": "keras"}
PAPERS_WORDS = {
    "words": {"minimum_count": 5, "length": 50},
    "tfidf": {"maximum_words": 2000, "english": True},
    "glove": {"vectors": "data/weights/glove.6B.zip", "dimensions": 300, "english": True},
}
SAME = {"columns": ["text"], "tokenizer": "released", "length": 50}
RELEASED_WORDS = {
    "words": {"minimum_count": 1, **SAME},
    "tfidf": {"maximum_words": 2000, "minimum_count": 1, **SAME},
    "glove": {"vectors": "data/weights/glove.6B.zip", "dimensions": 300, **SAME},
}
WITHOUT = {
    "uhan_no_user": {"user"},
    "uhan_no_shortcut": {"shortcut"},
    "uhan_no_intra": {"intra"},
    "uhan_no_inter": {"inter"},
    "uhan_no_intra_inter": {"intra", "inter"},
    "uhan_no_image": {"image"},
    "uhan_no_text": {"text"},
}


@pytest.mark.parametrize(
    ("name", "fusion", "attention", "posts", "words"),
    [
        ("uhan", PAPER, PAPER, {"minimum_words": 5, "minimum_count": 5}, PAPERS_WORDS),
        (
            "uhan-released",
            RELEASED,
            {**RELEASED, "softmax": "renormalised"},
            {"text_form": "released", "minimum_words": 5},
            RELEASED_WORDS,
        ),
    ],
)
def test_the_presets_have_the_papers_numbers(name, fusion, attention, posts, words):
    p = params.read(ROOT / f"presets/{name}.yaml")
    assert p["split"] == {"method": "chronological_shuffled", "ratios": [0.7, 0.1, 0.2]}
    assert p["dataset"]["targets"] == {"score": "identity"}
    own = ("text_form", "minimum_words", "minimum_count")
    assert {k: v for k, v in p["dataset"].items() if k in own} == posts
    assert p["features"]["vgg_regions"] == {"pretrained": "IMAGENET1K_V1", "image_size": 448}
    assert {feature: p["features"][feature] for feature in words} == words
    systems = p["systems"]
    assert (systems["his_ave"], systems["dmf"]) == ({"by": "global"}, fusion)
    assert systems["dual_att"] == systems["uhan"] == attention
    assert {name: systems[name] for name in WITHOUT} == {
        name: {**attention, "model": "uhan", **dict.fromkeys(off, False)} for name, off in WITHOUT.items()
    }
    choosing = {"model": "svr", "combinations": True}
    assert systems["uhan_svr"] == {**choosing, "features": ["colour", "vgg", "tfidf", "glove"]}
    assert systems["uhan_svr_no_image"] == {**choosing, "features": ["tfidf", "glove"]}
    assert systems["uhan_svr_no_text"] == {**choosing, "features": ["colour", "vgg"]}


def test_an_ablation_of_the_presets_goes_without_what_its_name_says():
    """What an entry leaves out is on: the defaults of the class are the whole system."""
    signature = inspect.signature(system_class("uhan")).parameters
    assert all(signature[part].default is True for parts in WITHOUT.values() for part in parts)
    assert set(WITHOUT) == {name for name in NETWORKS if name.startswith("uhan_no_")}
