"""Where work runs: a Dask cluster, local by default, and the device networks use.

A shard (some images of one pack, some files) is the unit of work and of retry. Workers read and write
the project's folder, so with a scheduler on other machines it lies on a file system they share.
"""

import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from threading import RLock
from typing import Any, Literal, TypeVar
from uuid import uuid4

from tqdm import tqdm

from pipeline.base import cluster
from pipeline.base.errors import UserError
from pipeline.base.ranges import Few, Threads

Result = TypeVar("Result")

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
NARROW = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
"""What PyTorch, and the libraries it multiplies matrices with, read."""
LOCAL = "local"
"""The scheduler that is none."""
SMALL = 8
"""Shards that threads of this process do sooner than a local cluster starts."""
AHEAD = 3
"""Shards in hand for each worker: one running, the others queued, so that none waits for the scheduler."""


@dataclass(frozen=True, kw_only=True)
class Compute:
    """The `compute` section of params.yaml."""

    scheduler: str | None = None
    """Address of a running Dask scheduler, or its scheduler file; None is the one that Dask's own configuration names
    (`DASK_SCHEDULER_ADDRESS`), and without any, work runs here; `local` runs it here whatever is named there."""
    workers: Threads | None = None
    """Local worker processes; None is one a core."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device networks run on; auto takes CUDA, then MPS, then CPU, as this machine has them: name that of the workers
    of a cluster which have another."""
    devices: Threads = 1
    """Devices of this machine, or processes on its CPUs, on which a network is trained: each takes its share of every
    batch. Batch norm and contrasts, which see a batch as a whole, are trained on one; dropout is drawn anew."""
    nodes: Few = 1
    """Machines with so many devices each, on which the stage is started with NODE_RANK, MASTER_ADDR, MASTER_PORT."""
    narrow_vectors: bool = False
    """PyTorch computes on x86 with vectors of 256 bits, which all of today's processors have: results of networks
    then differ less from one to another. Off, it takes the widest there are."""

    def settle(self) -> None:
        """Set what libraries read as they are imported; a stage calls it before anything imports PyTorch."""
        if self.narrow_vectors:
            os.environ |= NARROW

    @property
    def cluster(self) -> str | None:
        """The scheduler that is named, by whomever; None where work runs here."""
        return None if self.scheduler == LOCAL else self.scheduler or cluster.named()

    def here(self) -> "Compute":
        """The same without a cluster of other machines."""
        return replace(self, scheduler=LOCAL)

    def pick_device(self) -> str:
        """The device to use, as PyTorch names it. Raises `UserError` for one that this machine lacks."""
        if self.device == "cpu":
            return "cpu"
        import torch

        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        if self.device == "auto":
            return next(device for device, available in there.items() if available)
        if not there[self.device] and not self.cluster:  # its workers have devices of their own
            raise UserError(f"compute.device: there is no {self.device} here; set it to auto or cpu")
        return self.device

    def check_devices(self, device: str) -> None:
        """Raise `UserError` where this machine has fewer than `devices`; a CPU takes as many processes as one likes."""
        if device == "cpu" or self.devices == 1:
            return
        import torch

        there = torch.cuda.device_count() if device == "cuda" else 1
        if self.devices > there:
            raise UserError(f"compute.devices: {self.devices} cannot be, of {device} there is {there} here")

    def worker_count(self) -> int:
        """Local worker processes."""
        return self.workers or cores()

    def in_process(self, shards: int) -> bool:
        """Whether so little work runs here, without a cluster; with one that is named, none does."""
        return not shards or (self.cluster is None and (shards == 1 or self.worker_count() == 1))


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_shards(
    compute: Compute,
    function: Callable[..., Result],
    shards: Sequence[Any],
    *arguments: Any,
    title: str,
    sizes: Sequence[int] | None = None,
    unit: str = "shard",
) -> Iterator[tuple[int, Result]]:
    """Yield (position, `function(shard, *arguments)`) as shards complete, with a progress bar.

    `function` must be importable by the workers and its result picklable. `sizes` says how many `unit`s each
    shard counts for on the bar. A shard is retried where it raises or its worker dies; a `UserError` raised
    in a worker is raised here, at once.
    """
    sizes = sizes or [1] * len(shards)
    total = sum(sizes)
    with tqdm(total=total, desc=title, unit=unit, disable=None if total else True, leave=False) as bar:
        small = len(shards) <= SMALL and compute.cluster is None
        run = _run_here if compute.in_process(len(shards)) else _run_in_threads if small else _run_on_cluster
        for position, result in run(compute, function, shards, arguments):
            bar.update(sizes[position])
            yield position, result


class OnceAWorker:
    """Carries an object to the workers; each unpickles it with its first shard and keeps it for the others."""

    def __init__(self, value: Any):
        self.value = value

    def __reduce__(self) -> tuple:
        return _unpickled, (pickle.dumps(self.value),)


def _unpickled(data: bytes) -> OnceAWorker:
    with _FIRST:
        return _kept(data)


@lru_cache(maxsize=1)
def _kept(data: bytes) -> OnceAWorker:
    return OnceAWorker(pickle.loads(data))


_FIRST = RLock()
"""Held while a worker makes what its threads share."""
_BEGUN: set[str] = set()
"""Runs of which this worker has done a shard."""


def _run_here(
    compute: Compute, function: Callable, shards: Sequence[Any], arguments: tuple
) -> Iterator[tuple[int, Any]]:
    for position, shard in enumerate(shards):
        yield position, function(shard, *arguments)


def _run_in_threads(
    compute: Compute, function: Callable, shards: Sequence[Any], arguments: tuple
) -> Iterator[tuple[int, Any]]:
    """Decoders and networks let go of Python's lock. The first shard is done alone: it loads what the others share."""
    workers = min(compute.worker_count(), len(shards))
    with _few_threads(max(1, cores() // workers)):
        yield 0, function(shards[0], *arguments)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="shard")
        try:
            positions = {pool.submit(function, shard, *arguments): i for i, shard in enumerate(shards) if i}
            for future in as_completed(positions):
                yield positions[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _few_threads(threads: int) -> Iterator[None]:
    """Libraries use `threads` threads each inside, as they do in a worker, and as before outside."""
    import cv2

    before = {name: os.environ.get(name) for name in THREADS}
    cv2_before, torch = cv2.getNumThreads(), sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else cores()
    cv2.setNumThreads(threads)
    os.environ |= dict.fromkeys(THREADS, str(threads))  # for what is imported from here on
    if torch:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(cv2_before)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(torch_before)


def _run_on_cluster(
    compute: Compute, function: Callable, shards: Sequence[Any], arguments: tuple
) -> Iterator[tuple[int, Any]]:
    from distributed import as_completed

    named = compute.cluster
    with cluster.connect(named, compute.worker_count()) as client:
        threads = 1 if named else max(1, cores() // compute.worker_count())
        run = uuid4().hex  # two runs on one scheduler would share results of keys that are alike
        window = AHEAD * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))

        def submit(position: int) -> Any:
            call = (function, shards[position], arguments, run, threads, compute.narrow_vectors)
            return client.submit(_guarded, *call, pure=False, retries=cluster.RETRIES, key=f"shard-{run}-{position}")

        waiting = iter(range(len(shards)))
        positions = {submit(p): p for p in islice(waiting, window)}
        completed = as_completed(list(positions))
        for future in completed:
            position = positions.pop(future)
            with cluster.in_a_line():
                result = _outcome(future, title=f"shard {position + 1} of {len(shards)}")
            future.release()
            for following in islice(waiting, 1):
                new = submit(following)
                positions[new] = following
                completed.add(new)
            yield position, result


def _guarded(
    function: Callable, shard: Any, arguments: tuple, run: str, threads: int, narrow: bool
) -> tuple[bool, Any]:
    """Run in a worker: (True, result), or (False, message) of a `UserError`, which no retry can mend.

    A worker of several threads does its first shard alone, as `_run_in_threads` does.
    """
    _set_up(threads, narrow)
    with _FIRST:
        if run not in _BEGUN:
            done = _tried(function, shard, arguments)
            _BEGUN.add(run)
            return done
    return _tried(function, shard, arguments)


def _tried(function: Callable, shard: Any, arguments: tuple) -> tuple[bool, Any]:
    try:
        return True, function(shard, *arguments)
    except UserError as error:
        return False, str(error)


def _outcome(future: Any, *, title: str) -> Any:
    from distributed import KilledWorker

    try:
        good, result = future.result()
    except KilledWorker:
        raise UserError(
            f"compute: {title} ended its worker {cluster.RETRIES + 1} times, most likely for want of memory; "
            "set fewer compute.workers or a smaller images.max_pixels"
        ) from None
    if not good:
        raise UserError(result)
    return result


@lru_cache(maxsize=1)
def _set_up(threads: int, narrow: bool) -> None:
    """Once a worker: its libraries use `threads` threads each, so that workers do not fight for cores.

    With `narrow`, vectors are as `Compute.settle` has them here, unless PyTorch is there already.
    """
    import cv2

    cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    else:
        os.environ |= dict.fromkeys(THREADS, str(threads)) | (NARROW if narrow else {})
