"""params.yaml + columns of posts.parquet -> data/plan/: what can run, decided before anything expensive.

Rankers need interactions and follows as well.

One small file a feature and a system, with its entry, so that a change of one entry reaches only those who read it.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import base as features
from features.base import HORIZON
from features.parts.past import PastFeature
from models import base as models
from models.parts import intervals
from pipeline.base import params, targets
from pipeline.base.code import hashes
from pipeline.base.errors import UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.base.sections import Dataset, Entry
from pipeline.readers import dataset
from pipeline.readers.base import CANONICAL
from pipeline.report import published
from pipeline.storage import links, store

log = logging.getLogger(__name__)

TABLES = ("interactions", "follows")
"""What rankers need beside posts."""
REMEDY = "name the column under dataset.columns, remove the entry, or set dataset.missing: drop"


def main(paths: Paths = Paths()) -> None:
    """Check every section, write data/plan/; raises `UserError` at the first thing that cannot be."""
    p = params.load(paths.params)
    dataset.make(p.dataset, paths.root)
    _check_claim(p.dataset)
    if p.compute.device not in ("auto", "cpu"):  # those there always are; to look for others takes PyTorch
        p.compute.pick_device()
    available = present_columns(paths)
    for column in targets.columns_needed(p.dataset.targets):
        if column not in available:
            raise UserError(f"dataset.targets: needs column '{column}', which {p.dataset.path} lacks")
    reasons, columns = plan_features(p.features, known_in_time(paths, p.dataset, available))
    systems = {name: models.make(entry) for name, entry in p.systems.items()}
    rankers = [name for name, system in systems.items() if isinstance(system, models.Ranker)]
    tables = present_tables(paths) if rankers else []
    plans = {
        name: plan_system(name, system, p.dataset.targets, reasons, [*available, *tables])
        for name, system in systems.items()
    }
    plans |= {
        name: plan_blend(name, system, p.systems, plans)
        for name, system in systems.items()
        if isinstance(system, models.Combiner)
    }
    for name, entry in p.systems.items():
        kind = models.Kind.of(systems[name])
        plans[name] |= {"ranks": kind.ranks, "blends": kind.blends, "modules": [entry.module]}
        plans[name] |= {"entry": asdict(entry), "seed": p.seed, "targets": dict(p.dataset.targets)}
        plan_intervals(entry, plans[name], p.dataset, available, p.systems)
        plan_folds(entry, plans[name], p.split.column, available, p.systems)
    if p.dataset.missing == "fail":
        _check_nothing_is_left_out(systems, plans, reasons)
    _link_files(paths, p, reasons, {name: system for name, system in systems.items() if plans[name]["run"]})
    for name, reason in reasons.items():
        code = hashes(f"features/{p.features[name].module}.py", ["features"])
        content = {"run": reason is None, "why": reason, "columns": columns[name], "code": code}
        content |= {**label_of(p.features[name], p.dataset.targets), "entry": asdict(p.features[name])}
        store.write_json(paths.plan("features", name), content)
    for name, plan in plans.items():
        if plan["why"]:
            log.warning("systems.%s: %s%s", name, plan["why"], "" if plan["run"] else ": left out")
        store.write_json(paths.plan("systems", name), plan)
    store.write_json(paths.plan("candidates", "ranking"), {"run": any(plans[name]["run"] for name in rankers)})
    store.write_json(paths.entries, {"features": list(p.features), "systems": list(p.systems)})
    # Constant files: whoever depends on them runs after the check and never again because of it.
    for stage in ("images", "split"):
        store.write_json(paths.root / f"data/plan/{stage}.json", {"run": True})


def _check_claim(section: Dataset) -> None:
    known = published.datasets()
    if section.claims not in (None, *known):
        raise UserError(
            f"dataset.{params.IS}: no paper's data is called '{section.claims}'; known: {', '.join(known)}, or null"
        )
    if section.claims and section.reader == "sample":
        raise UserError(f"dataset.{params.IS}: the sample is drawn by this project and is no paper's data; remove it")


def _check_nothing_is_left_out(
    systems: Mapping[str, models.Learner], plans: Mapping[str, Any], reasons: Mapping[str, str | None]
) -> None:
    for feature, reason in reasons.items():
        users = [name for name, system in systems.items() if feature in models.flat(system.features)]
        if reason and users:
            raise UserError(f"features.{feature} (used by {', '.join(users)}): {reason}; {REMEDY}")
    for name, plan in plans.items():
        if not plan["run"]:
            raise UserError(f"systems.{name}: {plan['why']}; {REMEDY}")


def plan_features(
    entries: Mapping[str, Entry], known: Mapping[str, str]
) -> tuple[dict[str, str | None], dict[str, list[str]]]:
    """Why each feature cannot be had, None where it can, and the columns it is to be given."""
    reasons, columns = {}, {}
    for name, entry in entries.items():
        feature = features.make(entry)
        its = known if feature.reads_horizon else {k: v for k, v in known.items() if k != HORIZON}
        lacking = feature.missing(its)
        columns[name] = feature.reads(its)
        if not lacking and not columns[name]:
            lacking = ["any column it could use"]
        reasons[name] = f"the data lacks {', '.join(lacking)}" if lacking else None
    return reasons, columns


def label_of(entry: Entry, targets_of: Mapping[str, str]) -> dict[str, Any]:
    """`label`: the target, and its transform, whose values a feature reads of posts before a post; most read none."""
    feature = features.make(entry)
    label = feature.choose_label(targets_of) if isinstance(feature, PastFeature) else None
    return {"label": label} if label else {}


def plan_system(
    name: str,
    system: models.Learner,
    targets_of: Mapping[str, str],
    reasons: Mapping[str, str | None],
    available: Collection[str],
) -> dict[str, Any]:
    """Whether one system can run, with which of its features, and why not with the others."""
    roles = system.features if isinstance(system.features, dict) else {"": list(system.features)}
    for feature in models.flat(system.features):
        if feature not in reasons:
            raise UserError(f"systems.{name}.features: there is no entry 'features.{feature}'")
    needed = models.columns_needed(system, targets_of)
    for column in needed:
        if column in (*targets_of, HORIZON):
            raise UserError(f"systems.{name}: reads column '{column}', which is not known before a post is published")
    kept = {role: [f for f in names if reasons[f] is None] for role, names in roles.items()}
    why = [f"without {f}: {reasons[f]}" for f in models.flat(system.features) if reasons[f]]
    empty = [role for role in roles if roles[role] and not kept[role]]
    tables = TABLES if isinstance(system, models.Ranker) else ()
    lacking = [name for name in (*needed, *tables) if name not in available]
    if lacking:
        why = [f"the data lacks {', '.join(lacking)}"]
    return {
        "run": not empty and not lacking,
        "columns": [] if lacking else needed,
        "features": kept if isinstance(system.features, dict) else kept[""],
        "why": "; ".join(why) or None,
    }


def plan_intervals(
    entry: Entry, plan: dict[str, Any], section: Dataset, available: Collection[str], entries: Mapping[str, Entry]
) -> None:
    """Add to a system's plan the module that learns its intervals, and the column that they are calibrated by.

    Or that the data lacks it.
    """
    if entry.intervals is None:
        return
    where, by = f"systems.{entry.name}.intervals", entry.intervals.by
    if models.ranks(entry):
        raise UserError(f"{where}: a ranker's scores have none; remove the key")
    if models.blends(entry):
        if entry.intervals.method == "cqr" and not any(entries[n].intervals for n in models.make(entry).parts):
            raise UserError(f"{where}.method: cqr weighs the intervals of parts, and none has any; give constant")
    else:
        intervals.make(entry)
        plan["modules"] += [intervals.of_quantile(entry, 0.5).module] if entry.intervals.method == "cqr" else []
    if by is None:
        return
    if by in (*section.targets, HORIZON):
        raise UserError(f"{where}.by: column '{by}' is not known before a post is published")
    if by in available:
        plan["columns"] += [by] if plan["run"] and by not in plan["columns"] else []
        return
    if section.missing == "fail":
        raise UserError(f"{where}.by: the data lacks {by}; {REMEDY}")
    plan["why"] = "; ".join([*filter(None, [plan["why"]]), f"with intervals not by {by}: the data lacks it"])


def plan_folds(
    entry: Entry, plan: dict[str, Any], column: str | None, available: Collection[str], entries: Mapping[str, Entry]
) -> None:
    """Add to a system's plan the column by which folds are cut that calibrate its intervals: that of the split."""
    if entry.intervals is None or not entry.intervals.folds:
        return
    if models.blends(entry):
        where, asked = f"systems.{entry.name}.intervals", entry.intervals
        for part in models.make(entry).parts:
            own = entries[part].intervals
            if own is None or (own.folds, own.by) != (asked.folds, asked.by):
                raise UserError(f"{where}.folds: they are those of its parts; give '{part}' the same `folds` and `by`")
    elif plan["run"] and column in (None, *available):  # without it there is no such split
        plan["folds_by"] = column
        plan["columns"] += [column] if column and column not in plan["columns"] else []


def plan_blend(
    name: str, system: models.Combiner, entries: Mapping[str, Entry], plans: Mapping[str, Any]
) -> dict[str, Any]:
    """Whether an average of other entries can be had, and of which: of those that can run."""
    where = f"systems.{name}"
    for part in system.parts:
        if part not in entries:
            raise UserError(f"{where}.parts: there is no entry 'systems.{part}'")
        if models.ranks(entries[part]) or models.blends(entries[part]):
            raise UserError(f"{where}.parts: '{part}' predicts no target by itself")
    if entries[name].seeds > 1:
        raise UserError(f"{where}.seeds: nothing is trained from them; give seeds to its parts")
    why = [f"without {part}: {plans[part]['why']}" for part in system.parts if not plans[part]["run"]]
    run = len(why) < len(system.parts)
    return {"run": run, "columns": [], "features": [], "why": "; ".join(why) or None}


def _link_files(
    paths: Paths, p: params.Params, reasons: Mapping[str, str | None], systems: Mapping[str, models.Learner]
) -> None:
    """Link to what entries of features and of `systems` name, once it is found to fit."""
    files = {
        "features": {name: [] if reasons[name] else _looked_up(entry) for name, entry in p.features.items()},
        "systems": {name: _named(name, system) for name, system in systems.items()},
    }
    links.keep(paths.files("any", "any").parents[1], list(files))
    for kind, named in files.items():
        links.keep(paths.files(kind, "any").parent, list(named))
        for name, found in named.items():
            links.link(paths.files(kind, name), found)


def _named(name: str, system: models.Learner) -> list[Path]:
    """The files that a system's entry names, found to fit."""
    try:
        return system.files()
    except UserError as error:
        raise UserError(f"systems.{name}.{error}") from None


def _looked_up(entry: Entry) -> list[Path]:
    """The files an entry names, once what it reads of them is found to fit."""
    feature = features.make(entry)
    files = feature.files()
    feature.check()
    return files


def present_columns(paths: Paths) -> list[str]:
    """Columns of posts.parquet with at least one value."""
    with store.intact(store.existing(paths.posts)), pq.ParquetFile(paths.posts) as table:
        return [name for name in table.schema_arrow.names if _has_value(table, name)]


def present_tables(paths: Paths) -> list[str]:
    """Those of `TABLES` that have a row."""
    found = {"interactions": paths.interactions, "follows": paths.follows}
    return [name for name in TABLES if pq.read_metadata(store.existing(found[name])).num_rows]


def _has_value(table: pq.ParquetFile, name: str) -> bool:
    return any(pc.any(pc.is_valid(batch.column(0))).as_py() for batch in table.iter_batches(columns=[name]))


def known_in_time(paths: Paths, section: Dataset, available: Collection[str]) -> dict[str, str]:
    """Columns features may read, with Arrow's name of their type: what is known before a post is published.

    Those are the canonical ones and the dataset's `extra_columns`; never a target. The horizon is among them,
    for the features that may read it.
    """
    known = {*CANONICAL, *(section.keys.get("extra_columns") or ())} - {*section.targets}
    return {f.name: str(f.type) for f in pq.read_schema(paths.posts) if f.name in known and f.name in available}


if __name__ == "__main__":
    run_stage(main)
