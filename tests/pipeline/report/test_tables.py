"""The papers' tables: every line of them, what is published, what was measured, and on whose data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models.trained import Learned, Trained
from pipeline import evaluate
from pipeline.base.sections import Entry
from pipeline.metrics import regression as metrics
from pipeline.metrics import uncertainty
from pipeline.report import curves, plots, published, tables

pytestmark = pytest.mark.slow

UHAN = {"uhan": 0.5, "dmf": 1.5, "uhan_no_user": 0.9, "his_ave": None}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda *_, **__: None)


def run(paths, paper):
    """<paper>.csv, and the tables and the text of <paper>.md."""
    evaluate.main(paths)
    text = (paths.results / f"tables/{paper}.md").read_text(encoding="utf-8")
    found = [
        pd.DataFrame(rows[2:], columns=rows[0])
        for block in text.split("\n\n")
        if block.startswith("|") and not block.startswith("| of all posts")
        for rows in [[[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]]
    ]
    return pd.read_csv(paths.results / f"tables/{paper}.csv"), found, " ".join(text.split())


def row_of(frame, system, metric, table="Table 2"):
    chosen = frame[(frame["system"] == system) & (frame["metric"] == metric) & frame["table"].str.startswith(table)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_only_papers_with_a_system_in_params_have_tables(trained):
    paths = trained(systems={**UHAN, "context_svr": 0.4})
    run(paths, "uhan")
    assert {path.name for path in (paths.results / "tables").iterdir()} == {"index.md", "uhan.md", "uhan.csv"}
    assert "- [uhan](uhan.md)" in (paths.results / "tables/index.md").read_text().splitlines()


def test_tables_of_papers_that_are_gone_go(trained):
    paths = trained()
    (paths.results / "tables").mkdir(parents=True)
    (paths.results / "tables/uhan.md").write_text("old")
    evaluate.main(paths)
    assert [path.name for path in (paths.results / "tables").iterdir()] == ["index.md"]


def test_lines_are_the_papers_in_its_order(trained):
    _, found, _ = run(trained(systems=UHAN, targets=("score",)), "uhan")
    assert [len(table) for table in found] == [7, 6, 5]
    assert list(found[2]["system"]) == [f"UHAN (w/o {x})" for x in ("intra+inter", "intra", "inter", "sc")] + ["UHAN"]
    assert list(found[0]["MSE published"]) == ["4.070", "3.193", "3.004", "2.412", "3.050", "2.283", "2.246"]
    assert list(found[1]["MAE published"]) == ["1.392", "1.484", "1.385", "1.151", "1.149", "1.130"]


def test_what_was_measured_is_the_test_part_with_interval_spread_and_n(trained, predicted):
    seeds = (0, 1, 2)
    frame, found, text = run(trained(systems=UHAN, targets=("score",), seeds=seeds), "uhan")
    row = row_of(frame, "uhan", "mae")
    by_seed = [
        metrics.mae(f["y"].to_numpy(), f["prediction"].to_numpy())
        for _, f in predicted(40, target="score", noise=0.5, seeds=seeds).groupby("seed")
    ]
    assert row["measured"] == pytest.approx(np.mean(by_seed), rel=1e-5)
    assert row["spread"] == pytest.approx(np.std(by_seed, ddof=1), rel=1e-5)
    assert (row["published"], row["seeds"], row["n"], row["part"]) == (1.13, 3, 40, "test")
    assert row["low"] < row["measured"] < row["high"]
    shown = found[0].set_index("entry").loc["uhan"]
    assert shown["MAE measured"] == f"{np.mean(by_seed):.3f} ±{np.std(by_seed, ddof=1):.3f}"
    assert shown["MAE interval"] == f"{tables.figure(row['low'])} to {tables.figure(row['high'])}"
    assert "n = 40" in text


def test_systems_that_were_not_run_say_so_and_why(trained, left_out):
    paths = trained(systems=UHAN, targets=("score",), systems_left_out={"dual_att": {}})
    left_out(paths, "dual_att", "the data lacks user_id")
    frame, found, text = run(paths, "uhan")
    shown = found[0].set_index("entry")
    assert list(shown.index[shown["MSE measured"] == "not run"]) == ["uhan_svr", "dual_att", "uhan_no_shortcut"]
    assert "Left out: `dual_att`, because the data lacks user_id." in text
    assert "no such entry: uhan_svr, uhan_no_shortcut, uhan_svr_no_image" in text
    assert np.isnan(row_of(frame, "dual_att", "mse")["measured"])
    assert row_of(frame, "dual_att", "mse")["published"] == 2.412


def test_nothing_ran_of_a_paper_that_was_asked_for(trained, left_out):
    paths = trained(systems={"mean": None}, systems_left_out={"dual_att": {}})
    left_out(paths, "dual_att", "the data lacks user_id")
    _, found, text = run(paths, "uhan")
    assert set(found[0]["MSE measured"]) == {"not run"}
    assert "None of these systems ran." in text


def test_rivals_are_tested_against_what_the_paper_proposes(trained, predicted):
    seeds = (0, 1)
    frame, found, text = run(trained(systems=UHAN, seeds=seeds), "uhan")

    def errors(noise):
        made = predicted(40, noise=noise, seeds=seeds)
        return (made["prediction"] - made["y"]).abs().groupby(made["post_id"]).mean().to_numpy()

    rivals = {"his_ave": None, "dmf": 1.5, "uhan_no_user": 0.9}
    expected = [stats.ttest_rel(errors(noise), errors(0.5)).pvalue for noise in rivals.values()]
    rows = [row_of(frame, name, "mae") for name in rivals]
    assert [row["p"] for row in rows] == pytest.approx(expected, rel=1e-4)
    assert [row["p_holm"] for row in rows] == pytest.approx(uncertainty.holm(expected), rel=1e-4)
    assert found[0].set_index("entry").loc["uhan", "p"] == "–"
    assert "against `uhan`" in text


def test_without_the_proposal_nothing_is_tested(trained):
    frame, found, text = run(trained(systems={"dmf": 0.5, "his_ave": None}), "uhan")
    assert frame["p"].isna().all()
    assert "p" not in found[0]
    assert "paired t-test" not in text


OWN = {
    "dataset": {"is": "flickr179k", "targets": {"score": "identity"}},
    "split": {"method": "chronological_shuffled", "ratios": [0.7, 0.1, 0.2]},
}


@pytest.mark.parametrize(
    ("changed", "said", "differs"),
    [
        ({}, [], None),
        (
            {"dataset": {"targets": {"score": "identity"}, "name": "flickr179k"}},
            ["**Substitute data**: `flickr179k` is not", "**Differs from the paper**: data flickr179k instead of"],
            "data flickr179k instead of Flickr179K",
        ),
        (
            {"split": {"method": "random"}},
            ["**Differs from the paper**: split random 60:20:20 instead of chronological_shuffled 70:10:20."],
            "split random 60:20:20 instead of chronological_shuffled 70:10:20",
        ),
    ],
)
def test_what_is_not_as_the_paper_has_it_is_marked(trained, changed, said, differs):
    frame, _, text = run(trained(systems=UHAN, targets=("score",), **{**OWN, **changed}), "uhan")
    for words in ("**Substitute data**", "**Differs from the paper**"):
        assert (words in text) is any(line.startswith(words) for line in said)
    assert all(line in text for line in said)
    assert set(frame.loc[frame["n"].notna(), "differs"].astype(object).fillna("")) == {differs or ""}
    assert "Published: Flickr179K, chronological_shuffled 70:10:20; errors in: log2(views per day + 1)." in text


def test_no_number_stands_beside_another_target(trained):
    frame, found, text = run(trained(systems=UHAN, dataset={"is": "flickr179k"}), "uhan")
    assert frame["published"].isna().all()
    assert "MSE published" not in found[0]
    assert "The paper has no numbers for likes; its own: score." in text
    assert "target likes instead of score" in text
    assert "errors in: log2(likes + 1)." in text


def test_each_target_has_its_own_numbers(trained):
    systems = {"hybrid_cnn": 0.5, "context_svr": 0.8, "median": None}
    frame, found, text = run(trained(systems=systems, targets=("likes", "retweets", "views")), "picture-or-words")
    assert [list(t["MedAE published"])[:4] for t in found[:2]] == [
        ["0.086", "0.057", "0.082", "0.051"],
        ["0.074", "0.041", "0.089", "0.036"],
    ]
    assert "MedAE published" not in found[2]
    assert "The paper has no numbers for views; its own: retweets, likes." in text
    assert set(frame["metric"]) == {"median_absolute_error", "spearman"}


def test_rows_of_ours_are_there_where_they_ran(trained):
    _, [table], text = run(trained(systems={"bow_svr": 0.5, "context_svr": 0.8}), "picture-or-words")
    shown = table.set_index("entry")
    assert list(shown.index) == ["hybrid_cnn", "inception_svr", "bow_svr", "glove_svr", "context_svr"]
    assert shown.loc["context_svr", "MedAE published"] == "–"
    assert "not run" not in shown.loc["context_svr", "MedAE measured"]
    assert "no such entry: hybrid_cnn, inception_svr, glove_svr." in text


def test_an_undefined_metric_is_a_dash(trained):
    frame, [table], _ = run(trained(systems={"bow_svr": None}), "picture-or-words")
    assert table.set_index("entry").loc["bow_svr", "Spearman measured"] == "–"
    assert np.isnan(row_of(frame, "bow_svr", "spearman", "Table 1")["measured"])


def test_tables_without_any_entry_are_not_made(trained):
    frame, found, text = run(trained(systems={"dsn": 0.5, "dtcn": 0.9}, targets=("score",)), "dsn")
    assert list(dict.fromkeys(frame["table"].str[:7])) == ["Table 2", "Table 3", "Table 4", "Table 6", "Table 7"]
    assert "dsn_swin_bert" not in text
    frame, found, _ = run(trained(systems={"dsn_swin_bert": 0.5, "context_svr": 0.3}, targets=("score",)), "dsn")
    assert list(found[0]["entry"]) == ["dsn_swin_bert", "dsn_swin_clip", "dsn_clip_bert", "dsn_clip_clip"]
    assert list(dict.fromkeys(frame["table"].str[:7])) == ["Table 5"]


def test_what_dsn_calls_spearman_stands_under_pearson(trained, predicted):
    frame, found, text = run(trained(systems={"dsn": 0.5}, targets=("score",)), "dsn")
    one = predicted(40, target="score", noise=0.5)
    truth = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}
    for metric, function in truth.items():
        row = row_of(frame, "dsn", metric)
        assert row["measured"] == pytest.approx(function(one["y"], one["prediction"]).statistic, rel=1e-4)
    shown = found[0].set_index("entry")
    assert list(shown["Pearson published"]) == ["0.624", "0.631", "0.635", "0.663", "0.693", "0.711", "0.763"]
    assert "Spearman published" not in shown
    assert "not run" not in shown.loc["dsn", "Spearman measured"]
    assert "numbers stand under Pearson" in text


def test_numbers_of_another_protocol_have_a_table_of_their_own(trained):
    frame, found, text = run(trained(systems={"dsn": 0.5}, targets=("score", "likes")), "dsn")
    apart = [table for table in found if list(table.columns) == ["who", "SRC", "MAE"]]
    assert [table.to_numpy().tolist()[0] for table in apart] == [["2020 (HyFea)", "0.704", "1.371"]]
    assert text.count("Another protocol") == 1
    assert "HyFea" not in frame.to_string()
    assert "HyFea" not in run(trained(systems=UHAN), "uhan")[2]


def test_random_weights_are_named(trained, system, predicted):
    paths = trained(systems=UHAN)
    features = {"vgg_regions": {"untrained": True}}
    system(paths, "uhan", [predicted(20, "validation"), predicted(40)], features=features)
    assert "Untrained: `vgg_regions` has seeded random weights, no learned ones (uhan)." in run(paths, "uhan")[2]


@pytest.mark.parametrize("options", [{"n": 1, "validation": 0}, {"constant": True}, {"n": 0}])
def test_extremes(trained, options):
    paths = trained(systems=UHAN, **options)
    evaluate.main(paths)
    assert (paths.results / "tables/uhan.md").exists() == (options.get("n") != 0)


def test_every_published_system_has_its_line_and_every_paper_its_proposal():
    for paper in published.papers():
        numbers = {row.system for row in published.load() if row.paper == paper.paper}
        lines = published.lines(paper.paper)
        assert numbers <= {line.system for line in lines}
        assert paper.proposed in numbers
        assert all(line.name.endswith("(ours)") for line in lines if line.system not in numbers)
        assert len({(line.table, line.system) for line in lines}) == len(lines)
    assert {row.paper for row in published.load()} == {paper.paper for paper in published.papers()}


@pytest.mark.parametrize(
    ("value", "exact", "text"),
    [
        *((0.0363, False, "0.0363"), (0.8604, False, "0.860"), (0.8604, True, "0.8604"), (4.07, True, "4.070")),
        *((0.0, False, "0.000"), (-0.19, True, "-0.190"), (12.3456, False, "12.346"), (float("nan"), False, "–")),
        *((0.000123456, False, "0.000123"), (None, True, "–")),
    ],
)
def test_figures_have_the_digits_they_need(value, exact, text):
    assert tables.figure(value, exact=exact) == text


def test_curves_are_a_row_a_step(trained, system, predicted):
    paths = trained(systems=UHAN, seeds=(0, 1))
    uhan = Trained.open(paths, "uhan")
    curve = {"step": [10, 20], "train": [2.0, 1.0], "validation": [2.5, 1.25]}
    uhan.targets["likes"].curve |= {0: curve, 1: {"step": [10], "train": [3.0]}}
    uhan.write()
    evaluate.main(paths)
    frame = pd.read_csv(paths.results / "curves.csv")
    assert frame.to_numpy(dtype=object).tolist()[:2] == [
        ["uhan", "likes", 0, 10, 2.0, 2.5],
        ["uhan", "likes", 0, 20, 1.0, 1.25],
    ]
    assert frame.loc[2, ["seed", "step", "train"]].tolist() == [1, 10, 3.0]
    assert np.isnan(frame.loc[2, "validation"])


def test_long_curves_are_thinned_and_keep_their_ends():
    curve = {"step": list(range(1, 1001)), "train": [1.0] * 1000}
    frame = curves.table(
        {
            "a": Trained(Path(), Entry("a", "a"), True, targets={"likes": Learned({}, curve={0: curve})}),
            "b": Trained(Path(), Entry("b", "b"), False),
        }
    )
    assert len(frame) == curves.STEPS
    assert frame["step"].iloc[[0, -1]].tolist() == [1, 1000]
    assert frame["step"].diff().max() <= 5


def test_no_networks_no_curves(trained):
    paths = trained()
    evaluate.main(paths)
    assert (paths.results / "curves.csv").read_text() == "system,target,seed,step,train,validation\n"
