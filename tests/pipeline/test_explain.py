"""Reasons of drafts: they add up to what `predict` says, name the planted cause, and say what was unknown."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline import explain, look, predict
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.report import plots, waterfalls
from pipeline.storage import store
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

TREES = {"n_estimators": 30, "max_depth": 3, "learning_rate": 0.2, "threads": 1}
READ = ["user_time", "category", "bow", "image_stats"]
SYSTEMS = {
    "lightgbm": {"features": READ, "trees": TREES, "seeds": 2},
    "catboost": {"features": READ, "categorical": ["user_id"], "trees": TREES},
    "svr": {"features": READ, "standardize_target": True},
    "user_mean": {},
    "mean": {"model": "constant"},
}
CAUSES = {"likes": "category", "views": "who", "saves": "words"}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Posts whose likes follow their category, views their user, and saves a word of theirs."""
    root, posts = tmp_path_factory.mktemp("reasons"), build_posts(200)
    posts["category"] = np.random.default_rng(0).permutation(posts["category"])  # no word tells it
    posts["likes"] = np.where(posts["category"] == "food", 1000.0, 10)
    posts["views"] = 2.0 ** (3 + 2 * posts["user_id"].str[1:].astype(int))
    posts["saves"] = np.where(posts["text"].str.contains(posts["text"].iloc[0].split()[1]), 2000.0, 3)
    write_posts_folder(root / "raw", posts=posts)
    features = {"user_time": {}, "category": {"levels": ["category"]}, "bow": {"minimum_count": 2}, "image_stats": {}}
    targets = {"targets": dict.fromkeys(CAUSES, "log2p1")}
    paths = write_params(root, features=features, systems=SYSTEMS, dataset=targets)
    run_stages(paths, results=False)
    look.main(paths)
    return paths


@pytest.fixture
def drafts(paths):
    """The first posts, as drafts of whom or what less and less is known."""
    table = pd.read_csv(paths.root / "raw/posts.csv").drop(columns=[*CAUSES]).head(5)
    table.loc[1:, "user_id"] = "nobody"
    table.loc[2:, "image"] = None
    table.loc[3:, ["title", "text", "tags"]] = None
    table.loc[4:, "posted_at"] = None
    table.to_csv(paths.root / "raw/drafts.csv", index=False)
    return paths.root / "raw/drafts.csv"


@pytest.mark.parametrize("system", SYSTEMS)
def test_reasons_add_up_to_what_is_predicted(paths, drafts, system):
    p = params.load(paths.params)
    told, predicted = (stage(paths, p, system, drafts) for stage in (explain.explain, predict.predict))
    groups = [column for column in told if column not in waterfalls.NO_GROUPS]
    assert list(told) == ["post_id", "target", "base", *groups, "prediction", "unknown"]
    assert groups == {"user_mean": ["who"], "mean": []}.get(system, ["who", "when", "category", "picture", "words"])
    np.testing.assert_allclose(told[["base", *groups]].sum(axis=1), told["prediction"], rtol=1e-6)
    for target in CAUSES:
        own = told[told["target"] == target]
        assert own["post_id"].tolist() == predicted["post_id"].tolist()
        np.testing.assert_allclose(own["prediction"], predicted[f"{target}_log2p1"], rtol=1e-6)


@pytest.mark.parametrize("system", ["lightgbm", "catboost"])
def test_the_planted_cause_is_named_first(paths, system):
    for target, cause in CAUSES.items():
        frame = store.read_frame(paths.reasons(system))
        added = frame.loc[frame["target"] == target].drop(columns=list(waterfalls.NO_GROUPS), errors="ignore")
        assert added.abs().mean().idxmax() == cause


def test_what_is_unknown_is_said(paths, drafts):
    p = params.load(paths.params)
    told = explain.explain(paths, p, "lightgbm", drafts)
    assert told["unknown"].iloc[:5].tolist() == [
        "",
        "new user",
        "new user, no picture",
        "new user, no text, no picture",
        "new user, no text, no picture, no time",
    ]
    assert explain.explain(paths, p, "user_mean", drafts)["unknown"].iloc[4] == "new user"


def test_the_command_writes_a_table_and_a_picture(paths, drafts):
    out, plot = paths.root / "reasons.jsonl", paths.root / "reasons.png"
    explain.main(paths, ["--system", "catboost", "--posts", str(drafts), "--out", str(out), "--plot", str(plot)])
    assert len(pd.read_json(out, lines=True)) == 5 * len(CAUSES)
    with Image.open(plot) as image:
        assert image.width > 300
    explain.main(paths, ["--system", "mean", "--posts", str(drafts)])
    assert drafts.with_name("drafts.reasons.csv").exists()
    with pytest.raises(UserError, match=r"--plot x\.jpg: unknown ending; use \.png"):
        explain.main(paths, ["--system", "mean", "--posts", str(drafts), "--plot", "x.jpg"])


def test_reasons_of_test_posts_are_by_group_over_the_systems_that_read_several(paths, monkeypatch):
    assert {path.stem for path in paths.reasons("x").parent.iterdir()} == {"lightgbm", "catboost", "svr", "user_mean"}
    drawn = []
    monkeypatch.setattr(plots.charts, "importance", lambda shares, what: drawn.append(shares))
    plots.by_group(paths, dict.fromkeys([*SYSTEMS, "not run"]), "likes")
    assert set(drawn[0]) == {"lightgbm", "catboost", "svr"}
    for of_system in drawn[0].values():
        assert sum(of_system.values()) == pytest.approx(1)
    frame = store.read_frame(paths.reasons("lightgbm"))
    frame = frame[frame["target"] == "likes"]
    known = store.read_frame(paths.predictions("lightgbm"))
    test = known[(known["part"] == "test") & (known["target"] == "likes") & (known["seed"] == 0)]
    np.testing.assert_allclose(frame["prediction"], test.set_index("post_id").loc[frame["post_id"], "prediction"])
