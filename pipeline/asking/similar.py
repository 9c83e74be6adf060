"""Posts of the dataset that are most like drafts in what a system reads of pictures and texts.

Ours: the cosine between vectors less the mean of all posts, mean over the vectors that both have.

Shapes: n drafts, m posts, d numbers a vector.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from models.trained import Trained
from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.storage.examples import BLOCK, Examples

LATEST = 50_000
"""Posts that are compared, the last of the dataset: what one answer reads."""


def similar(paths: Paths, trained: Trained, drafts: Examples, *, most: int) -> list[pd.DataFrame]:
    """For each draft the `most` posts that are most like it, `post_id` and `similarity` (at most 1), the closest first.

    None of a system that reads no vectors, or of a draft without any. Raises `UserError` where features are no longer
    those the system was trained on.
    """
    names = [name for name, made in trained.features.items() if made["names"] is None and len(made["shape"]) == 1]
    none = pd.DataFrame({"post_id": pd.Series([], dtype="str"), "similarity": []})
    if not names:
        return [none] * len(drafts)
    trained.check_features(paths)
    tables = [store.read_feature(paths.feature(name)) for name in names]
    ids = tables[0].post_id[-LATEST:]
    found = [_cosine(drafts.features[n].values, t.values[-LATEST:]) for n, t in zip(names, tables, strict=True)]
    known = np.isfinite(found)  # [f, n, m]
    mean = np.where(known, found, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    mean[~known.any(axis=0)] = -np.inf
    first = np.argsort(-mean, axis=1, kind="stable")[:, :most]
    tables = [
        pd.DataFrame({"post_id": ids[rows], "similarity": of[rows]}) for rows, of in zip(first, mean, strict=True)
    ]
    return [table[np.isfinite(table["similarity"])] for table in tables]


def _cosine(drafts: np.ndarray, posts: np.ndarray) -> np.ndarray:
    """Cosines [n, m] of vectors [n, d] and [m, d] less the posts' mean; NaN where one has none."""
    total, count = np.zeros(posts.shape[1]), 0
    for block in _blocks(posts):
        there = block[np.isfinite(block).all(axis=1)]
        total, count = total + there.sum(axis=0), count + len(there)
    mean = total / max(count, 1)
    mine = _unit(drafts.astype(np.float64) - mean)
    return np.concatenate([mine @ _unit(block - mean).T for block in _blocks(posts)], axis=1)


def _blocks(posts: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(posts), BLOCK):
        yield posts[start : start + BLOCK].astype(np.float64)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
