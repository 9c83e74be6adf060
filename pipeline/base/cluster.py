"""The Dask cluster that work runs on: one that is named, or a local one for as long as it is needed.

Only clients made here are closed: a scheduler that was named, its workers and the clients of others stay as they are.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.base.code import TOPS
from pipeline.base.errors import UserError

if TYPE_CHECKING:
    from distributed import Client

RETRIES = 2
"""How often a shard that raised is tried again; a worker that died is replaced beside that."""
TIMEOUT = 30.0
"""Seconds a scheduler may take to answer and to have a worker."""
KEYS = ("scheduler-address", "scheduler-file")
"""Of Dask's configuration; the first is `DASK_SCHEDULER_ADDRESS` in the environment."""
_QUIET = {
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


def named() -> str | None:
    """The scheduler that Dask's own configuration names, by its address or its file; None where it names none."""
    folders = [Path("/etc/dask"), Path(sys.prefix, "etc/dask"), Path("~/.config/dask").expanduser()]
    said = "dask" in sys.modules or any(key.startswith("DASK_") for key in os.environ)
    if not (said or any(folder.is_dir() for folder in folders)):
        return None  # reading it takes longer than to see that there is none
    import dask.config

    return next(filter(None, (dask.config.get(key, None) for key in KEYS)), None)


@contextmanager
def connect(scheduler: str | None, workers: int = 1) -> Iterator["Client"]:
    """A Dask client of `scheduler`, as `compute.scheduler` names it, else of a local cluster of so many workers.

    The client ends with the block, and with it the local cluster. Raises `UserError` where no scheduler answers, or
    where it has no workers.
    """
    import dask.config
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # errors come back as such
    with dask.config.set(_QUIET):
        if scheduler:
            with _reach(scheduler) as client:
                yield client
            return
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=":0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.ERROR,
        )
        with cluster, Client(cluster) as client:
            yield client


@contextmanager
def in_a_line() -> Iterator[None]:
    """What ends the work of a cluster beside the work itself is a `UserError`."""
    from concurrent.futures import CancelledError

    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CommClosedError, CancelledError):
        raise UserError(_GONE) from None
    except (RuntimeError, ModuleNotFoundError) as error:
        said = next((line for sign, line in _SIGNS.items() if sign in str(error)), None)
        if said is None:
            raise
        raise UserError(said) from None


_GONE = (
    "compute.scheduler: it is gone, or a worker with data that no other has; "
    "what was finished is kept, run the same command again"
)
_FOREIGN = (
    "compute.scheduler: the scheduler or a worker cannot import this project; "
    "start both in its folder and environment, with PYTHONPATH=."
)
_SIGNS = {
    "Missing required workers": _GONE,  # XGBoost's words
    "deserialization of the task graph": _FOREIGN,
    **{f"No module named '{top}": _FOREIGN for top in TOPS},
}


def _reach(scheduler: str) -> "Client":
    from distributed import Client

    address = _address(scheduler)
    try:
        _check(address)
        client = Client(address, timeout=TIMEOUT)
    except (OSError, ValueError, TypeError, TimeoutError) as error:
        why = str(error) or "whoever is there is no scheduler"
        message = f"compute.scheduler: nothing answers at {address} ({why}); set it to local to work here"
        raise UserError(message) from None
    try:
        client.wait_for_workers(1, timeout=TIMEOUT)
    except TimeoutError:
        client.close()
        message = f"compute.scheduler: {address} has no workers; start some with `dask worker {address}`"
        raise UserError(message) from None
    return client


def _check(address: str) -> None:
    """Raise `TimeoutError` where somebody is at home who is no scheduler: a client would wait for a word for ever."""
    import asyncio

    from distributed import Security
    from distributed.comm.core import connect as call
    from distributed.utils import LoopRunner

    async def answers() -> None:
        options = Security().get_connection_args("client")
        comm = await asyncio.wait_for(call(address, timeout=TIMEOUT, **options), TIMEOUT + 1)
        await comm.close()

    runner = LoopRunner()
    runner.start()
    try:
        runner.run_sync(answers)
    finally:
        runner.stop()


def _address(scheduler: str) -> str:
    """The address itself, or what a scheduler file says of it."""
    path = Path(scheduler)
    if "://" in scheduler or not (os.sep in scheduler or path.suffix == ".json" or path.is_file()):
        return scheduler
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it names no address"
        raise UserError(f"compute.scheduler: {scheduler} is no scheduler file ({why})") from None
