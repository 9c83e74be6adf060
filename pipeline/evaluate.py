"""data/predictions/ -> results/: metrics.json, leaderboard, the papers' tables, loss curves, plots.

Systems are compared on the same posts alone, rankers on the same lists; the two never stand in one table. Intervals
and tests are of the test part; what systems tuned on gets its metrics and no more.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from models.trained import Trained
from pipeline.base import params
from pipeline.base.errors import UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.base.sections import Scoring
from pipeline.metrics import intervals, uncertainty
from pipeline.metrics.tasks import POPULARITY, RANKING, Task
from pipeline.report import curves, leaderboard, plots, tables
from pipeline.report.comparison import Comparison, against, compare, compare_rankers
from pipeline.storage import store

Row = dict[str, Any]


def main(paths: Paths = Paths()) -> None:
    """Score the predictions of every system of params.yaml and write results/."""
    p = params.load(paths.params)
    systems = {name: Trained.open(paths, name) for name in p.systems}
    ran = [name for name, trained in systems.items() if trained.run]
    if not ran:
        raise UserError("systems: none of them can run on this dataset; data/plan/systems/ says why")
    popularity = {name: trained for name, trained in systems.items() if not trained.kind.ranks}
    rankers = {name: trained for name, trained in systems.items() if trained.kind.ranks}
    comparisons = compare(paths, [name for name in popularity if name in ran], p.dataset.targets)
    ranked = compare_rankers(paths, [name for name in rankers if name in ran])
    ceilings = {name for name, entry in p.systems.items() if entry.module == "ceiling"}
    rows = [row for c in comparisons for row in score(c, p.evaluate, seed=p.seed, ceilings=ceilings)]
    rows_ranked = [row for c in ranked for row in score(c, p.evaluate, seed=p.seed)]
    store.write_json(paths.results / "metrics.json", nested(rows, popularity) | nested(rows_ranked, rankers, RANKING))
    table = leaderboard.write(paths.results, rows, popularity, p, POPULARITY)
    table_ranked = leaderboard.write(paths.results, rows_ranked, rankers, p, RANKING, said_of_times(paths, rows_ranked))
    boards = {POPULARITY.name: table, RANKING.name: table_ranked}
    tables.write(paths, [*comparisons, *ranked], boards, systems, p)
    losses = curves.table(systems)
    curves.write(paths.results / "curves.csv", losses)
    ranking = losses["system"].isin(list(rankers))
    drawn = {"losses": losses[~ranking], "transforms": p.dataset.targets, "ceilings": ceilings}
    plots.draw(paths, comparisons, table, popularity, **drawn)
    plots.draw_rankers(paths, ranked, table_ranked, rankers, losses[ranking])


def said_of_times(paths: Paths, rows: Sequence[Row]) -> list[str]:
    """What must be known of lists of shares without times."""
    if not rows or store.read_frame(paths.candidates, ["at"])["at"].notna().any():
        return []
    return [
        "No share has a time: parts are by chance, and a user saw what a followee published or shared in the training "
        "part, whenever that was."
    ]


def score(comparison: Comparison, scoring: Scoring, *, seed: int, ceilings: Collection[str] = ()) -> list[Row]:
    """A row a system: every metric that is defined, intervals, spread over seeds, p-values against the best."""
    functions, y = comparison.task.metrics, comparison.y
    sets = np.concatenate(list(comparison.predictions.values()))  # [m, n] or [m, n, k], a row a system and seed
    owner = np.repeat(list(comparison.predictions), [len(of_seeds) for of_seeds in comparison.predictions.values()])
    scores = {metric: function(y, sets) for metric, function in functions.items()}  # [m] each
    tested = comparison.part == "test" and len(y) > 1
    resampled = uncertainty.bootstrap(functions, y, sets, resamples=scoring.bootstrap if tested else 0, seed=seed)
    rows = []
    for name in comparison.predictions:
        own = owner == name
        row = {"system": name, "target": comparison.target, "part": comparison.part, "n": len(y)}
        row |= {"seeds": int(own.sum())}
        for metric, values in scores.items():
            if np.isfinite(values[own]).all():
                row |= _summary(metric, values[own])
                row |= _interval(metric, resampled[metric][own], scoring.confidence) if resampled else {}
        if name in comparison.intervals:
            row |= _held(y, *comparison.intervals[name])
        rows.append(row)
    p_values = _against_best(comparison, rows, ceilings) if tested else {}
    return [row | p_values.get(row["system"], {}) for row in rows]


def _summary(metric: str, of_seeds: np.ndarray) -> Row:
    """Mean over seeds [s], and their standard deviation where there are several."""
    spread = {f"{metric}_spread": float(np.std(of_seeds, ddof=1))} if len(of_seeds) > 1 else {}
    return {metric: float(np.mean(of_seeds)), **spread}


def _interval(metric: str, resampled: np.ndarray, confidence: float) -> Row:
    """Both ends, of the mean over seeds on each resample [s, b]."""
    low, high = uncertainty.interval(resampled.mean(axis=0), confidence)
    return {f"{metric}_low": low, f"{metric}_high": high}


def _held(y: np.ndarray, low: np.ndarray, high: np.ndarray) -> Row:
    """What intervals [s, n] around predictions hold, mean over seeds."""
    found = (intervals.coverage(y, low, high), intervals.width(low, high))
    return {name: float(np.mean(of_seeds)) for name, of_seeds in zip(intervals.NAMES, found, strict=True)}


def _against_best(comparison: Comparison, rows: Sequence[Row], ceilings: Collection[str]) -> dict[str, Row]:
    """Paired t-tests on each unit's loss, averaged over seeds, against the best system."""
    leading, sign = comparison.task.leading, 1 if comparison.task.lowest else -1
    rivals = sorted((sign * row[leading], row["system"]) for row in rows if row["system"] not in ceilings)
    if not rivals:
        return {}
    (_, best), *others = rivals
    tested = against(comparison, best, [name for _, name in others])
    return {name: {"p_vs_best": p, "p_holm": holm} for name, (p, holm) in tested.items()}


def nested(rows: Sequence[Row], systems: Mapping[str, Trained], task: Task = POPULARITY) -> dict[str, Any]:
    """What metrics.json holds: system -> target -> metric of the test part, and the system's own `report`."""
    content: dict[str, Any] = {}
    for row in rows:
        if row["part"] != "test":
            continue
        values = {m: significant(row[m]) for m in (*task.metrics, *intervals.NAMES) if m in row}
        report = mean_report(systems[row["system"]].targets[row["target"]].report)
        content.setdefault(row["system"], {})[row["target"]] = {
            "n": row["n"],
            **values,
            **({"report": report} if report else {}),
        }
    return content


def mean_report(by_seed: Mapping[int, Mapping[str, Any]]) -> dict[str, float]:
    """What a system reports of itself, averaged over its seeds; only finite numbers."""
    reports = pd.DataFrame(list(by_seed.values())).select_dtypes("number")
    return {key: significant(value) for key, value in reports.mean().items() if np.isfinite(value)}


def significant(value: float) -> float:
    """Six significant digits: what a reader sees in a diff is a real change."""
    return float(f"{value:.6g}") + 0.0


if __name__ == "__main__":
    run_stage(main)
