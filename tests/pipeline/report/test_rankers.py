"""The leaderboard of systems that rank: users are the units, and it stands beside that of popularity, never in it."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from models.base import Kind
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
            entry, kind = Entry(name, "popularity"), Kind(ranks=True)
            Trained(paths.model(name), entry, True, None, (0, 1), {}, {"shares": told}, kind).write()
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


AS_PUBLISHED = {"exposure": "negatives", "comments": "all"}
RIVALS = {"vbpr": 0.3, "famf": 2.0, "popularity": None}


def of_paper(paths):
    """amnl.csv by system and metric, its Markdown, and the leaderboard's, in one line each."""
    evaluate.main(paths)
    frame = pd.read_csv(paths.results / "tables/amnl.csv").set_index(["system", "metric"])
    texts = (paths.results / "tables/amnl.md", paths.results / "leaderboard_ranking.md")
    return frame, *(" ".join(path.read_text().split()) for path in texts)


@pytest.mark.usefixtures("_no_pictures")
@pytest.mark.parametrize(
    ("ratios", "fits", "vbpr", "apart"),
    [
        ([0.7, 0.1, 0.2], "80%", (0.6215, 0.5254), ["60%", "70%"]),
        ([0.7, 0, 0.3], "70%", (0.6111, 0.5256), ["60%", "80%"]),
        ([0.5, 0.1, 0.4], "60%", (0.5914, 0.5118), ["70%", "80%"]),
        ([0.65, 0.1, 0.25], "75%", (np.nan, np.nan), ["60%", "70%", "80%"]),
    ],
)
def test_the_papers_column_of_the_same_share_stands_beside_the_measured(ranked, ratios, fits, vbpr, apart):
    frame, text, board_text = of_paper(ranked(RIVALS, ranking={"ratios": ratios}))
    published = [frame.loc[("vbpr", metric), "published"] for metric in ("precision_at_1", "auc")]
    np.testing.assert_equal(published, vbpr)
    found = [share for share in ("60%", "70%", "80%") if f"## Published with {share} of the data" in text]
    assert found == apart
    assert ("0.9217" in text, "0.9411" in text) == (fits == "60%" or "60%" in apart, fits == "80%" or "80%" in apart)
    assert (f"{fits} of the shares for training instead of" in text) == (fits == "75%")
    assert (f"P@1 {vbpr[0]:g}*" in board_text) == (fits != "75%")


@pytest.mark.usefixtures("_no_pictures")
def test_the_papers_table_has_what_was_measured_on_users(ranked):
    paths = ranked(RIVALS)
    frame, text, _ = of_paper(paths)
    table = board(paths).loc["test"]
    for system in RIVALS:
        assert frame.loc[(system, "auc"), "measured"] == pytest.approx(table.loc[system, "auc"])
    assert np.isnan(frame.loc[("amnl_plus", "auc"), "measured"])
    assert set(frame["target"]) == {"shares"}
    assert "AUC† published" in text
    assert "P@1 published" in text
    assert "†: the paper's AUC can hardly be the area" in text
    assert f"n = {USERS} users." in text
    assert "bootstrap resamples of the test users" in text
    assert "errors in" not in text
    assert "no such entry: rrfm, adabpr, citing, amnl, amnl_plus." in text


@pytest.mark.usefixtures("_no_pictures")
@pytest.mark.parametrize(
    ("ranking", "dataset", "differs"),
    [
        (AS_PUBLISHED, {"is": "amnl"}, ""),
        (AS_PUBLISHED, {}, "data tiny instead of 7,193 image tweets of 9,900 users"),
        ({}, {"is": "amnl"}, "2 negatives, all posts seen before instead of 2 negatives, negatives seen before, all"),
        ({**AS_PUBLISHED, "negatives": 3}, {"is": "amnl"}, "3 negatives, negatives seen before, all comments instead"),
    ],
)
def test_what_differs_from_the_papers_lists_is_said(ranked, ranking, dataset, differs):
    frame, text, _ = of_paper(ranked(RIVALS, ranking=ranking, dataset=dataset))
    said = frame.loc[("vbpr", "auc"), "differs"]
    assert said.startswith(differs) if differs else pd.isna(said)
    assert ("**Differs from the paper**" in text) == bool(differs)


@pytest.mark.usefixtures("_no_pictures")
def test_neither_task_has_the_papers_of_the_other(ranked):
    paths = ranked(systems={"uhan": 0.5, "bad": 1.0})
    evaluate.main(paths)
    assert {path.name for path in (paths.results / "tables").iterdir()} == {"index.md", "uhan.md", "uhan.csv"}
    assert "shares" not in (paths.results / "tables/uhan.md").read_text()
