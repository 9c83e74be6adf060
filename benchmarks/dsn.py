"""Training `dsn` at the paper's sizes, windows gathered from disk, against its bare forward and backward pass.

And how the time of an epoch and the memory grow with the posts: `python -m benchmarks.dsn 300000`.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import numpy as np
import pandas as pd
import torch

from benchmarks.measure import Measure
from benchmarks.training import BATCHES, against_bare, devices, write
from models.dsn import DSN
from models.parts.batches import Tensors
from models.parts.dsn_network import DSNNetwork
from models.parts.loop import Training
from pipeline.storage import store
from pipeline.storage.examples import Examples, FeatureValues

BATCH, LENGTH, NUMBERS = 512, 8, 512
LEVELS, USERS, OF_USERS = (11, 77, 668), 69_000, 76


def run(folder: Path) -> Iterator[Measure]:
    """All devices there are."""
    for device in devices():
        posts = draw(folder, BATCHES[device] * BATCH)
        system = DSN(features={"image": ["image"], "text": ["text"], "user": ["user"]}, length=LENGTH)
        system.learn(posts)
        data = Tensors({**system.arrays(posts), "y": posts.y})
        ready = {name: values.numpy() for name, values in data[range(len(data))].items()}
        network = DSNNetwork(
            image=NUMBERS, text=NUMBERS, levels=[size + 1 for size in LEVELS], users=USERS + 1, numbers=OF_USERS,
            hidden=256, heads=4, alpha=0.2, beta=0.6, dropout=0.25,
        )  # fmt: skip
        yield from against_bare("dsn", network, {"in memory": Tensors(ready), "from disk": data}, BATCH, device)


def draw(folder: Path, rows: int) -> Examples:
    """Posts, one a minute, with vectors on disk in halves, as the pipeline has them."""
    rng = np.random.default_rng(0)
    posts = pd.DataFrame(
        {
            "post_id": np.arange(rows).astype(str),
            "user_id": rng.integers(0, USERS, rows).astype(str),
            "posted_at": pd.date_range("2015-01-01", periods=rows, freq="min", tz="UTC").as_unit("us"),
            **{
                level: rng.integers(0, size, rows).astype(str)
                for level, size in zip(("category", "subcategory", "concept"), LEVELS, strict=True)
            },
        }
    )
    features = {"user": FeatureValues(rng.standard_normal((rows, OF_USERS), dtype=np.float32))}
    for name in ("image", "text"):
        values = rng.standard_normal((rows, NUMBERS), dtype=np.float32).astype(np.float16)
        features[name] = FeatureValues(store.read_feature(write(folder / f"{name}.arrow", values)).values)
    return Examples(posts, features, rng.standard_normal(rows), past=Examples(posts, features))


def main() -> None:
    """Seconds an epoch, and memory beyond that of the files, for as many posts as the command line says."""
    with tempfile.TemporaryDirectory(prefix="likecast-bench-") as folder:
        for rows in map(int, sys.argv[1:]):
            posts = draw(Path(folder), rows)
            before, start = getrusage(RUSAGE_SELF).ru_maxrss, time.perf_counter()
            roles = {"image": ["image"], "text": ["text"], "user": ["user"]}
            system = DSN(features=roles, training=Training(batch_size=BATCH, epochs=1, weight_decay=1e-4))
            system.fit(posts, posts.take(np.arange(0)))
            took, after = time.perf_counter() - start, getrusage(RUSAGE_SELF).ru_maxrss
            print(f"{rows} posts: {took:.1f} s an epoch, {(after - before) / 2**20:.2f} GB more at most", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
