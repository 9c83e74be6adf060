"""Posts over the workers of a Dask cluster, where libraries have an interface to one.

Few posts go to one worker, and a library's trees are then the same as here, byte by byte. Over several workers it sums
in another order and finds the bins of values together: trees are alike, in what they say and how well, not equal.

Shapes: n posts, d inputs.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import numpy as np

from models.parts import boosting
from pipeline.base import cluster


class Spread:
    """Workers that share posts among them, and a `client` of their scheduler."""

    def __init__(self, client: Any, workers: list[str], threads: int | None):
        """`workers` by address, each with so many threads; None is all it has."""
        self.client, self.workers, self.threads = client, workers, threads

    def arrays(self, tables: Iterable[tuple[slice, np.ndarray]], y: np.ndarray) -> tuple[Any, Any]:
        """Dask arrays of tables [m, d] of rows of the posts, and of `y` [n]; each goes to the next worker in turn."""
        import dask.array

        blocks = [
            [self._block(part, worker) for part in (table, y[rows])]
            for (rows, table), worker in zip(tables, cycle(self.workers), strict=False)
        ]
        x, labels = zip(*blocks, strict=True)
        return dask.array.concatenate(x), dask.array.concatenate(labels)

    def _block(self, part: np.ndarray, worker: str) -> Any:
        import dask
        import dask.array

        # By its content two alike would be one, and lie on one worker.
        future = self.client.scatter(part, workers=[worker], hash=False)
        return dask.array.from_delayed(dask.delayed(future), part.shape, part.dtype)


@contextmanager
def spread(scheduler: str, rows: int) -> Iterator[Spread]:
    """The workers of a cluster that so many rows are worth, those of most threads first, and of no others."""
    import dask

    with cluster.connect(scheduler) as client, cluster.in_a_line():
        threads = client.nthreads()
        order = sorted(threads, key=lambda worker: (-threads[worker], worker))
        workers = order[: max(1, rows // boosting.ROWS)]
        with dask.annotate(workers=workers, allow_other_workers=False):
            # Few rows take one thread, as they do here: the same numbers summed in another order are others.
            yield Spread(client, workers, 1 if rows < 2 * boosting.ROWS else None)
