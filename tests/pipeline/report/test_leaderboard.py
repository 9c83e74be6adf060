from pathlib import Path

import pandas as pd
import pytest

from models.trained import Learned, Trained
from pipeline import evaluate
from pipeline.base import params, targets
from pipeline.base.sections import Entry, Split
from pipeline.metrics import regression as metrics
from pipeline.report import leaderboard, notes, plots, protocol, published

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda *_, **__: None)


def markdown(paths):
    """Markdown as text, and its tables as a list of lists of rows."""
    evaluate.main(paths)
    text = (paths.results / "leaderboard.md").read_text(encoding="utf-8")
    tables = [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        for block in text.split("\n\n")
        if block.startswith("|")
    ]
    return text, tables


def column(table, name):
    return {row[0]: row[table[0].index(name)] for row in table[2:]}


def test_the_lowest_rmse_stands_first(trained):
    _, [table] = markdown(trained())
    assert [row[0] for row in table[2:]] == ["ceiling", "good", "bad", "mean"]


def test_a_table_for_each_target(trained):
    text, tables = markdown(trained(targets=("views", "likes")))
    assert len(tables) == 2
    assert "## views\n" in text
    assert "## likes\n" in text


def test_targets_keep_the_order_of_params(make_params):
    p = params.of(make_params(dataset={"targets": {"views": "log2p1", "likes": "max"}}))
    rows = [{"system": "a", "target": t, "part": "test", "n": 1, "seeds": 1, "rmse": 1.0} for t in ("likes", "views")]
    table = leaderboard.table(rows, p)
    assert list(table["target"]) == ["views", "likes"]
    assert [said.split()[-1] for said in table["protocol"]] == ["log2p1", "max"]


def test_it_fits_a_terminal(trained):
    systems = {"ceiling": 0.1, "xgb_clip_pca": 0.5, "catboost_window": 0.7, "mean": None}
    text, _ = markdown(trained(systems=systems, seeds=(0, 1, 2)))
    assert max(map(len, text.splitlines())) <= 120


def test_columns_line_up(trained):
    text, _ = markdown(trained())
    assert len({len(line) for line in text.splitlines() if line.startswith("|")}) == 1


def test_undefined_is_a_dash(trained):
    _, [table] = markdown(trained())
    assert column(table, "Spearman")["mean"] == "–"
    assert column(table, "p")["good"] == "–"
    assert "nan" not in str(table)


SMPD = {"is": "smpd", "name": "smpd", "targets": {"score": "identity"}, "draw": 80_000}
XGB_CLIP = {"dataset": SMPD, "split": {"method": "random", "ratios": [0.81, 0.09, 0.1]}}
UHAN = {
    "dataset": {"is": "flickr179k", "targets": {"score": "identity"}},
    "split": {"method": "chronological_shuffled", "ratios": [0.7, 0.1, 0.2]},
}


def test_published_numbers_are_marked_unless_data_and_protocol_are_the_papers(trained):
    options = {"systems": {"uhan": 0.5, "good": 0.6}, "targets": ("score",)}
    text, [table] = markdown(trained(**options))
    assert column(table, "published") == {"uhan": "MSE 2.246*", "good": "–"}
    assert "*: differs from the paper `uhan` (score): data tiny instead of Flickr179K; split" in " ".join(text.split())
    text, [table] = markdown(trained(**options, **UHAN))
    assert column(table, "published")["uhan"] == "MSE 2.246"
    assert "on its own data (Flickr179K)" in text
    assert "differs" not in text


def test_the_name_of_a_dataset_claims_nothing(trained):
    sections = {**UHAN, "dataset": {**UHAN["dataset"], "is": None, "name": "flickr179k"}}
    _, [table] = markdown(trained(systems={"uhan": 0.5}, targets=("score",), **sections))
    assert column(table, "published")["uhan"] == "MSE 2.246*"


def test_what_a_paper_leaves_open_is_always_said(trained):
    text, [table] = markdown(trained(systems={"xgboost": 0.5}, targets=("score",), **XGB_CLIP))
    assert column(table, "published")["xgboost"] == "RMSE 1.178*"
    said = "(score): which 80,000 posts of SMPD it drew, the paper does not say. The two"
    assert said in " ".join(text.split())


def test_the_csv_says_what_differs_from_which_paper(trained):
    two = {**UHAN, "dataset": {**UHAN["dataset"], "targets": {"score": "identity", "likes": "log2p1"}}}
    paths = trained(systems={"uhan": 0.5, "xgboost": 0.6, "mean": None}, targets=("score", "likes"), **two)
    evaluate.main(paths)
    table = pd.read_csv(paths.results / "leaderboard.csv", keep_default_na=False)
    table = table.set_index(["system", "target", "part"])
    assert table.loc[("uhan", "score", "test"), ["paper", "differs"]].tolist() == ["uhan", ""]
    other = table.loc[("xgboost", "score", "test")]
    assert other["paper"] == "xgb-clip"
    assert other["differs"] == (
        "data tiny instead of 80,000 posts of SMPD; split chronological_shuffled 70:10:20 instead of random 81:9:10; "
        "all posts instead of draw 80,000"
    )
    for key in (("mean", "score", "test"), ("uhan", "likes", "test")):
        assert table.loc[key, ["paper", "differs"]].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("dataset", "split", "differs"),
    [
        ({}, {}, ""),
        ({"is": "smpd"}, {}, "data tiny instead of Flickr179K"),
        ({"draw": 1000}, {}, "draw 1,000 instead of all posts"),
        ({}, {"method": "random"}, "split random 70:10:20 instead of chronological_shuffled 70:10:20"),
        (
            {},
            {"ratios": [0.6, 0.2, 0.2]},
            "split chronological_shuffled 60:20:20 instead of chronological_shuffled 70:10:20",
        ),
        ({"targets": {"score": "max"}}, {}, "score by max instead of identity"),
        ({"targets": {"likes": "identity"}}, {}, "target likes instead of score"),
    ],
)
def test_each_difference_is_said_in_words(make_params, dataset, split, differs):
    sections = {"dataset": {**UHAN["dataset"], **dataset}, "split": {**UHAN["split"], **split}}
    made = make_params(**sections)
    made["dataset"]["targets"] = sections["dataset"]["targets"]
    [uhan] = [paper for paper in published.papers() if paper.paper == "uhan"]
    p = params.of(made)
    assert protocol.differs(uhan, p, next(iter(p.dataset.targets))) == differs


def test_every_papers_first_metric_has_a_short_name(trained):
    first = {
        "likes": {"hybrid_cnn": "MedAE 0.086*"},
        "score": {"uhan": "MSE 2.246*", "dsn": "MAE 1.192*"},
    }
    systems = {name: 0.5 for of_target in first.values() for name in of_target}
    _, tables = markdown(trained(systems=systems, targets=tuple(first)))
    for table, expected in zip(tables, first.values(), strict=True):
        assert column(table, "published") == {**dict.fromkeys(systems, "–"), **expected}


def test_nothing_published_no_column(trained):
    text, [table] = markdown(trained())
    assert "published" not in table[0]
    assert "published" not in text


def test_notes_name_who_was_left_out_and_who_runs_with_less(trained, left_out, system, predicted):
    paths = trained(systems_left_out={"picky": {}})
    left_out(paths, "picky", "the data lacks comments")
    why = "without clip_image: the data lacks image"
    system(paths, "good", [predicted(20, "validation"), predicted(40)], why=why)
    text, _ = markdown(paths)
    assert "Left out: `picky`, because the data lacks comments." in text
    assert f"Incomplete: `good` runs {why}." in text


def test_notes_name_a_reason_once():
    said = {"a": (False, "no x"), "b": (True, "without y"), "c": (False, "no x"), "d": (True, None), "e": (True, "z")}
    systems = {name: Trained(Path(), Entry(name, name), runs, why) for name, (runs, why) in said.items()}
    assert list(notes.incomplete(systems)) == [
        "Left out: `a`, `c`, because no x.",
        "Incomplete: `b` runs without y.",
        "Incomplete: `e` runs z.",
    ]


def test_notes_name_random_weights(trained, system, predicted):
    paths = trained()
    frames = [predicted(20, "validation"), predicted(40)]
    features = {"clip_image": {"untrained": True}, "category": {"untrained": False}}
    system(paths, "good", frames, features=features)
    text, _ = markdown(paths)
    assert "Untrained: `clip_image` has seeded random weights, no learned ones (good)." in text
    features["clip_image"]["untrained"] = False
    system(paths, "good", frames, features=features)
    assert "Untrained" not in markdown(paths)[0]


def reading(features):
    return Trained(Path(), Entry("a", "a"), True, features=features)


def choosing(*chosen):
    learned = Learned({}, chosen=dict(enumerate(chosen)))
    return Trained(Path(), Entry("a", "a"), True, targets={"score": learned})


def test_notes_say_what_share_of_words_is_known():
    state = {"known_share": 0.8493, "posts_without_known_word": 3}
    metadata, trained = {"untrained": False, "state": state}, {"untrained": False, "state": {}}
    features = {"glove": metadata, "category": trained, "pixels": trained}
    said = list(notes.known_words({"a": reading(features), "b": reading(features), "c": reading({})}))
    assert said == ["`glove`: 84.9% of the words of the training part have a vector; posts there without any: 3."]
    metadata["untrained"] = True
    assert not list(notes.known_words({"a": reading(features)}))


def test_notes_name_the_chosen_features():
    first, second = {"features": "vgg + colour", "method": "exact"}, {"features": "tfidf"}
    systems = {
        "svr": choosing(first, second, first),
        "other": choosing({"method": "exact"}),
        "left_out": Trained(Path(), Entry("left_out", "svr"), False),
    }
    (said,) = notes.combinations(systems)
    assert said == "`svr` has the features that are best for score on the validation part: vgg + colour or tfidf."


def test_notes_name_the_seeds(trained, system, predicted):
    assert "every system was trained with seed 0" in markdown(trained())[0]
    paths = trained()
    system(paths, "good", [predicted(n, p, seeds=(4, 5)) for n, p in ((20, "validation"), (40, "test"))], seeds=(4, 5))
    text, [table] = markdown(paths)
    assert "Seeds: 0 (bad, ceiling, mean); 4, 5 (good)." in text
    assert "±" in column(table, "RMSE")["good"]
    assert "±" not in column(table, "RMSE")["bad"]


def test_the_sample_says_what_it_is(trained):
    assert "stands in for no real result" in markdown(trained(dataset={"reader": "sample", "name": "sample"}))[0]
    assert "stands in for no real result" not in markdown(trained())[0]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ({"method": "random", "ratios": [0.81, 0.09, 0.1]}, "random 81:9:10 seed 3 identity"),
        ({"method": "users", "ratios": [0.7, 0.1, 0.2]}, "users 70:10:20 seed 3 identity"),
    ],
)
def test_protocol_is_readable_and_complete(split, expected):
    assert protocol.of(Split(**split), 3, "identity") == expected


def test_csv_lists_every_metric(trained):
    paths = trained()
    evaluate.main(paths)
    table = pd.read_csv(paths.results / "leaderboard.csv")
    for name in metrics.discover():
        assert {name, f"{name}_low", f"{name}_high", f"{name}_spread"} <= set(table)


def test_every_published_number_names_what_it_is_compared_with():
    rows = published.load()
    ranking = {"precision_at_1", "precision_at_3", "auc"}
    assert {row.paper for row in rows} == {"picture-or-words", "uhan", "dsn", "xgb-clip", "amnl"}
    assert all(row.metric in {*metrics.discover(), *ranking} for row in rows)
    assert len({row.system for row in rows}) == len({(row.paper, row.system) for row in rows})
    for paper in published.papers():
        assert {row.target for row in rows if row.paper == paper.paper} == set(paper.transforms)
        assert set(paper.transforms.values()) <= set(targets.NAMES)
        assert paper.data
        assert paper.dataset in published.datasets()
    assert len({(row.system, row.target, row.metric, row.setting) for row in rows}) == len(rows)


def test_a_number_stands_beside_its_own_target_alone():
    assert [row.value for row in published.of_system("hybrid_cnn", "likes")] == [0.086, 0.347]
    assert [row.value for row in published.of_system("uhan", "score")] == [2.246, 1.13]
    for system, target in (("hybrid_cnn", "views"), ("uhan", "likes"), ("xgboost", "likes"), ("no such", "likes")):
        assert published.of_system(system, target) == []
    assert published.of_paper("uhan", "likes") == []
