"""data/predictions/ -> results/: metrics.json, leaderboard.csv, leaderboard.md, plots.

Systems are compared on the same posts alone. Intervals and tests are of the test part; what systems tuned
on gets its metrics and no more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import leaderboard, metrics, notes, params, store, uncertainty
from pipeline.errors import UserError, run_stage
from pipeline.paths import Paths

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The `evaluate` section of params.yaml."""

    bootstrap: int = 1000
    """Resamples of the test posts for the intervals; 0 leaves them out."""
    confidence: float = 0.95
    """Share of the resamples an interval holds."""

    def __post_init__(self) -> None:
        if self.bootstrap < 0:
            raise UserError(f"evaluate.bootstrap: {self.bootstrap} is below 0")
        if not 0 < self.confidence < 1:
            raise UserError(f"evaluate.confidence: {self.confidence} is not between 0 and 1")


@dataclass(frozen=True)
class Comparison:
    """Several systems on the same n posts: `y` [n], `predictions` [seeds, n] by system."""

    target: str
    part: str
    post_id: np.ndarray
    y: np.ndarray
    predictions: Mapping[str, np.ndarray]


def main(paths: Paths = Paths()) -> None:
    """Score the predictions of every system of params.yaml and write results/."""
    from pipeline import plots

    p = params.load(paths.params)
    scoring = Scoring(**params.bind("evaluate", Scoring, p["evaluate"]))
    systems = {name: store.read_json(paths.model(name) / "system.json") for name in p["systems"]}
    comparisons = compare(paths, [name for name, s in systems.items() if s["run"]], p["dataset"]["targets"])
    ceilings = {name for name, entry in p["systems"].items() if (entry or {}).get("model", name) == "ceiling"}
    rows = [row for c in comparisons for row in score(c, scoring, seed=p["seed"], ceilings=ceilings)]
    table = leaderboard.table(rows, p)
    store.write_json(paths.results / "metrics.json", nested(rows, systems))
    leaderboard.write_csv(paths.results / "leaderboard.csv", table)
    below = notes.of(table, systems, p, confidence=scoring.confidence)
    leaderboard.write_markdown(paths.results / "leaderboard.md", table, below, p["dataset"]["name"])
    plots.draw(paths, comparisons, table, systems, transforms=p["dataset"]["targets"], ceilings=ceilings)


def compare(paths: Paths, names: Sequence[str], targets: Collection[str]) -> list[Comparison]:
    """Predictions of the named systems, put beside each other; parts without a post are left out.

    Raises `UserError` where two systems did not predict the same posts, or one gave something not finite.
    """
    if not names:
        raise UserError("systems: none of them can run on this dataset; data/plan/systems/ says why")
    frames = {name: store.read_frame(paths.predictions(name)) for name in names}
    for name, frame in frames.items():
        _check(paths, name, frame)
    found = [_side_by_side(paths, frames, target, part) for target in targets for part in ("validation", "test")]
    return [c for c in found if len(c.y)]


def _check(paths: Paths, name: str, frame: pd.DataFrame) -> None:
    bad = frame[~np.isfinite(frame["prediction"]) | ~np.isfinite(frame["y"])]
    if len(bad):
        raise UserError(f"{paths.predictions(name)}: post {bad['post_id'].iloc[0]!r} has no finite prediction or y")
    twice = frame[frame.duplicated(["post_id", "target", "part", "seed"])]
    if len(twice):
        raise UserError(f"{paths.predictions(name)}: post {twice['post_id'].iloc[0]!r} stands there twice")


def _side_by_side(paths: Paths, frames: Mapping[str, pd.DataFrame], target: str, part: str) -> Comparison:
    first, predictions = None, {}
    for name, frame in frames.items():
        rows = frame[(frame["target"] == target) & (frame["part"] == part)].sort_values("post_id", kind="stable")
        for _, of_seed in rows.groupby("seed"):
            found = of_seed.set_index("post_id")["y"]
            first = (name, found) if first is None else first
            if not found.equals(first[1]):
                raise UserError(
                    f"{paths.predictions(name)}: its posts of {target} ({part}) are not those of "
                    f"{paths.predictions(first[0])}, and systems compare on the same posts alone; run dvc repro"
                )
        predictions[name] = np.stack([g["prediction"].to_numpy() for _, g in rows.groupby("seed")]) if len(rows) else []
    if first is None:
        return Comparison(target, part, np.empty(0, dtype=str), np.empty(0), {})
    short = [name for name, values in predictions.items() if not len(values)]
    if short:
        raise UserError(f"{paths.predictions(short[0])}: no predictions of {target} ({part}); run dvc repro")
    return Comparison(target, part, first[1].index.to_numpy(), first[1].to_numpy(), predictions)


def score(comparison: Comparison, scoring: Scoring, *, seed: int, ceilings: Collection[str] = ()) -> list[Row]:
    """A row a system: every metric that is defined, intervals, spread over seeds, p-values against the best."""
    functions = metrics.discover()
    y, names = comparison.y, list(comparison.predictions)
    sets = np.concatenate([comparison.predictions[name] for name in names])  # [m, n]
    owner = np.repeat(names, [len(comparison.predictions[name]) for name in names])
    scores = {metric: function(y, sets) for metric, function in functions.items()}
    tested = comparison.part == "test" and len(y) > 1
    resampled = uncertainty.bootstrap(functions, y, sets, resamples=scoring.bootstrap if tested else 0, seed=seed)
    rows = []
    for name in names:
        row = {"system": name, "target": comparison.target, "part": comparison.part, "n": len(y)}
        row["seeds"] = int(np.sum(owner == name))
        for metric, values in scores.items():
            row |= _summary(metric, values[owner == name])
        for metric, values in resampled.items():
            ends = uncertainty.interval(values[owner == name].mean(axis=0), scoring.confidence)
            row |= dict(zip((f"{metric}_low", f"{metric}_high"), ends, strict=True)) if metric in row else {}
        rows.append(row)
    p_values = _against_best(comparison, rows, ceilings) if tested else {}
    return [row | p_values.get(row["system"], {}) for row in rows]


def _summary(metric: str, of_seeds: np.ndarray) -> Row:
    """Mean over seeds, and their standard deviation where there are several; nothing where undefined."""
    if not np.isfinite(of_seeds).all():
        return {}
    spread = {f"{metric}_spread": float(np.std(of_seeds, ddof=1))} if len(of_seeds) > 1 else {}
    return {metric: float(np.mean(of_seeds)), **spread}


def _against_best(comparison: Comparison, rows: Sequence[Row], ceilings: Collection[str]) -> dict[str, Row]:
    """Paired t-tests on each post's absolute error, averaged over seeds, against the lowest RMSE."""
    rivals = sorted((row["rmse"], row["system"]) for row in rows if row["system"] not in ceilings)
    if not rivals:
        return {}
    errors = {k: np.abs(v - comparison.y).mean(axis=0) for k, v in comparison.predictions.items()}
    (_, best), *others = rivals
    raw = [uncertainty.paired_t_test(errors[name], errors[best]) for _, name in others]
    corrected = uncertainty.holm(raw)
    return {name: {"p_vs_best": p, "p_holm": h} for (_, name), p, h in zip(others, raw, corrected, strict=True)}


def nested(rows: Sequence[Row], systems: Mapping[str, Any]) -> dict[str, Any]:
    """What metrics.json holds: system -> target -> metric of the test part, and the system's own `report`."""
    content: dict[str, Any] = {}
    for row in rows:
        if row["part"] != "test":
            continue
        values = {m: significant(row[m]) for m in metrics.discover() if m in row}
        report = mean_report(systems[row["system"]]["targets"][row["target"]]["report"])
        content.setdefault(row["system"], {})[row["target"]] = {
            "n": row["n"],
            **values,
            **({"report": report} if report else {}),
        }
    return content


def mean_report(by_seed: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """What a system reports of itself, averaged over its seeds; only finite numbers."""
    reports = pd.DataFrame(list(by_seed.values())).select_dtypes("number")
    return {key: significant(value) for key, value in reports.mean().items() if np.isfinite(value)}


def significant(value: float) -> float:
    """Six significant digits: what a reader sees in a diff is a real change."""
    return float(f"{value:.6g}") + 0.0


if __name__ == "__main__":
    run_stage(main)
