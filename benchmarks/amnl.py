"""Training `amnl` and `amnl_plus` at the paper's sizes, maps gathered from disk, against bare passes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Measure
from benchmarks.training import BATCHES, against_bare, devices, write
from models.amnl import AMNL
from models.amnl_plus import AMNLPlus
from models.parts.loop import Training
from models.parts.social import Margin
from pipeline.storage import store
from pipeline.storage.examples import Examples, FeatureValues
from pipeline.storage.feed import Feed

BATCH = {"cpu": 16, "cuda": 128}
USERS, FOLLOWING, WORDS, NUMBERS, REGIONS = 9_900, 6, 12_500, 1_536, 64
SYSTEMS = {"amnl": (AMNL, {"image": ["image"]}), "amnl_plus": (AMNLPlus, {"regions": ["regions"]})}
TRAINING = Training(optimizer="adagrad", learning_rate=0.01)


def run(folder: Path) -> Iterator[Measure]:
    """All devices there are."""
    for device in devices():
        feed = draw(folder, BATCHES[device] * BATCH[device])
        for name, (kind, features) in SYSTEMS.items():
            system = kind(features=features)
            system.learn(feed)
            data = {"from disk": system.lists(feed)}
            options = {"loss": Margin(0.6), "training": TRAINING, "unit": "lists"}
            yield from against_bare(name, system.begin(), data, BATCH[device], device, **options)


def draw(folder: Path, lists: int) -> Feed:
    """So many lists of three posts, each of its own, with four sentences of twelve words, and pictures on disk."""
    rng, posts = np.random.default_rng(0), 3 * lists
    words = np.array([f"w{i}" for i in range(WORDS)])
    told = [". ".join(" ".join(rng.choice(words, 11)) for _ in range(4)) for _ in range(posts)]
    ids, shown = np.arange(posts).astype(str), {}
    for name, shape in {"image": (NUMBERS,), "regions": (REGIONS, NUMBERS)}.items():
        values = rng.standard_normal((posts, *shape), dtype=np.float32).astype(np.float16)
        shown[name] = FeatureValues(store.read_feature(write(folder / f"{name}.arrow", values)).values)
    viewers = rng.integers(0, USERS, lists)
    follows = np.stack([np.repeat(np.arange(USERS), FOLLOWING), rng.integers(0, USERS, USERS * FOLLOWING)])
    return Feed(
        posts=Examples(pd.DataFrame({"post_id": ids, "text": told}), shown),
        users=np.array([f"u{i}" for i in range(USERS)], dtype=object),
        lists=rng.permutation(posts).reshape(lists, 3),
        numbers=np.arange(lists),
        viewers=viewers,
        at=np.full(lists, "2017-01-01", dtype="datetime64[us]"),
        authors=np.full(posts, -1),
        follows=follows,
        shares=np.stack([viewers, np.arange(lists)]),
        shared_at=np.full(lists, "2017-01-01", dtype="datetime64[us]"),
        comments=pd.DataFrame({"at": [], "text": [], "user": [], "post": np.empty(0, dtype=np.int64)}),
        known=posts,
    )
