"""What the package of GloVe's vectors holds, of a few words."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage import word_vectors


def write_vectors(package, seed=0, dimensions=50):
    """Three words of the tests' posts, and vectors that are drawn."""
    (package / "data").mkdir(exist_ok=True)
    pq.write_table(pa.table({"word": ["golden", "quiet", "sea"]}), package / word_vectors.FILES[0])
    vectors = np.random.default_rng(seed).normal(size=(3, dimensions)).astype(np.float32)
    np.save(package / word_vectors.FILES[1], vectors)
