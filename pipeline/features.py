"""One feature -> data/features/<name>.arrow.

`python -m pipeline.features clip_image` extracts the entry `features.clip_image` of params.yaml. What is
learned is learned from training rows. Pictures and texts are embedded once each, and only those the cache lacks;
values are then streamed into the file in the order of posts.parquet, never all in memory.
"""

import logging
import sys
from typing import Any

import numpy as np
import pandas as pd

from features.base import ImageFeature, PostsFeature
from features.parts.extraction import Extractor
from pipeline.base import params
from pipeline.base.errors import UserError, run_stage
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage import links, plans, store

log = logging.getLogger(__name__)


def main(paths: Paths = Paths()) -> None:
    """Extract the feature named on the command line."""
    if len(sys.argv) != 2:
        raise UserError("usage: python -m pipeline.features <feature of params.yaml>")
    p = params.load(paths.params)
    p.compute.settle()
    run(paths, p, sys.argv[1])


def run(paths: Paths, p: Params, name: str) -> None:
    """Extract one entry of `features`; writes its file."""
    if name not in p.features:
        raise UserError(f"features.{name}: no such entry; known: {', '.join(p.features)}")
    plan, entry = plans.read(paths, "features", name), p.features[name]
    if not plan["run"]:
        log.warning("features.%s left out: %s", name, plan["why"])
        left_out = {"feature": name, "module": entry.module, "arguments": entry.arguments, "why": plan["why"]}
        _write_nothing(paths, name, left_out)
        return
    extractor = Extractor.make(entry, p.compute)
    # Weights may lie elsewhere than when this was planned.
    links.link(paths.files("features", name), extractor.feature.files())
    columns = [] if isinstance(extractor.feature, ImageFeature) else plan["columns"]
    posts = store.read_frame(paths.posts, ["post_id", *columns])
    if isinstance(extractor.feature, PostsFeature):
        extractor.feature.fit(posts[_training(paths, posts)].reset_index(drop=True))
    extractor.look_back(paths, p.compute, plan.get("label"))
    extractor.write(paths.feature(name), posts, images=paths.images, cache_root=paths.cache, compute=p.compute)


def _training(paths: Paths, posts: pd.DataFrame) -> np.ndarray:
    splits = store.read_frame(paths.splits, ["post_id", "part"])
    rows = store.join_positions(splits["post_id"].to_numpy(), posts["post_id"].to_numpy(), str(paths.splits))
    return splits["part"].to_numpy()[rows] == "train"


def _write_nothing(paths: Paths, name: str, metadata: dict[str, Any]) -> None:
    """A file of zero width, for a feature this dataset cannot have."""
    ids = store.read_frame(paths.posts, ["post_id"])["post_id"].to_numpy()
    with store.FeatureWriter(paths.feature(name), shape=(0,), dtype="float32", names=[], metadata=metadata) as writer:
        writer.append(ids, np.empty((len(ids), 0), np.float32), np.zeros(len(ids), dtype=bool))


if __name__ == "__main__":
    run_stage(main)
