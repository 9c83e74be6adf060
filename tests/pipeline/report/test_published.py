"""published*.csv against transcription.csv: the papers' tables, copied a second time without sight of the first.

transcription.csv has rows and heads as the papers print them. A row that is printed twice under one name carries its
place; the marks of references and of the best numbers are left out.
"""

import csv
from pathlib import Path

import pytest

from pipeline.report import published

METRICS = {
    "MSE": "mse",
    "MAE": "mae",
    "RMSE": "rmse",
    "Error medio": "mean_error",
    "Varianza del error": "error_variance",
    "median err": "median_absolute_error",
    "spearman ρ": "spearman",
    "SRC": "spearman",
    "Precision@1": "precision_at_1",
    "Precision@3": "precision_at_3",
    "AUC": "auc",
}
PRINTED = {
    "DSN": "DSN (Ours)",
    "XGBoost, tabular data": "XGBoost, datos tabulares",
    "XGBoost, tabular data, CLIP, PCA": "XGBoost, CLIP vectors y PCA",
    "MLP, XGBoost and CLIP": "MLP, XGBoost y CLIP vectors (third row)",
    "Conv1D, XGBoost and CLIP": "MLP, XGBoost y CLIP vectors (fourth row)",
    "AMNL without h": "AMNLhfunc",
    "AMNL+ without h": "AMNL+hfunc",
}
"""Names of published_tables.csv that are not the paper's own: translated, told apart, or spelled out."""
TARGETS = {"uhan": "score", "dsn": "score", "xgb-clip": "score", "amnl": "retweeted"}
"""What papers with one target predict; they do not print it."""
SHARE = "80%"
"""Of AMNL's three shares of data for training, the one its Table IV has, and we."""
NOT_COPIED = {("dsn", f"Table {n}") for n in range(3, 8)}
"""Ablations whose entries are not in published_tables.csv yet."""
TABLES = {"Tables I to III": ("Table I", "Table II", "Table III"), "Comparison of the models": ("Table 1",)}


def transcribed():
    """{(paper, table, row, target, metric): value} of the tables that published.csv is to have."""
    with Path(__file__).with_name("transcription.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["setting"] in ("", SHARE)]
    return {
        (row["paper"], row["table"], row["row"], row["target"] or TARGETS[row["paper"]], METRICS[row["metric"]]): float(
            row["value"]
        )
        for row in rows
        if (row["paper"], row["table"]) not in NOT_COPIED
    }


def copied():
    """The same, as published.csv and published_tables.csv have it."""
    values = {(n.paper, n.system, n.target, n.metric): n.value for n in published.load()}
    cells = {}
    for paper in published.papers():
        for line in published.lines(paper.paper):
            title = line.table.partition(":")[0]
            row = PRINTED.get(line.name, line.name)
            for (where, system, target, metric), value in values.items():
                if (where, system) == (paper.paper, line.system):
                    cells |= {(where, t, row, target, metric): value for t in TABLES.get(title, (title,))}
    return cells


def test_both_copies_of_the_papers_tables_agree():
    first, second = copied(), transcribed()
    assert len(second) > 100
    assert {cell: first.get(cell) for cell in second} == second


def test_no_number_is_published_that_no_paper_prints():
    printed = {(paper, row, target, metric) for paper, _, row, target, metric in transcribed()}
    names = {(line.paper, line.system): line.name for p in published.papers() for line in published.lines(p.paper)}
    for n in published.load():
        name = names[n.paper, n.system]
        assert (n.paper, PRINTED.get(name, name), n.target, n.metric) in printed, f"{n.paper}: {n.system}, {n.metric}"


@pytest.mark.parametrize("name", PRINTED)
def test_names_that_are_not_the_papers_are_still_needed(name):
    assert name in {line.name for p in published.papers() for line in published.lines(p.paper)}
