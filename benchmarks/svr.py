"""Training an RBF SVR on inputs as wide as `inception_svr`'s, against scikit-learn's SVR on the same rows.

`python -m benchmarks.svr 17000` takes the size of the Twitter paper's training half: scikit-learn needs half an hour.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import svm

from benchmarks.measure import Measure, seconds
from models.svr import SVR
from pipeline.storage.examples import Examples, FeatureValues

ROWS, WIDTH = 5_000, 2_050
SETTINGS = {"C": 1.0, "epsilon": 0.01}


def run(folder: Path, rows: int = ROWS) -> Iterator[Measure]:
    """Seconds to train, on popularity with a long tail, divided by its maximum; then the answers are compared."""
    x, y = make(rows)
    posts = Examples(pd.DataFrame({"post_id": np.arange(rows).astype(str)}), {"wide": FeatureValues(x)}, y)
    ours = SVR(features=["wide"], method="exact", exact_rows=rows, standardize=False, **SETTINGS)
    approximate = SVR(features=["wide"], method="nystroem", components=500, standardize=False, **SETTINGS)
    theirs, nobody = svm.SVR(**SETTINGS), posts.take(np.arange(0))
    exact, limit = seconds(lambda: ours.fit(posts, nobody), lambda: theirs.fit(x, y), rounds=1)
    yield Measure(f"exact SVR, {rows:,} x {WIDTH:,}", "scikit-learn's SVR", exact, limit, "s", "aim below 1")
    (near,) = seconds(lambda: approximate.fit(posts, nobody), rounds=1)
    yield Measure(f"Nystroem SVR, {rows:,} x {WIDTH:,}", "scikit-learn's SVR", near, limit, "s", "aim below 1")
    some = np.arange(min(500, rows))
    apart = np.abs(ours.predict(posts.take(some)) - theirs.predict(x[some])).max()
    yield Measure("largest difference of 500 predictions", "1e-6", apart, 1e-6, "", "aim at most 1")


def make(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [rows, WIDTH] of a few latent traits and noise, cut at zero as pooled activations are, and targets."""
    rng = np.random.default_rng(0)
    traits = rng.standard_normal((rows, 40))
    x = np.maximum(0, traits @ rng.standard_normal((40, WIDTH)) / 6 + rng.standard_normal((rows, WIDTH)) / 2)
    y = np.exp(0.5 * traits[:, 0] + 0.3 * traits[:, 1] * traits[:, 2] + rng.standard_normal(rows))
    return x.astype(np.float32), y / y.max()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for measure in run(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else ROWS):
            print(measure, flush=True)
