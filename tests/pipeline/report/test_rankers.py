"""The leaderboard of systems that rank: users are the units, and it stands beside that of popularity, never in it."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from models.trained import Learned, Trained
from pipeline import evaluate
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.base.sections import Entry
from pipeline.report import protocol
from pipeline.report.comparison import compare_rankers
from pipeline.storage import store

RANKERS = {"sharp": 0.3, "dull": 2.0, "blind": None}
USERS, LISTS = 15, 60


def candidates(part):
    """Lists of three posts, four a user, each post of a user once."""
    lists = np.repeat(np.arange(LISTS), 3) + (1000 if part == "test" else 0)
    return pd.DataFrame(
        {
            "list": lists,
            "user_id": [f"u{(n % 1000) % USERS:02d}" for n in lists],
            "post_id": [f"{part}-{i}" for i in range(3 * LISTS)],
            "relevant": np.tile([True, False, False], LISTS),
            "part": part,
            "at": pd.Timestamp("2024-01-01", tz="UTC"),
        }
    )


def scores(drawn, noise, seeds=(0, 1)):
    """Whether a post was shared plus normal noise; the same number for all where `noise` is None."""
    frames = []
    for seed in seeds:
        rng = np.random.default_rng([seed, int(100 * (noise or 0))])
        score = np.zeros(len(drawn)) if noise is None else drawn["relevant"] + rng.normal(0, noise, len(drawn))
        frames.append(drawn[["list", "user_id", "post_id", "part"]].assign(score=score, seed=seed))
    return pd.concat(frames, ignore_index=True).sample(frac=1, random_state=0)


@pytest.fixture
def ranked(trained):
    """`ranked(rankers, parts, **options)`: a project of `trained` systems with rankers beside them."""

    def build(rankers=RANKERS, parts=("validation", "test"), **options):
        entries = {name: {"model": "popularity"} for name in rankers}
        paths = trained(systems_left_out=entries, **options)
        drawn = pd.concat([candidates(part) for part in parts], ignore_index=True)
        store.write_frame(paths.candidates, drawn)
        for name, noise in rankers.items():
            store.write_frame(paths.predictions(name), scores(drawn, noise))
            told = Learned({}, report={0: {"posts": 3}, 1: {"posts": 5}}, curve={})
            Trained(paths.model(name), Entry(name, "popularity"), True, None, (0, 1), {}, {"shares": told}).write()
        return paths

    return build


def board(paths):
    evaluate.main(paths)
    return pd.read_csv(paths.results / "leaderboard_ranking.csv").set_index(["part", "system"])


@pytest.fixture
def _no_pictures(monkeypatch):
    monkeypatch.setattr("pipeline.report.plots.draw", lambda *_, **__: None)
    monkeypatch.setattr("pipeline.report.plots.draw_rankers", lambda *_, **__: None)


@pytest.mark.usefixtures("_no_pictures")
def test_the_two_tasks_stand_apart(ranked):
    paths = ranked()
    table = board(paths)
    assert set(table.loc["test"].index) == set(RANKERS)
    assert set(pd.read_csv(paths.results / "leaderboard.csv")["system"]) == {"ceiling", "good", "bad", "mean"}
    found = json.loads((paths.results / "metrics.json").read_text())
    assert set(found["sharp"]["shares"]) == {"auc", "precision_at_1", "precision_at_3", "ndcg", "mrr", "n", "report"}
    assert found["sharp"]["shares"]["report"] == {"posts": 4}
    assert set(found) == {*RANKERS, "ceiling", "good", "bad", "mean"}
    text = (paths.results / "leaderboard_ranking.md").read_text()
    assert "RMSE" not in text
    assert f"n = {USERS} users. Highest AUC first." in text
    assert [text.index(f"| {name} ") for name in RANKERS] == sorted(text.index(f"| {name} ") for name in RANKERS)
    assert "AUC" not in (paths.results / "leaderboard.md").read_text()


@pytest.mark.usefixtures("_no_pictures")
def test_metrics_are_means_over_users_and_seeds(ranked):
    paths = ranked()
    table, frame, drawn = board(paths), store.read_frame(paths.predictions("dull")), candidates("test")
    frame = frame.merge(drawn[["list", "post_id", "relevant"]], on=["list", "post_id"])
    own = [roc_auc_score(g["relevant"], g["score"]) for _, g in frame.groupby(["seed", "user_id"])]
    assert table.loc[("test", "dull"), "auc"] == pytest.approx(np.mean(own), abs=1e-5)
    assert table.loc[("test", "dull"), "n"] == USERS
    assert table.loc[("test", "blind"), "auc"] == 0.5
    assert table.loc[("test", "blind"), "precision_at_1"] == pytest.approx(1 / 3, abs=1e-5)


@pytest.mark.usefixtures("_no_pictures")
def test_intervals_and_tests_are_of_users(ranked):
    table = board(ranked()).loc["test"]
    assert (table["auc_low"] <= table["auc"]).all()
    assert (table["auc"] <= table["auc_high"]).all()
    assert np.isnan(table.loc["sharp", "p_holm"])
    assert table.loc["blind", "p_holm"] < 0.001
    assert table.loc["dull", "p_holm"] < 0.05
    assert "all posts seen before" in table["protocol"].iloc[0]


@pytest.mark.usefixtures("_no_pictures")
def test_either_task_may_be_alone(ranked, trained):
    assert len(board(ranked(systems={}))) == 6
    paths = trained()
    assert board(paths).empty
    assert "No system of params.yaml is one of ranking." in (paths.results / "leaderboard_ranking.md").read_text()


@pytest.mark.usefixtures("_no_pictures")
def test_shares_without_times_are_said(ranked):
    paths = ranked()
    evaluate.main(paths)
    assert "No share has a time" not in (paths.results / "leaderboard_ranking.md").read_text()
    drawn = store.read_frame(paths.candidates)
    store.write_frame(paths.candidates, drawn.assign(at=pd.Series(pd.NaT, index=drawn.index, dtype=drawn["at"].dtype)))
    evaluate.main(paths)
    assert "No share has a time: parts are by chance" in (paths.results / "leaderboard_ranking.md").read_text()


@pytest.mark.usefixtures("_no_pictures")
def test_without_validation_lists(ranked):
    assert set(board(ranked(parts=("test",))).index.get_level_values("part")) == {"test"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f[f["list"] != 1003], r"sharp\.parquet: test: other lists than in .*candidates\.parquet"),
        (lambda f: f.assign(score=float("nan")), r"sharp\.parquet: post '.*' has no finite score"),
        (lambda f: pd.concat([f, f.head(1)]), r"sharp\.parquet: post '.*' stands there twice"),
        (lambda f: f[(f["seed"] == 0) | (f["list"] != 3)], r"sharp\.parquet: validation: other lists than"),
    ],
)
def test_rankers_compare_on_the_same_lists_alone(ranked, spoil, message):
    paths = ranked()
    store.write_frame(paths.predictions("sharp"), spoil(store.read_frame(paths.predictions("sharp"))))
    with pytest.raises(UserError, match=message):
        compare_rankers(paths, list(RANKERS))


def test_pictures_of_rankers_lie_beside_the_others(ranked):
    paths = ranked()
    evaluate.main(paths)
    pictures = {path.name for path in (paths.results / "plots").glob("*.png")}
    assert {"leaderboard.png", "leaderboard_ranking.png", "auc_of_users.png"} <= pictures
    for name in ("leaderboard_ranking.png", "auc_of_users.png"):
        with Image.open(paths.results / "plots" / name) as image:
            assert image.width <= 1600


def test_the_protocol_says_how_lists_were_drawn(make_params):
    section = {"ratios": [0.8, 0, 0.2], "exposure": "negatives", "comments": "all", "negatives": 4}
    p = params.of(make_params(ranking=section))
    assert protocol.of_lists(p.ranking, 3) == "shares 80:0:20 seed 3, 4 negatives, negatives seen before, all comments"
