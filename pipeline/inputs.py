"""data/inputs/<system>.json: the hashes of exactly what one system reads.

Training depends on this file and on nothing wider, so a changed feature re-trains its users alone.
"""

import hashlib
from collections.abc import Iterable

import pandas as pd

from models import base as models
from pipeline import params, store, targets
from pipeline.code import ROOT, hash_file, imported
from pipeline.errors import run_stage
from pipeline.paths import Paths
from pipeline.plan import make_system


def main(paths: Paths = Paths()) -> None:
    """Write one file for each system of params.yaml."""
    p = params.load(paths.params)
    splits = hash_file(paths.splits)
    feature_hashes = {f: hash_file(paths.feature(f)) for f in p["features"]}
    for name, entry in p["systems"].items():
        plan = store.read_json(paths.plan("systems", name))
        columns = columns_read(make_system(name, entry), p["dataset"]["targets"]) if plan["run"] else []
        content = {
            "plan": plan,
            "splits": splits,
            "features": {f: feature_hashes[f] for f in models.flat(plan["features"])},
            "posts": hash_columns(paths, columns),
            "code": {m: hash_file(ROOT / m) for m in code_of((entry or {}).get("model", name))},
        }
        store.write_json(paths.inputs(name), content)


def columns_read(system: models.System, target_transforms: dict[str, str]) -> list[str]:
    """Columns of posts.parquet that training one system reads, beside `post_id`."""
    columns = targets.columns_needed(target_transforms)
    for target, transform in target_transforms.items():
        columns += [c.format(target=target, transform=transform) for c in system.columns]
    return list(dict.fromkeys(columns))


def hash_columns(paths: Paths, columns: Iterable[str]) -> dict[str, str]:
    """Hash of each column together with the post ids it belongs to."""
    frame = store.read_frame(paths.posts, ["post_id", *columns])
    return {c: _hash_frame(frame[["post_id", c]]) for c in columns}


def _hash_frame(frame: pd.DataFrame) -> str:
    return hashlib.sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()


def code_of(model: str) -> list[str]:
    """The project's modules that decide what a system learns: its own, and those that feed it."""
    return sorted({*imported(f"models/{model}.py"), "pipeline/examples.py", "pipeline/targets.py"})


if __name__ == "__main__":
    run_stage(main)
