"""How measures are taken and said."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.base.cluster import connect
from pipeline.base.compute import Compute

ROUNDS = 3


@dataclass(frozen=True)
class Measure:
    """One line: `ours` and `limit` in `unit`, their ratio, and what the ratio should be."""

    name: str
    limit_name: str
    ours: float
    limit: float
    unit: str
    aim: str = ""

    def __str__(self) -> str:
        ratio = self.ours / self.limit
        numbers = f"{self.ours:10.4g} against {self.limit:10.4g} {self.unit}"
        return f"{self.name:<42} {ratio:6.2f} x {self.limit_name:<44} {numbers}  {self.aim}"


def seconds(
    *calls: Callable[[], object], rounds: int = ROUNDS, before: Callable[[], object] | None = None
) -> list[float]:
    """The best time of each call; they take turns, so that a busy moment of the machine hits all alike.

    `before`, if any, is called before each and not measured.
    """
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            if before is not None:
                before()
            start = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


@contextmanager
def warm_cluster() -> Iterator[Compute]:
    """A cluster of one worker a core that is up already, reached as one would reach any scheduler."""
    with connect(None, Compute().worker_count()) as client:
        client.wait_for_workers(Compute().worker_count())
        yield Compute(scheduler=client.scheduler.address)
