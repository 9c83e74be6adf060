"""data/inputs/<system>.json: the hashes of exactly what one system reads.

Training depends on this file and on nothing wider, so a changed feature re-trains its users alone.
"""

from collections.abc import Iterable, Sequence

from models.base import flat
from pipeline.base import params, targets
from pipeline.base.code import hash_file, hashes
from pipeline.base.errors import run_stage
from pipeline.base.paths import Paths
from pipeline.storage import links, plans, store


def main(paths: Paths = Paths()) -> None:
    """Write one file for each system of params.yaml."""
    p = params.load(paths.params)
    splits = hash_file(store.existing(paths.splits))
    feature_hashes = {f: hash_file(store.existing(paths.feature(f))) for f in p.features}
    all_plans = {name: plans.read(paths, "systems", name) for name in p.systems}
    feed = _feed(paths) if any(plan["ranks"] for plan in all_plans.values()) else {}
    for name, plan in all_plans.items():
        columns = [*targets.columns_needed(p.dataset.targets), *plan["columns"]] if plan["run"] else []
        content = {
            "plan": plan,
            "splits": splits,
            "features": {f: feature_hashes[f] for f in flat(plan["features"])},
            "posts": hash_columns(paths, dict.fromkeys(columns)),
            "code": {k: v for module in plan["modules"] for k, v in hashes(f"models/{module}.py").items()},
            "files": [hash_file(file) for file in links.linked(paths.files("systems", name))] if plan["run"] else [],
        }
        if plan["run"] and plan["ranks"]:
            content |= {"posts": hash_columns(paths, _shown(paths, plan["columns"]))}
            content |= {"feed": feed, "comments": p.ranking.comments}
        store.write_json(paths.inputs(name), content)


def _feed(paths: Paths) -> dict[str, str]:
    """Hash of what rankers read beside posts."""
    tables = (paths.candidates, paths.shares, paths.follows, paths.comments)
    return {path.stem: hash_file(store.existing(path)) for path in tables}


def _shown(paths: Paths, columns: Sequence[str]) -> list[str]:
    """Columns of posts that a ranker is fed: its own, and whose a post is and since when it is there."""
    there = store.columns_of(paths.posts)
    return list(dict.fromkeys([*columns, *(c for c in ("user_id", "posted_at") if c in there)]))


def hash_columns(paths: Paths, columns: Iterable[str]) -> dict[str, str]:
    """Hash of each column together with the post ids it belongs to."""
    frame = store.read_frame(paths.posts, ["post_id", *columns])
    return {c: store.hash_frame(frame[["post_id", c]]) for c in columns}


if __name__ == "__main__":
    run_stage(main)
