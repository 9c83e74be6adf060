"""A Dask scheduler and workers, each a process of its own as on other machines, on ports that are free."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 120.0
"""Seconds after which all of a cluster is killed, so that whoever waits for it fails."""


class Cluster:
    """Processes in `folder`, which is not the project's; all can import it and what lies in `path`."""

    def __init__(self, folder: Path, path: Sequence[Path] = ()):
        """Start the scheduler."""
        self.file, self._folder = folder / "scheduler.json", folder
        self.file.unlink(missing_ok=True)  # of another
        self._path = os.pathsep.join(map(str, [ROOT, *path]))
        self.workers: list[subprocess.Popen] = []
        options = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0", "--no-dashboard"]
        self.scheduler = self._start("dask_scheduler", *options, "--scheduler-file", str(self.file))

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return json.loads(self.file.read_text())["address"]

    def add(self) -> subprocess.Popen:
        """Start a worker of one thread."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
        self.workers.append(self._start("dask_worker", "--scheduler-file", str(self.file), *options))
        return self.workers[-1]

    def fill(self, workers: int) -> None:
        """Start workers until there are so many, and wait for them."""
        from distributed import Client

        for _ in range(workers - sum(process.poll() is None for process in self.workers)):
            self.add()

        deadline = time.monotonic() + 60
        while not self.file.exists() or "address" not in self.file.read_text():
            assert self.scheduler.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with Client(self.address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)

    def kill(self, worker: int) -> None:
        """Kill a worker as the system does where memory is short."""
        self.workers[worker].send_signal(signal.SIGKILL)
        self.workers[worker].wait(timeout=30)

    def end(self) -> None:
        """Kill everything that still runs."""
        for process in (*self.workers, self.scheduler):
            process.kill()

    def _start(self, module: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-W", "ignore", "-m", f"distributed.cli.{module}", *options]
        environment = {**os.environ, "PYTHONPATH": self._path, "OMP_NUM_THREADS": "1"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=self._folder, env=environment, **quiet)


@contextmanager
def running(folder: Path, workers: int = 2, path: Sequence[Path] = ()) -> Iterator[Cluster]:
    """A scheduler with workers; whatever happens, none of them outlives the block, nor `LIMIT`."""
    cluster = Cluster(folder, path)
    watchdog = threading.Timer(LIMIT, cluster.end)
    watchdog.start()
    try:
        cluster.fill(workers)
        yield cluster
    finally:
        watchdog.cancel()
        cluster.end()
        for process in (*cluster.workers, cluster.scheduler):
            process.wait(timeout=30)
