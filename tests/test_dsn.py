"""SMPD in the challenge's form through the presets of the paper `dsn`, end to end and small."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.base import params
from pipeline.base.paths import Paths
from pipeline.storage import store
from tests.conftest import write_smpd_folder
from tests.features import berts
from tests.stages import run_stages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
N = 60
LENGTHS = {f"dsn_l{length}": {"length": length} for length in (1, 4, 16, 32, 64)}
INPUTS = {
    **{"dsn_user": [], "dsn_image": ["image"], "dsn_text": ["text"], "dsn_category": ["category"]},
    "dsn_image_text": ["image", "text"],
    "dsn_image_category": ["image", "category"],
    "dsn_text_category": ["text", "category"],
}
ENCODERS = {
    f"dsn_{a}_{b}": {"features": {"image": [image], "text": [text], "user": ["user_vector"]}, "alpha": 1.0, "beta": 1.0}
    for a, image in (("swin", "swin"), ("clip", "clip_image"))
    for b, text in (("bert", "bert"), ("clip", "clip_text"))
}
CATEGORIES = {f"dsn_{kind}": {"category": kind} for kind in ("first", "second", "third", "concatenation", "summation")}
FUSION = {f"dsn_no_{term}": {term: False} for term in ("short_term", "long_term")}
ABLATIONS = {**LENGTHS, **{name: {"inputs": inputs} for name, inputs in INPUTS.items()}, **ENCODERS}
ABLATIONS |= {**CATEGORIES, **FUSION}
RIVALS = ("dtcn", "mlp", "att_mlp", "catboost_window", "multi_view", "ttc_vlt")
DSN = {
    "features": {"image": ["clip_image"], "text": ["clip_text"], "user": ["user_vector"]},
    **{"length": 8, "alpha": 0.2, "beta": 0.6, "standardize": False},
}


def small(p, root, keep):
    """The preset with small encoders of random weights and small networks, and nothing else changed."""
    write_smpd_folder(root / "data/smpd", n=N)
    p["features"]["clip_image"] |= {"pretrained": None, "image_size": 32}
    p["features"]["clip_text"] |= {"pretrained": None}
    if "swin" in p["features"]:
        for name in ("swin", "resnet"):
            p["features"][name] |= {"network": "test_vit", "pretrained": None}
        p["features"]["bert"]["encoder"] = str(berts.write(root / "bert"))
        p["features"]["regions"] |= {"image_size": 32}
        p["features"]["iipa"] |= {"image_size": 32}
        p["features"]["nima"] |= {"image_size": 75}
        for name in ("word2vec", "fasttext"):
            p["features"][name] |= {"dimensions": 4, "minimum_count": 1}
        for name in ("title_words", "tag_words"):
            p["features"][name]["minimum_count"] = 1
    p["systems"] = {name: dict(entry) for name, entry in p["systems"].items() if keep(name)}
    for name, entry in p["systems"].items():
        if name == "catboost_window":
            entry["trees"] = {"n_estimators": 5, "max_depth": 2}
        elif entry.get("model") != "constant" and name != "user_mean":
            entry |= {"hidden": [8] if name == "mlp" else 8}
            entry["training"] = {**entry.get("training", {}), "epochs": 2, "batch_size": 16}
    p["compute"] |= {"workers": 1, "device": "cpu"}
    p["evaluate"]["bootstrap"] = 20
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(p, file)
    return Paths(root)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    root = tmp_path_factory.mktemp("dsn")
    paths = small(params.read(ROOT / "presets/dsn.yaml"), root, lambda name: True)
    run_stages(paths)
    return paths


def test_every_system_ran(ran):
    found = store.read_json(ran.results / "metrics.json")
    assert {*ABLATIONS, *RIVALS, "dsn"} <= set(found)
    assert all(np.isfinite(found[name]["score"]["mae"]) for name in found)


def test_tables_2_to_7_are_complete(ran):
    text = (ran.results / "tables/dsn.md").read_text(encoding="utf-8")
    assert [text.count(f"### Table {i}") for i in (2, 3, 4, 5, 6, 7)] == [1] * 6
    table = pd.read_csv(ran.results / "tables/dsn.csv")
    own = table[table["system"].isin({*ABLATIONS, *RIVALS, "dsn"})]
    assert own[["measured", "low", "high"]].notna().all(axis=None)
    published = own["published"].notna()
    assert set(own.loc[published, "metric"]) == {"mae", "pearson"}  # by its formula, what the paper calls Spearman's
    assert set(own.loc[~published, "metric"]) == {"spearman"}
    assert set(own["system"]) == {*ABLATIONS, *RIVALS, "dsn"}
    assert "not run" not in text.lower()
    assert "Differs from the paper" not in text


def test_earlier_posts_of_a_prediction_are_written_and_drawn(ran):
    posted = store.read_frame(ran.posts, ["post_id", "posted_at"]).set_index("post_id")["posted_at"]
    table = store.read_frame(ran.attention("dsn"))
    for post_id, weights, before in table[["post_id", "past", "past_post_id"]].itertuples(index=False):
        assert len(weights) == len(before) == 7
        there = [post for post in before if post]
        assert (posted[there] < posted[post_id]).all()
        assert sum(weights) == pytest.approx(1 if there else 0, abs=1e-5)
    assert not ran.attention("dsn_no_long_term").exists() or "past" not in store.columns_of(
        ran.attention("dsn_no_long_term")
    )
    assert (ran.results / "plots/attention_past.png").exists()


def test_as_released_and_each_ratio(tmp_path):
    paths = small(params.read(ROOT / "presets/dsn-released.yaml"), tmp_path / "released", lambda name: True)
    run_stages(paths, results=False)
    assert np.isfinite(store.read_frame(paths.predictions("dsn_released"))["prediction"]).all()
    p = params.read(ROOT / "presets/dsn-ratios.yaml")
    cells = {(entry.get("alpha"), entry.get("beta")) for name, entry in p["systems"].items() if name.startswith("dsn")}
    assert cells == {(a / 10, b / 10) for a in range(0, 11, 2) for b in range(0, 11, 2)}
    paths = small(p, tmp_path / "ratios", lambda name: name in ("dsn", "dsn_04_10", "mean"))
    run_stages(paths)
    assert list((paths.results / "plots").glob("*ratios*"))


def test_the_preset_has_the_papers_numbers():
    p = params.read(ROOT / "presets/dsn.yaml")
    assert p["split"] == {"method": "chronological", "ratios": [0.8, 0.1, 0.1]}
    systems = p["systems"]
    assert systems["dsn"] == DSN
    assert {name: systems[name] for name in ABLATIONS} == {
        name: {**DSN, "model": "dsn", **change} for name, change in ABLATIONS.items()
    }
