"""params.yaml + columns of posts.parquet -> data/plan/: what can run, decided before anything expensive.

One small file a feature and a system, so that a change of one entry reaches only those who read it.
"""

import logging
from collections.abc import Collection
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import base as features
from features.base import HORIZON
from models import base as models
from pipeline import split
from pipeline.base import params, targets
from pipeline.base.binding import bind
from pipeline.base.code import ROOT, hash_file, imported
from pipeline.base.compute import Compute
from pipeline.base.errors import UserError, run_stage
from pipeline.base.paths import Paths
from pipeline.metrics import uncertainty
from pipeline.readers.base import CANONICAL
from pipeline.readers.dataset import bind_dataset
from pipeline.storage import store
from pipeline.storage.pixels import Packing

log = logging.getLogger(__name__)


def main(paths: Paths = Paths()) -> None:
    """Check every section, write data/plan/; raises `UserError` at the first thing that cannot be."""
    p = params.load(paths.params)
    check_sections(p)
    available = present_columns(paths)
    drop = p["dataset"].get("missing", "fail") == "drop"
    for column in targets.columns_needed(p["dataset"]["targets"]):
        if column not in available:
            raise UserError(f"dataset.targets: needs column '{column}', which {p['dataset']['path']} lacks")
    reasons, columns = plan_features(p["features"], known_in_time(paths, p["dataset"], available))
    plans = {
        name: plan_system(name, entry, p["dataset"]["targets"], reasons, available)
        for name, entry in (p["systems"] or {}).items()
    }
    wanted = {f for name in plans for f in models.flat(models.make(name, p["systems"][name]).features)}
    for name, reason in reasons.items():
        if reason and name in wanted and not drop:
            users = [s for s in plans if name in models.flat(models.make(s, p["systems"][s]).features)]
            raise UserError(f"features.{name} (used by {', '.join(users)}): {reason}; {_REMEDY}")
        code = {m: hash_file(ROOT / m) for m in imported(f"features/{name}.py", ["features"])}
        content = {"run": reason is None, "why": reason, "columns": columns[name], "code": code}
        store.write_json(paths.plan("features", name), content)
    for name, plan in plans.items():
        if not plan["run"] and not drop:
            raise UserError(f"systems.{name}: {plan['why']}; {_REMEDY}")
        if plan["why"]:
            log.warning("systems.%s: %s%s", name, plan["why"], "" if plan["run"] else ": left out")
        store.write_json(paths.plan("systems", name), plan)
    # Constant files: whoever depends on them runs after the check and never again because of it.
    for stage in ("images", "split"):
        store.write_json(paths.root / f"data/plan/{stage}.json", {"run": True})


_REMEDY = "name the column under dataset.columns, remove the entry, or set dataset.missing: drop"


def check_sections(p: dict[str, Any]) -> None:
    """Bind every section to the signature that reads it."""
    bind("params", _top, {"seed": p["seed"]})
    if p["seed"] < 0:
        raise UserError(f"seed: {p['seed']} is less than 0")
    bind_dataset(p["dataset"])
    bind("split", split.assign, p["split"], posts=None, seed=p["seed"])
    bind("images", Packing, p["images"])
    bind("compute", Compute, p["compute"])
    uncertainty.Scoring(**bind("evaluate", uncertainty.Scoring, p["evaluate"]))
    for section in ("features", "systems"):
        if not isinstance(p[section], dict) or not p[section]:
            raise UserError(f"{section}: expected at least one entry")


def _top(*, seed: int) -> None:
    """The keys of params.yaml that are no section."""


def plan_features(entries: dict[str, Any], known: dict[str, str]) -> tuple[dict[str, str | None], dict[str, list[str]]]:
    """Why each feature cannot be had, None where it can, and the columns it is to be given."""
    reasons, columns = {}, {}
    for name, entry in entries.items():
        feature = features.make(name, entry)
        its = known if feature.reads_horizon else {k: v for k, v in known.items() if k != HORIZON}
        lacking = feature.missing(its)
        columns[name] = feature.reads(its)
        if not lacking and not columns[name]:
            lacking = ["any column it could use"]
        reasons[name] = f"the data lacks {', '.join(lacking)}" if lacking else None
    return reasons, columns


def plan_system(
    name: str,
    entry: dict[str, Any] | None,
    target_transforms: dict[str, str],
    reasons: dict[str, str | None],
    available: Collection[str],
) -> dict[str, Any]:
    """Whether one system can run, with which of its features, and why not with the others."""
    system = models.make(name, entry)
    roles = system.features if isinstance(system.features, dict) else {"": list(system.features)}
    for feature in models.flat(system.features):
        if feature not in reasons:
            raise UserError(f"systems.{name}.features: there is no entry 'features.{feature}'")
    for column in system.columns:
        if column in (*target_transforms, HORIZON):
            raise UserError(f"systems.{name}: reads column '{column}', which is not known before a post is published")
    kept = {role: [f for f in names if reasons[f] is None] for role, names in roles.items()}
    why = [f"without {f}: {reasons[f]}" for f in models.flat(system.features) if reasons[f]]
    empty = [role for role in roles if roles[role] and not kept[role]]
    lacking = [
        column
        for target, transform in target_transforms.items()
        for column in models.missing_columns(system, target, transform, available)
    ]
    if lacking:
        why = [f"the data lacks {', '.join(dict.fromkeys(lacking))}"]
    return {
        "run": not empty and not lacking,
        "features": kept if isinstance(system.features, dict) else kept[""],
        "why": "; ".join(why) or None,
    }


def present_columns(paths: Paths) -> list[str]:
    """Columns of posts.parquet with at least one value."""
    table = pq.ParquetFile(paths.posts)
    names = table.schema_arrow.names
    return [n for n in names if any(pc.any(pc.is_valid(b.column(0))).as_py() for b in table.iter_batches(columns=[n]))]


def known_in_time(paths: Paths, dataset: dict[str, Any], available: Collection[str]) -> dict[str, str]:
    """Columns features may read, with Arrow's name of their type: what is known before a post is published.

    Those are the canonical ones and the dataset's `extra_columns`; never a target. The horizon is among them,
    for the features that may read it.
    """
    known = {*CANONICAL, *(dataset.get("extra_columns") or ())} - {*dataset["targets"]}
    return {f.name: str(f.type) for f in pq.read_schema(paths.posts) if f.name in known and f.name in available}


if __name__ == "__main__":
    run_stage(main)
