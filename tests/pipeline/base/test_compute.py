import importlib
import logging
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import dask.config
import pytest

from pipeline.base import cluster as clusters
from pipeline.base import compute as module
from pipeline.base.binding import bind
from pipeline.base.compute import LOCAL, Compute, OnceAWorker, map_shards
from pipeline.base.errors import UserError
from tests.clusters import running

TASKS = """
import os
import signal
from pathlib import Path
from pipeline.base.errors import UserError

MADE = []

class Model:
    def __init__(self):
        self.where = None

    def __setstate__(self, state):
        MADE.append(os.getpid())

    def __getstate__(self):
        return {"a": 1}

def double(shard):
    return 2 * shard, os.getpid()

def bad_input(shard):
    if shard == 2:
        raise UserError("raw/x.jpg: mend me")
    return shard

def made(shard, carried):
    assert isinstance(carried.value, Model)
    return os.getpid(), len(MADE)

def fails_once(shard, folder):
    mark = Path(folder, f"tried-{shard}")
    if not mark.exists():
        mark.touch()
        raise OSError("a moment's trouble")
    return shard

def dies_once(shard, folder):
    mark = Path(folder, f"died-{shard}")
    if shard == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return shard

def always_dies(shard):
    os.kill(os.getpid(), signal.SIGKILL)

def vectors(shard):
    return os.environ.get("ATEN_CPU_CAPABILITY")

def threads(shard):
    import cv2
    import torch
    return cv2.getNumThreads(), torch.get_num_threads()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the module `shard_tasks`, which workers can import as they can the project's modules."""
    where = tmp_path_factory.mktemp("tasks")
    (where / "shard_tasks.py").write_text(TASKS)
    sys.path.insert(0, str(where))
    yield where
    sys.path.remove(str(where))


@pytest.fixture(scope="module")
def tasks(folder):
    """Functions for shards, good and bad."""
    import shard_tasks

    return shard_tasks


@pytest.fixture(scope="module")
def scheduler(folder):
    """Address of a scheduler with two workers, each a process of its own."""
    with running(folder, path=[folder]) as processes:
        yield processes.address


def results(compute, function, shards, *arguments):
    """Results in the order of the shards."""
    got = dict(map_shards(compute, function, shards, *arguments, title="test"))
    return [got[i] for i in range(len(shards))]


def test_one_shard_or_one_worker_needs_no_cluster(tasks, monkeypatch):
    monkeypatch.setattr(clusters, "connect", lambda *_: pytest.fail("a cluster was started"))
    assert results(Compute(workers=1), tasks.double, [1, 2]) == [(2, os.getpid()), (4, os.getpid())]
    assert results(Compute(), tasks.double, [5]) == [(10, os.getpid())]
    assert results(Compute(scheduler="127.0.0.1:1"), tasks.double, []) == []


@pytest.mark.slow
def test_running_scheduler(tasks, scheduler, folder):
    compute = Compute(scheduler=scheduler)
    doubled = results(compute, tasks.double, list(range(20)))
    assert [value for value, _ in doubled] == [2 * i for i in range(20)]
    assert os.getpid() not in {pid for _, pid in doubled}
    assert results(compute, tasks.fails_once, [1, 2, 3], str(folder)) == [1, 2, 3]
    with pytest.raises(UserError, match=r"^raw/x\.jpg: mend me$"):
        results(compute, tasks.bad_input, [1, 2, 3])
    narrow = Compute(scheduler=scheduler, narrow_vectors=True)
    assert results(narrow, tasks.vectors, [1, 2]) == ["avx2"] * 2
    assert results(compute, tasks.threads, [1, 2]) == [(1, 1)] * 2


@pytest.mark.slow
def test_one_shard_goes_to_a_scheduler_that_dask_names(tasks, scheduler, folder):
    """Whoever names it, nothing is done here: workers have devices that this machine lacks."""
    for name in (*clusters.KEYS, None):
        known = {"scheduler-file": str(folder / "scheduler.json")}.get(name, scheduler)
        with dask.config.set({name: known} if name else {}):
            ((value, where),) = results(Compute(scheduler=None if name else known), tasks.double, [5])
            assert value == 10
            assert where != os.getpid()
            assert results(Compute(scheduler=LOCAL, workers=1), tasks.double, [5, 6])[1] == (12, os.getpid())


@pytest.mark.parametrize("name", ["DASK_SCHEDULER_ADDRESS", "DASK_SCHEDULER_FILE"])
def test_dask_names_a_scheduler_in_the_environment(name):
    script = "from pipeline.base.compute import Compute as C; print(C().cluster, C().here().cluster)"
    environment = {**os.environ, name: "tcp://there:1"}
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert run.stdout.split() == ["tcp://there:1", "None"], run.stderr


def test_no_scheduler_file(tasks, tmp_path):
    (tmp_path / "empty.json").write_text("[]")
    for name, why in (("no/file", "No such file or directory"), ("empty.json", "it names no address")):
        with pytest.raises(UserError, match=rf"^compute\.scheduler: .*{name} is no scheduler file \({why}\)$"):
            results(Compute(scheduler=str(tmp_path / name)), tasks.double, [1])


@pytest.mark.slow
def test_a_scheduler_that_cannot_do_the_work_says_so_in_a_line(folder, tmp_path, monkeypatch, tasks):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/other_tasks.py").write_text("def nothing(shard):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    with running(tmp_path, workers=1, path=[folder]) as processes:
        compute, said = Compute(scheduler=processes.address), r"^compute\.scheduler: "
        with pytest.raises(UserError, match=said + r".* cannot import this project; .*PYTHONPATH=\.$"):
            results(compute, importlib.import_module("other_tasks").nothing, [1, 2])
        processes.kill(0)
        with monkeypatch.context() as patched:
            patched.setattr(clusters, "TIMEOUT", 0.5)
            with pytest.raises(UserError, match=said + ".* has no workers; start some"):
                results(compute, tasks.double, [1, 2])
        processes.fill(1)
        done = map_shards(compute, tasks.double, list(range(40)), title="test")
        next(done)
        processes.scheduler.kill()
        with pytest.raises(UserError, match=said + "it is gone, or a worker"):
            list(done)


def test_a_worker_of_several_threads_does_its_first_shard_alone(monkeypatch):
    monkeypatch.setattr(module, "_set_up", lambda *_: None)
    first, ended = Event(), []

    def work(shard):
        if not first.is_set():
            first.set()
            time.sleep(0.2)
            ended.append(shard)
        return len(ended)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda shard: module._guarded(work, shard, (), "a run", 1, False), range(4)))
    assert done == [(True, 1)] * 4


@pytest.mark.slow
def test_models_are_made_once_a_worker(tasks, scheduler):
    made = results(Compute(scheduler=scheduler), tasks.made, list(range(12)), OnceAWorker(tasks.Model()))
    assert {count for _, count in made} == {1}
    assert len({pid for pid, _ in made}) <= 2


@pytest.fixture
def cluster(monkeypatch):
    """However few the shards are, a local cluster does them."""
    monkeypatch.setattr(module, "SMALL", 1)


def test_few_shards_are_done_by_threads_of_this_process(tasks, monkeypatch):
    monkeypatch.setattr(clusters, "connect", lambda *_: pytest.fail("a cluster was started"))
    compute, before = Compute(workers=2), tasks.threads(0)
    few = list(range(module.SMALL))
    assert results(compute, tasks.double, few) == [(2 * i, os.getpid()) for i in few]
    with pytest.raises(UserError, match="mend me"):
        results(compute, tasks.bad_input, [1, 2, 3])
    share = max(1, module.cores() // 2)
    assert results(compute, tasks.threads, [1, 2, 3]) == [(share, share)] * 3
    assert tasks.threads(0) == before


@pytest.mark.slow
def test_local_cluster_replaces_a_worker_that_dies(tasks, tmp_path, capfd, cluster):
    assert results(Compute(workers=2), tasks.dies_once, [0, 1, 2, 3], str(tmp_path)) == [0, 1, 2, 3]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_shard_that_always_kills_its_worker_ends_in_one_line(tasks, monkeypatch, cluster):
    monkeypatch.setitem(clusters._QUIET, "distributed.scheduler.allowed-failures", 0)
    with pytest.raises(UserError, match=r"compute: shard . of 2 ended its worker"):
        results(Compute(workers=2), tasks.always_dies, [0, 1])


def test_here_a_user_error_is_one_too(tasks):
    with pytest.raises(UserError, match="mend me"):
        results(Compute(workers=1), tasks.bad_input, [1, 2])


@pytest.mark.slow
def test_nobody_answers(tasks, monkeypatch):
    monkeypatch.setattr(clusters, "TIMEOUT", 0.5)
    with pytest.raises(UserError, match=r"compute\.scheduler: nothing answers at tcp://127\.0\.0\.1:1"):
        results(Compute(scheduler="tcp://127.0.0.1:1"), tasks.double, [1, 2])


@pytest.mark.slow
def test_somebody_answers_who_is_no_scheduler(tasks, monkeypatch):
    """As the dashboard beside it: it waits for a request that never comes."""
    monkeypatch.setattr(clusters, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(UserError, match=rf"compute\.scheduler: nothing answers at {address} \(whoever is there"):
            results(Compute(scheduler=address), tasks.double, [1, 2])


def test_workers_are_at_least_one():
    with pytest.raises(UserError, match=r"compute\.workers"):
        bind("compute", Compute, {"workers": 0})


@pytest.mark.slow
@pytest.mark.parametrize("narrow", [True, False])
def test_narrow_vectors_are_set_before_pytorch_is_there(narrow):
    script = f"""
import sys
from pipeline.base.compute import Compute
Compute(narrow_vectors={narrow}).settle()
assert "torch" not in sys.modules
import torch
print(torch.backends.cpu.get_cpu_capability())
"""
    environment = {key: value for key, value in os.environ.items() if key not in module.NARROW}
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    capability = run.stdout.strip()
    assert capability == "AVX2" if narrow and capability.startswith("AVX") else capability


def test_device_is_taken_as_given_where_it_is(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match=r"compute\.device: there is no cuda here; set it to auto or cpu"):
        Compute(device="cuda").pick_device()
    assert Compute(device="cuda", scheduler="tcp://elsewhere:1").pick_device() == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert Compute(device="cuda").pick_device() == Compute().pick_device() == "cuda"
    assert Compute(device="cpu").pick_device() == "cpu"


def test_there_are_as_many_devices_as_are_asked_for(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    Compute(devices=2).check_devices("cuda")
    Compute(devices=9).check_devices("cpu")
    Compute().check_devices("mps")
    with pytest.raises(UserError, match=r"compute\.devices: 3 cannot be, of cuda there is 2 here"):
        Compute(devices=3).check_devices("cuda")
    with pytest.raises(UserError, match=r"compute\.devices: 2 cannot be, of mps there is 1 here"):
        Compute(devices=2).check_devices("mps")


def test_device_is_one_of_those_there_are():
    assert Compute().pick_device() in ("cpu", "cuda", "mps")


@pytest.mark.slow
def test_logs_are_quiet(tasks, caplog):
    with caplog.at_level(logging.WARNING):
        results(Compute(workers=1), tasks.double, [1])
    assert not caplog.records
