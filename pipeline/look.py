"""data/attention/: where trained systems look in test posts; data/reasons/: why they predict what they do of them.

Attention: a file a system that looks. A row a test post: `post_id` and, of what the system has, `visual` (a weight a
region), `textual` (a weight a word), `inter` (picture, words), `modality` (a weight each of the system's `modalities`),
and `past` (a weight an earlier post) with `past_post_id`, an empty text where there are fewer. Of the first target of
params.yaml and the first seed. Of a ranker, a row a post of its test lists, with `sentences` and, for one after the
other, `regions`.

Reasons: a file a system that reads anything. A row a target and test post, of `REASONS` evenly thinned: `post_id`,
`target`, and what `pipeline.asking.reasons` tells, of the first seed.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from models import base as models
from models.trained import RANKED, Trained, predictions
from pipeline.asking import reasons
from pipeline.base import params
from pipeline.base.errors import run_stage
from pipeline.base.paths import Paths
from pipeline.base.targets import SHARES
from pipeline.storage import store
from pipeline.storage.examples import Examples, feature_of, post_rows, unpublished

log = logging.getLogger(__name__)

POSTS = 256
"""Looked at together: what their regions take in memory."""
REASONS = 60
"""Test posts whose predictions are explained."""


def main(paths: Paths = Paths()) -> None:
    """Write the attention of every trained system that has any, and the reasons of all."""
    p = params.load(paths.params)
    target = next(iter(p.dataset.targets))
    store.empty(paths.attention("any").parent)
    store.empty(paths.reasons("any").parent)
    for name in p.systems:
        trained = Trained.open(paths, name)
        if trained.run and trained.kind.looks:
            _write_ranker(paths, trained) if trained.kind.ranks else write(paths, trained, target)
        if trained.run and not trained.kind.ranks:
            write_reasons(paths, trained)


def write_reasons(paths: Paths, trained: Trained) -> None:
    """Write why one system predicts what it does of test posts; no file where it reads nothing of them."""
    tables = []
    for target in trained.targets:
        post_ids = _tested(paths, trained, target)
        chosen = np.unique(np.linspace(0, len(post_ids) - 1, min(len(post_ids), REASONS)).round().astype(int))
        posts = _examples(paths, trained, target, [post_ids[i] for i in chosen], trained.past(paths, target))
        if len(posts) and reasons.groups_of(trained, posts).names:
            told = reasons.told(paths, trained, trained.systems(target)[:1], posts)
            tables.append(told.assign(post_id=posts.posts["post_id"], target=target))
    if tables:
        store.write_frame(paths.reasons(trained.name), pd.concat(tables, ignore_index=True))


def _tested(paths: Paths, trained: Trained, target: str) -> list[str]:
    """The test posts of a target in the order of a system's predictions."""
    frame = predictions(paths, trained.name)
    own = (frame["target"] == target) & (frame["part"] == "test") & (frame["seed"] == trained.seeds[0])
    return frame.loc[own, "post_id"].tolist()


def write(paths: Paths, trained: Trained, target: str) -> None:
    """Write where one system looks in the test posts of a target, in the order of its predictions."""
    post_ids = _tested(paths, trained, target)
    _write(paths, trained, post_ids, look(paths, trained, target, post_ids))


def _write_ranker(paths: Paths, trained: Trained) -> None:
    """Write where one ranker looks in the posts of the test lists, each once, in the order of its scores."""
    frame = predictions(paths, trained.name, RANKED)
    own = (frame["part"] == "test") & (frame["seed"] == trained.seeds[0])
    post_ids = frame.loc[own, "post_id"].drop_duplicates().tolist()
    ranker = trained.system(SHARES, trained.seeds[0])

    def of(some: Sequence[str]) -> dict[str, np.ndarray]:
        posts = post_rows(paths, some, ranker.columns)
        names = models.flat(ranker.features)
        features = {name: feature_of(paths, name, np.asarray(some, dtype=object)) for name in names}
        return ranker.attention(Examples(posts, features))

    _write(paths, trained, post_ids, _in_parts(trained.name, post_ids, of))


def _write(paths: Paths, trained: Trained, post_ids: Sequence[str], weights: Mapping[str, np.ndarray]) -> None:
    columns = {kind: _lists(values) for kind, values in weights.items()}
    store.write_table(paths.attention(trained.name), pa.table({"post_id": pa.array(post_ids, pa.string()), **columns}))


def _in_parts(
    name: str, post_ids: Sequence[str], of: Callable[[Sequence[str]], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """What `of` gives of posts [n], asked for `POSTS` at a time."""
    starts = tqdm(range(0, len(post_ids), POSTS), desc=f"{name} looks", leave=False, disable=None)
    parts = [of(post_ids[i : i + POSTS]) for i in starts]
    return {kind: np.concatenate([part[kind] for part in parts]) for kind in (parts[0] if parts else ())}


def look(
    paths: Paths, trained: Trained, target: str, post_ids: Sequence[str], *, user: str | None = None
) -> dict[str, np.ndarray]:
    """Where a system looks in posts of the dataset [n], as `System.attention` says.

    As if `user` had posted them, where one is named. Reads their rows of the features alone, `POSTS` at a time.
    """
    system, past = trained.system(target, trained.seeds[0]), trained.past(paths, target)
    return _in_parts(trained.name, post_ids, lambda some: _look(paths, trained, system, target, some, user, past))


def _look(
    paths: Paths,
    trained: Trained,
    system: models.System,
    target: str,
    post_ids: Sequence[str],
    user: str | None,
    past: Examples | None,
) -> dict[str, np.ndarray]:
    weights = system.attention(_examples(paths, trained, target, post_ids, past, user))
    if past is not None and "past_rows" in weights:
        rows, ids = weights.pop("past_rows"), np.append(past.posts["post_id"].to_numpy(dtype=object), "")
        weights["past_post_id"] = ids[rows]  # [n, m], the last for -1
    return weights


def _examples(
    paths: Paths,
    trained: Trained,
    target: str,
    post_ids: Sequence[str],
    past: Examples | None,
    user: str | None = None,
) -> Examples:
    """Posts of the dataset with what a system reads of them; as if `user` had posted them, where one is named."""
    columns = trained.needs(target)
    posts = post_rows(paths, post_ids, columns)
    if user is not None and "user_id" in columns:
        posts = posts.assign(user_id=user)
    features = {name: feature_of(paths, name, np.asarray(post_ids, dtype=object)) for name in trained.features}
    return unpublished(posts, features, target, trained.targets[target].transform["name"], past)


def _lists(values: np.ndarray) -> pa.Array:
    """Rows [n, ...] as lists of fixed size, texts or float32."""
    values = values.reshape(len(values), -1)
    if values.dtype == object:
        flat = pa.array(values.ravel(), pa.string())
    else:
        flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


if __name__ == "__main__":
    run_stage(main)
