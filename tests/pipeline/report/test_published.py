"""published*.csv against transcription.csv: the papers' tables, copied a second time without sight of the first.

transcription.csv has rows and heads as the papers print them. A row that is printed twice under one name carries its
place; the marks of references and of the best numbers are left out.
"""

import csv
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.report import published

METRICS = {
    "MSE": "mse",
    "MAE": "mae",
    "RMSE": "rmse",
    "Error medio": "mean_error",
    "Varianza del error": "error_variance",
    "median err": "median_absolute_error",
    "spearman ρ": "spearman",
    "SRC": "pearson",
    "Precision@1": "precision_at_1",
    "Precision@3": "precision_at_3",
    "AUC": "auc",
}
PRINTED = {
    "Table 2: DSN": "DSN (Ours)",
    "XGBoost, tabular data": "XGBoost, datos tabulares",
    "XGBoost, tabular data, CLIP, PCA": "XGBoost, CLIP vectors y PCA",
    "MLP, XGBoost and CLIP": "MLP, XGBoost y CLIP vectors (third row)",
    "Conv1D, XGBoost and CLIP": "MLP, XGBoost y CLIP vectors (fourth row)",
    "AMNL without h": "AMNLhfunc",
    "AMNL+ without h": "AMNL+hfunc",
}
"""Names of published_tables.csv, or tables and names, that are not the paper's: translated, told apart, spelled out."""
TARGETS = {"uhan": "score", "dsn": "score", "xgb-clip": "score", "amnl": "shares"}
"""What papers with one target predict; they do not print it."""
TABLES = {"Tables I to III": ("Table I", "Table II", "Table III"), "Comparison of the models": ("Table 1",)}


def transcribed():
    """{(paper, table, row, target, metric, setting): value} of the tables that published.csv is to have."""
    with Path(__file__).with_name("transcription.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = [(row["paper"], row["table"], row["row"], row["target"] or TARGETS[row["paper"]]) for row in rows]
    return {
        (*cell, METRICS[row["metric"]], row["setting"]): float(row["value"])
        for cell, row in zip(cells, rows, strict=True)
    }


def printed(line):
    """The paper's own name of a line."""
    return PRINTED.get(f"{line.table.partition(':')[0]}: {line.name}", PRINTED.get(line.name, line.name))


def copied():
    """The same, as published.csv and published_tables.csv have it."""
    values = {(n.paper, n.system, n.target, n.metric, n.setting): n.value for n in published.load()}
    cells = {}
    for paper in published.papers():
        for line in published.lines(paper.paper):
            title = line.table.partition(":")[0]
            row = printed(line)
            for (where, system, target, metric, setting), value in values.items():
                if (where, system) == (paper.paper, line.system):
                    cells |= {(where, t, row, target, metric, setting): value for t in TABLES.get(title, (title,))}
    return cells


def test_both_copies_of_the_papers_tables_agree():
    first, second = copied(), transcribed()
    assert len(second) > 100
    assert {cell: first.get(cell) for cell in second} == second


def test_no_number_is_published_that_no_paper_prints():
    found = {(paper, *rest) for paper, _, *rest in transcribed()}
    names = {(line.paper, line.system): printed(line) for p in published.papers() for line in published.lines(p.paper)}
    for n in published.load():
        name = names[n.paper, n.system]
        assert (n.paper, name, n.target, n.metric, n.setting) in found, f"{n.paper}: {n.system}, {n.metric}"


@pytest.mark.parametrize("name", PRINTED)
def test_names_that_are_not_the_papers_are_still_needed(name):
    lines = [line for paper in published.papers() for line in published.lines(paper.paper)]
    titles = {f"{line.table.partition(':')[0]}: {line.name}" for line in lines}
    assert name in titles | {line.name for line in lines}


def test_evaluate_depends_on_every_file_of_the_papers():
    root = Path(__file__).parents[3]
    stages = YAML(typ="safe").load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    files = {path.relative_to(root).as_posix() for path in (root / "pipeline/report").glob("published*.csv")}
    assert files
    assert files <= set(stages["evaluate"]["deps"])
