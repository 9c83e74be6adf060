"""Tweets of both API forms, with everything that goes wrong with tweets, through the paper's preset end to end."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.base import params
from pipeline.base.paths import Paths
from pipeline.storage import store
from tests.conftest import draw_picture
from tests.pipeline.readers import test_twitter as v1
from tests.pipeline.readers import test_twitter_v2 as v2
from tests.stages import run_stages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EACH = 24
TEXTS = [
    "A golden lake &amp; a cat",
    "Quiet street #Street http://t.co/x",
    "golden tower @someone 😀",
    "猫 on a street",
]
SYSTEMS = {"median", "mean", "context_svr", "hybrid_cnn", "inception_svr", "bow_svr", "glove_svr"}


def counts(number):
    return {"retweets": 150 + 40 * (number % 7) + number, "likes": 200 + 30 * (number % 5) + 7 * number}


def old_form():
    """v1.1: tweets 1 to EACH, each inside a retweet, and lines that are broken, odd or seen again."""
    seen = [
        v1.tweet(i, photos=[500 + i], text=TEXTS[i % 4], by=v1.user(1000 + i, 100 * i), **counts(i))
        for i in range(1, EACH + 1)
    ]
    lines = [v1.retweet(2000 + i, 8 + i % 9, tweet, by=v1.user(9)) for i, tweet in enumerate(seen)]
    lines.append(v1.retweet(2100, 9, v1.retweet(2101, 8.5, seen[0], by=v1.user(8)), by=v1.user(7)))
    shrunk = {**seen[1], "retweet_count": 101}
    lines += [v1.retweet(2102, 30, shrunk), v1.retweet(2103, 9, {**seen[2], "user": None})]
    lines += [v1.retweet(2104, 9, v1.tweet(900, photos=[1], retweets=100)), v1.tweet(901, text="no picture")]
    return [*map(json.dumps, lines), '{"id": 1, "text"', '{"delete": {"status": {"id": 5}}}']


def new_form():
    """v2: tweets 101 to 100 + EACH, each referred to by a retweet; two have lost user or media."""
    lines = []
    for i in range(101, 101 + EACH):
        numbers = counts(i - 100)
        tweet = v2.tweet(str(i), keys=[f"3_{500 + i}"], **{**numbers, "text": TEXTS[i % 4]})
        users = [] if i == 101 else [v2.user(str(i), followers=50 * (i - 100))]
        photos = [] if i == 102 else [f"3_{500 + i}"]
        retweet = v2.tweet(str(3000 + i), 8 + i % 5, refers=[("retweeted", str(i))])
        lines.append(json.dumps(v2.page(retweet, tweets=[tweet], users=users, photos=photos)))
    return lines


def write_tweets(folder):
    folder.mkdir(parents=True)
    v1.write(folder, *old_form(), name="2018.jsonl.gz")
    v1.write(folder, *new_form(), name="2023.jsonl")
    for i in range(EACH):
        draw_picture(folder / f"images/{501 + i}.jpg", brightness=0.3 + i / 50, seed=i)
        draw_picture(folder / f"images/3_{601 + i}.png", brightness=0.3 + i / 50, seed=100 + i)
    for lost in ("505.jpg", "3_605.png"):
        (folder / "images" / lost).unlink()
    (folder / "images/506.jpg").write_bytes(b"no picture")


def write_vectors(path):
    rng = np.random.default_rng(0)
    words = ["golden", "lake", "cat", "quiet", "street", "tower", "on"]
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{word} {' '.join(f'{x:.4f}' for x in rng.normal(size=100))}\n" for word in words))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The preset on these tweets: small network, few epochs, random Inception, and nothing else changed."""
    root = tmp_path_factory.mktemp("tweets")
    write_tweets(root / "data/tweets")
    write_vectors(root / "data/weights/glove.txt")
    p = params.read(ROOT / "presets/picture-or-words.yaml")
    p["features"]["pixels"]["image_size"] = 16
    p["features"]["inception"] |= {"pretrained": None, "image_size": 75}
    p["features"]["bow"]["minimum_count"] = 3
    p["features"]["glove"]["vectors"] = str(root / "data/weights/glove.txt")
    p["systems"]["hybrid_cnn"] |= {"channels": [4, 8], "training": {"epochs": 3}}
    p["compute"] |= {"workers": 1, "device": "cpu"}
    p["evaluate"]["bootstrap"] = 20
    YAML(typ="safe").dump(p, root / "params.yaml")
    paths = Paths(root)
    run_stages(paths)
    return paths


def test_posts_are_the_originals_newest_sighting_first(ran):
    posts = store.read_frame(ran.posts).set_index("post_id")
    assert set(posts.index) == {str(i) for i in (*range(1, EACH + 1), *range(101, 101 + EACH))}
    assert posts.loc["2", "retweets"] == 101
    assert posts["followers"].isna().sum() == 1
    audit = store.read_json(ran.audit)
    assert audit["filtered"]["minimum_retweets 100"] == 1
    assert audit["filtered"]["no photo"] == 1
    assert sum(audit["dropped"].values()) == 1
    assert audit["tagged"]["retweets: fewer than at an earlier sighting"] == 1
    assert audit["tagged"]["image: no file of that name in images/"] == 2


def test_halves_are_equal_and_scaled_by_the_training_maximum(ran):
    parts = store.read_frame(ran.splits)["part"].value_counts()
    assert parts.to_dict() == {"train": EACH, "test": EACH}
    posts = store.read_frame(ran.posts).merge(store.read_frame(ran.splits), on="post_id")
    largest = posts.loc[posts["part"] == "train", "likes"].max()
    predictions = store.read_frame(ran.predictions("bow_svr"))
    of_likes = predictions[predictions["target"] == "likes"].merge(posts, on="post_id")
    assert set(of_likes["part_x"]) == {"test"}
    np.testing.assert_allclose(of_likes["y"], of_likes["likes"] / largest)
    hours = store.read_feature(ran.feature("context")).values[:, 1]
    assert np.nanmax(hours[(posts["part"] == "train").to_numpy()]) == 1


def test_all_systems_have_both_targets(ran):
    found = store.read_json(ran.results / "metrics.json")
    assert set(found) == SYSTEMS
    for of_targets in found.values():
        assert set(of_targets) == {"retweets", "likes"}
        assert all(np.isfinite(t["median_absolute_error"]) for t in of_targets.values())
    assert all("spearman" in found[name]["likes"] for name in ("context_svr", "inception_svr", "glove_svr"))
    likes = store.read_json(ran.model("bow_svr") / "system.json")["targets"]["likes"]
    assert likes["chosen"] == {"0": {"method": "exact"}}


def test_features_are_those_the_paper_joins(ran):
    shapes = {f: store.feature_metadata(ran.feature(f))["shape"] for f in ("pixels", "inception", "glove", "context")}
    assert shapes == {"pixels": [16, 16, 3], "inception": [2048], "glove": [100], "context": [2]}
    words = store.feature_metadata(ran.feature("bow"))["state"]["vocabulary"]
    assert "street" in words
    pixels = store.read_feature(ran.feature("pixels"))
    without = {i for i, there in zip(pixels.post_id, pixels.valid, strict=True) if not there}
    assert without == {"5", "105", "6"}


def test_the_papers_table_stands_beside_ours(ran):
    text = (ran.results / "tables/picture-or-words.md").read_text(encoding="utf-8")
    assert "not run" not in text.lower()
    assert "Untrained: `inception`" in text
    assert "Substitute data" in text
    assert "**Differs from the paper**: data tweets instead of 33,558 image tweets." in text
    table = pd.read_csv(ran.results / "tables/picture-or-words.csv")
    assert table["measured"].notna().sum() >= 2 * 6 * 2 - 4  # Spearman of constants is undefined
    assert set(table["n"]) == {EACH}
    assert set(table["target"]) == {"retweets", "likes"}
    row = table[(table["system"] == "glove_svr") & (table["target"] == "likes") & (table["metric"] == "spearman")]
    assert row["published"].item() == 0.367


def test_both_counts_are_drawn_and_their_correlation_is_said(ran):
    posts = store.read_frame(ran.posts)[["retweets", "likes"]].to_numpy(dtype=float)
    correlation = np.corrcoef(posts.T)[0, 1]
    text = " ".join((ran.results / "tables/picture-or-words.md").read_text(encoding="utf-8").split())
    assert f"retweets and likes, over all posts: {correlation:.3f}; published: 0.631" in text
    assert (ran.results / "plots/counts.png").exists()


def test_ranks_and_loss_curves_are_drawn(ran):
    names = {path.name for path in (ran.results / "plots").iterdir()}
    assert {f"{kind}_{target}.png" for kind in ("ranks", "curves") for target in ("retweets", "likes")} <= names
    curves = pd.read_csv(ran.results / "curves.csv")
    assert set(curves["system"]) == {"hybrid_cnn"}
    assert len(curves) == 2 * 3
    assert curves["validation"].isna().all()
