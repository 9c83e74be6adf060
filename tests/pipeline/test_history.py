"""Features of the posts before a post, through the stages: whose labels they read, and what drafts see."""

import numpy as np
import pandas as pd
import pytest

from pipeline import features, plan, posts, predict, split
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

N = 60
SIMILAR = {"similar": ["tags", "category"]}
FEATURES = {
    **{"history": {}, "activity": {}, "after": {"model": "history", "validation": True}},
    **{"retrieval": SIMILAR, "near": {"model": "retrieval", "validation": True, **SIMILAR}},
}
TREES = {"n_estimators": 20, "max_depth": 3, "learning_rate": 0.2}


def project(root, posts, **sections):
    write_posts_folder(root / "raw", posts=posts, images=False)
    chronological = {"method": "chronological", "ratios": [0.7, 0.1, 0.2]}
    systems = {"lightgbm": {"features": ["history", "activity"], "trees": TREES}}
    return write_params(root, **{"features": FEATURES, "split": chronological, "systems": systems, **sections})


def extracted(root, frame, name="history", **sections):
    """A feature of these posts as the stage `features` writes it, a row a post."""
    paths = project(root, frame, **sections)
    for stage in (posts, plan, split):
        stage.main(paths)
    features.run(paths, params.load(paths.params), name)
    table = store.read_feature(paths.feature(name))
    return pd.DataFrame(table.values, index=table.post_id, columns=table.names)


def relabelled(part):
    """The same posts, those of a part with other counts."""
    frame = build_posts(N).sort_values("posted_at", ignore_index=True)
    rows = {"train": slice(0, 42), "validation": slice(42, 48), "test": slice(48, N)}[part]
    frame.loc[frame.index[rows], "likes"] = np.random.default_rng(0).integers(1, 9999, len(frame.index[rows]))
    return frame


@pytest.mark.parametrize(
    ("part", "name", "changes"),
    [
        ("test", "history", False),
        ("test", "after", False),
        ("validation", "history", False),
        ("validation", "after", True),
        ("train", "history", True),
        ("train", "activity", False),
        ("test", "retrieval", False),
        ("test", "near", False),
        ("validation", "retrieval", False),
        ("validation", "near", True),
        ("train", "retrieval", True),
    ],
)
def test_labels_that_are_read_are_those_of_the_parts_it_says(tmp_path, part, name, changes):
    one = extracted(tmp_path / "one", build_posts(N), name)
    other = extracted(tmp_path / "other", relabelled(part), name).loc[one.index]
    assert one.equals(other) != changes


@pytest.mark.slow
def test_drafts_are_later_than_what_was_trained_on(tmp_path):
    paths = project(tmp_path, build_posts(N))
    run_stages(paths, results=False)
    known = store.read_frame(paths.predictions("lightgbm")).query("part == 'test'")
    drafts = store.read_frame(paths.posts).merge(known, on="post_id", validate="one_to_one")

    def ask(frame):
        frame[["post_id", "user_id", "posted_at", "category"]].to_csv(tmp_path / "drafts.csv", index=False)
        return predict.predict(paths, params.load(paths.params), "lightgbm", tmp_path / "drafts.csv")["likes_log2p1"]

    np.testing.assert_allclose(ask(drafts), drafts["prediction"], rtol=1e-6)
    assert np.isfinite(ask(drafts.assign(posted_at=None))).all()
    assert np.isfinite(ask(drafts.assign(user_id="nobody"))).all()
    frame = store.read_frame(paths.posts)
    store.write_frame(paths.posts, frame.assign(likes=frame["likes"] + 1))
    with pytest.raises(
        UserError, match=r"features\.history: the posts before, or their labels, changed since training"
    ):
        ask(drafts)


def test_labels_are_of_the_target_it_names_and_of_no_other(tmp_path):
    frame = build_posts(N).assign(views=lambda posts: posts["likes"] * 3)
    sections = {
        "features": {"history": {"target": "views"}},
        "dataset": {"targets": {"likes": "log2p1", "views": "max"}},
    }
    sections["systems"] = {"mean": {"model": "constant"}}
    found = extracted(tmp_path, frame, **sections)
    assert found.filter(regex="^user_views_max_mean$").notna().any(axis=None)
    assert found.filter(regex="_mean$").max(axis=None) <= 1
    with pytest.raises(UserError, match=r"features\.history\.target: 'faves' is none of dataset\.targets: likes"):
        extracted(tmp_path / "other", frame, features={"history": {"target": "faves"}}, systems=sections["systems"])
