"""Labels of the posts most like a post, through the stages: vectors come from the cache, for posts and for drafts."""

import numpy as np
import pandas as pd
import pytest

from pipeline import plan, posts, predict
from pipeline.base import params
from pipeline.storage import store
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

N = 40
TREES = {"n_estimators": 20, "max_depth": 3, "learning_rate": 0.2}
SECTIONS = {
    "features": {"retrieval": {}, "sentence": {}},
    "split": {"method": "chronological", "ratios": [0.6, 0.2, 0.2]},
    "systems": {"near": {"model": "lightgbm", "features": ["retrieval"], "trees": TREES}},
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root = tmp_path_factory.mktemp("retrieval")
    write_posts_folder(root / "raw", posts=build_posts(N))
    paths = write_params(root, **SECTIONS)
    run_stages(paths, results=False)
    return paths


@pytest.fixture
def drafts(paths):
    """The posts of the test part and what was predicted of them, in a file beside the pictures."""
    known = store.read_frame(paths.predictions("near")).query("part == 'test'")
    table = store.read_frame(paths.posts).merge(known, on="post_id", validate="one_to_one")
    table.drop(columns=["likes"]).to_csv(paths.root / "raw/drafts.csv", index=False)
    return table


def test_posts_are_alike_by_all_that_the_data_has(paths):
    table = store.read_feature(paths.feature("retrieval"))
    found = pd.DataFrame(table.values, columns=table.names)
    alike = ("sentence", "efficientnet", "tags", "category")
    assert list(found) == [
        f"similar_{by}_likes_log2p1_{what}" for by in alike for what in ("known", "mean", "spread", "similarity")
    ]
    assert (found[N // 2 :].notna().mean() > 0.8).all()
    assert found.filter(like="_similarity").max(axis=None) <= 1.001


def test_vectors_of_an_entry_of_the_same_name_are_made_once(paths):
    assert len(list((paths.cache / "sentence").iterdir())) == 1


def test_drafts_have_the_values_of_the_posts_they_are(paths, drafts):
    p, file = params.load(paths.params), paths.root / "raw/drafts.csv"
    found = predict.predict(paths, p, "near", file)
    np.testing.assert_allclose(found["likes_log2p1"], drafts["prediction"], rtol=1e-6)
    assert found["image"].eq("ok").all()
    later = predict.when(paths, p, "near", file, now=pd.Timestamp("2021-03-01", tz="UTC"))
    first = later.groupby("post_id", sort=False).first().loc[drafts["post_id"]]
    at = drafts.assign(posted_at=pd.to_datetime(first["posted_at"], utc=True).to_numpy())
    at[["post_id", "posted_at", "title", "text", "tags", "category", "user_id", "image"]].to_csv(file, index=False)
    np.testing.assert_allclose(first["likes_log2p1"], predict.predict(paths, p, "near", file)["likes_log2p1"])


def test_drafts_without_words_or_picture_get_a_number(paths):
    file = paths.root / "raw/bare.csv"
    pd.DataFrame({"post_id": ["a"], "category": ["food"]}).to_csv(file, index=False)
    assert np.isfinite(predict.predict(paths, params.load(paths.params), "near", file)["likes_log2p1"]).all()


def test_data_without_any_of_it_leaves_it_out(tmp_path):
    bare = build_posts(N)[["post_id", "user_id", "posted_at", "likes", "followers"]]
    write_posts_folder(tmp_path / "raw", posts=bare, images=False)
    systems = {"near": {"model": "lightgbm", "features": ["retrieval", "user_time"]}}
    features = {"retrieval": {}, "user_time": {}}
    paths = write_params(
        tmp_path, features=features, systems=systems, dataset={"missing": "drop"}, split=SECTIONS["split"]
    )
    posts.main(paths)
    plan.main(paths)
    told = store.read_json(paths.plan("features", "retrieval"))
    assert told["why"] == "the data lacks title, text, tags, image, category"
