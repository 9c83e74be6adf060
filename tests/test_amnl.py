"""A small network of shares through the preset of the paper `amnl`, end to end and small."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from models.trained import Trained
from pipeline.base import params
from pipeline.base.paths import Paths
from pipeline.storage import store
from tests.sharing import START, build_sharing
from tests.stages import run_stages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
OWN = {"amnl", "amnl_image", "amnl_text", "amnl_no_social", "amnl_plus", "amnl_plus_image", "amnl_plus_no_social"}
RIVALS = {"popularity", "followees", "famf", "adabpr", "vbpr", "rrfm", "citing"}


def write_network(folder):
    """posts.csv with pictures, interactions, follows and comments, as the preset says they lie."""
    (folder / "images").mkdir(parents=True)
    posts, interactions, follows = build_sharing()
    rng = np.random.default_rng(0)
    for post_id in posts["post_id"]:
        pixels = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray(pixels).save(folder / f"images/{post_id}.png")
    said = rng.choice(["a boat at sea", "Look! A cake", "the city again"], len(posts))
    posts = posts.assign(image="images/" + posts["post_id"] + ".png", text=said).rename(columns={"likes": "retweets"})
    comments = pd.DataFrame({"post_id": posts["post_id"], "user_id": "u01", "at": START, "text": "what a sea. haha"})
    tables = {"posts": posts, "interactions": interactions, "follows": follows, "comments": comments}
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The preset with a small encoder of random weights and small networks, and nothing else changed."""
    root = tmp_path_factory.mktemp("amnl")
    write_network(root / "data/retweets")
    (root / "vectors.txt").write_text("sea 1 2 3 4\ncake 5 6 7 8\n")
    p = params.read(ROOT / "presets/amnl.yaml")
    for feature in p["features"].values():
        feature |= {"network": "test_vit", "pretrained": None}
    p["systems"] = {name: dict(entry) for name, entry in p["systems"].items()}
    for name, entry in p["systems"].items():
        if name in OWN:
            entry |= {"factors": 4, "hidden": 6, "embedding": 4, "space": 4, "vectors": str(root / "vectors.txt")}
            entry["training"] = {"epochs": 2, "batch_size": 16, "patience": None}
        elif name in RIVALS - {"popularity", "followees"}:
            entry["descent"] = {"epochs": 2, "patience": None}
    p["compute"] |= {"workers": 1, "device": "cpu"}
    p["evaluate"]["bootstrap"] = 20
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(p, file)
    paths = Paths(root)
    run_stages(paths)
    return paths


def test_tables_1_to_4_are_complete(ran):
    table = pd.read_csv(ran.results / "tables/amnl.csv")
    own = table[table["system"].isin(OWN | RIVALS)]
    assert set(own["system"]) == OWN | RIVALS
    assert own[["measured", "low", "high"]].notna().all(axis=None)
    text = (ran.results / "tables/amnl.md").read_text(encoding="utf-8")
    assert text.count("### Table IV") == 1
    assert "not run" not in text.lower()


def test_words_start_from_the_vectors_named(ran):
    assert Trained.open(ran, "amnl_text").targets["shares"].report[0]["words_with_given_vectors"] == 2
    assert (ran.files("systems", "amnl") / "0-vectors.txt").is_symlink()
    assert store.read_json(ran.inputs("amnl"))["files"] != store.read_json(ran.inputs("amnl_image"))["files"] == []


def test_where_sentences_look_is_written_and_drawn(ran):
    drawn = store.read_frame(ran.candidates)
    table = store.read_frame(ran.attention("amnl_plus"))
    assert set(table["post_id"]) == set(drawn.loc[drawn["part"] == "test", "post_id"])
    assert {"what a sea", "a boat at sea"} & {said for post in table["sentences"] for said in post}
    regions = np.stack(table["regions"].to_list()).reshape(len(table), 4, -1)
    np.testing.assert_allclose(regions.sum(-1), 1, atol=1e-5)
    assert (ran.results / "plots/attention_shares.png").exists()
    assert not ran.attention("amnl").exists()


def test_the_preset_has_the_papers_numbers():
    p = params.load(ROOT / "presets/amnl.yaml")
    systems = p.systems
    assert set(systems) == OWN | RIVALS
    changes = {"amnl_image": {"text": False}, "amnl_text": {"image": False}, "amnl_no_social": {"social": False}}
    for base, ablations in {
        "amnl": changes,
        "amnl_plus": {"amnl_plus_image": {"text": False}, "amnl_plus_no_social": {"social": False}},
    }.items():
        for name, change in ablations.items():
            assert systems[name].arguments == {**systems[base].arguments, **change}
            assert systems[name].module == base
