"""What networks are fed from disk: the same batches as from memory, in an order that is random enough."""

import subprocess
import sys
import threading
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.parts.batches import MIXED_GROUPS, READERS, Tensors, load, shuffled
from models.parts.loop import Training
from models.parts.training import fit_network, predict_network, seeded
from pipeline.storage import store, stream

ROOT = Path(__file__).parents[3]
ROWS, GROUP = 90, 4


def write(path, values, group=GROUP):
    """A feature file in row groups of `group` rows."""
    header = {"shape": values.shape[1:], "dtype": values.dtype.name, "names": None, "metadata": {}}
    with store.FeatureWriter(path, **header) as writer:
        for start in range(0, len(values), group):
            rows = values[start : start + group]
            writer.append([f"p{start + i}" for i in range(len(rows))], rows, np.ones(len(rows), bool))
    return path


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Data with an array streamed and the same in memory, told of the same groups; a row is not a number."""
    monkeypatch.setattr(stream, "STREAM_BYTES", 0)
    rng = np.random.default_rng(0)
    regions = rng.normal(size=(ROWS, 3, 5)).astype(np.float16)
    regions[7] = np.nan
    y = np.nan_to_num(regions)[:, :, 0].sum(axis=1).astype(np.float64)
    array = stream.open_feature(write(tmp_path / "f.parquet", regions)).values
    streamed, whole = Tensors({"regions": array, "y": y}), Tensors({"regions": regions, "y": y})
    whole.groups = streamed.groups
    return streamed, whole


class Network(nn.Module):
    """The mean over regions, with zeros where there are none, through a layer with dropout."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(0.1), nn.Linear(5, 1))

    def forward(self, regions):
        return self.layers(torch.nan_to_num(regions).mean(dim=1)).squeeze(1)


def fit(data, **settings):
    with seeded(0):
        network = Network()
    knobs = {f.name: settings.pop(f.name) for f in fields(Training) if f.name in settings}
    training = Training(**{"batch_size": 16, "learning_rate": 0.05, "epochs": 3, **knobs})
    curve = fit_network(network, data, data, training, **settings)
    return [p.detach() for p in network.parameters()], curve


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_streamed_batches_are_those_of_memory(both):
    streamed, whole = both
    batches = shuffled(ROWS, 16, [0], streamed.groups)
    for rows, batch in zip(batches, load(streamed, batches, "cpu"), strict=True):
        for name, expected in whole[rows].items():
            assert batch[name].dtype == streamed[rows][name].dtype == torch.float32
            torch.testing.assert_close(batch[name], expected, rtol=0, atol=0, equal_nan=True)
            torch.testing.assert_close(streamed[rows][name], expected, rtol=0, atol=0, equal_nan=True)
    assert torch.isnan(streamed[[7]]["regions"]).all()
    assert len(streamed) == ROWS


@pytest.mark.parametrize("workers", [0, 2])
def test_trains_as_in_memory(both, workers):
    streamed, whole = both
    first, curve = fit(streamed, workers=workers)
    second, expected = fit(whole)
    assert equal(first, second)
    assert curve == expected
    assert curve.validation[-1] < curve.validation[0]


def test_predicts_as_in_memory(both):
    streamed, whole = both
    with seeded(0):
        network = Network()
    np.testing.assert_array_equal(predict_network(network, streamed), predict_network(network, whole))


class Killed(Exception):  # noqa: N818 - no error
    """Ends a training in the middle."""


def test_resumes_in_the_middle_of_an_epoch(both, tmp_path):
    streamed, _ = both
    steps = iter(range(8))

    def loss(network, batch):
        if network.training and next(steps, None) is None:
            raise Killed
        return nn.functional.mse_loss(network(batch["regions"]), batch["y"])

    def same(network, batch):
        return nn.functional.mse_loss(network(batch["regions"]), batch["y"])

    same.__qualname__ = loss.__qualname__
    options = {"validate_every": 4, "checkpoint": tmp_path / "state"}
    with pytest.raises(Killed):
        fit(streamed, loss=loss, **options)
    assert list((tmp_path / "state").glob("*.pt"))
    first, curve = fit(streamed, loss=same, **options)
    second, expected = fit(streamed, loss=same, validate_every=4)
    assert equal(first, second)
    assert curve == expected


def test_other_contents_are_another_training(both, tmp_path):
    streamed, _ = both
    again = stream.open_feature(write(tmp_path / "f.parquet", np.ones((ROWS, 3, 5), np.float16))).values
    assert Tensors({"regions": again, "y": np.zeros(ROWS)}).digest() != streamed.digest()


def test_reads_ahead_and_stops_when_told(both):
    streamed, _ = both
    batches = shuffled(ROWS, 8, [0], streamed.groups)
    reading = load(streamed, batches, "cpu")
    next(reading)
    running = [thread for thread in threading.enumerate() if thread.name.startswith("batches")]
    assert 0 < len(running) <= READERS
    reading.close()
    assert not any(thread.is_alive() for thread in running)


def test_errors_of_readers_reach_the_training(both, tmp_path):
    streamed, _ = both
    (tmp_path / "f.parquet").unlink()
    with pytest.raises(FileNotFoundError):
        next(load(streamed, [[1, 2]], "cpu"))


def order(n, per_group, seed=0):
    groups = np.arange(n) // per_group
    return np.concatenate([np.array(batch) for batch in shuffled(n, 32, [seed], groups)]), groups


@pytest.mark.parametrize(("n", "per_group"), [(1000, 10), (1000, 600), (7, 1), (33, 100), (2, 1)])
def test_every_row_once_an_epoch(n, per_group):
    assert sorted(order(n, per_group)[0]) == list(range(n))
    assert shuffled(0, 32, [0], np.empty(0, int)) == []


def test_order_follows_the_seed():
    assert order(1000, 10)[0].tolist() == order(1000, 10)[0].tolist()
    assert order(1000, 10)[0].tolist() != order(1000, 10, seed=1)[0].tolist()


def test_order_is_random_enough():
    """Positions tell nothing of rows, and each batch, the first too, has rows of groups that lie far apart."""
    n, per_group = 20_000, 20
    for seed in range(3):
        rows, groups = order(n, per_group, seed)
        assert abs(np.corrcoef(np.arange(n), rows)[0, 1]) < 0.1
        batches = [groups[rows[i : i + 64]] for i in range(0, n - 64, 64)]
        assert min(len(np.unique(batch)) for batch in batches) >= MIXED_GROUPS
        assert np.mean([np.std(batch) for batch in batches]) > 0.8 * np.std(groups)
        assert np.mean(np.abs(np.diff(rows)) == 1) < 2 / per_group  # neighbours in the file are apart


def test_few_groups_are_open_at_a_time():
    rows, groups = order(20_000, 100)
    opened = [groups[rows[i : i + 100]] for i in range(0, len(rows), 100)]
    assert max(len(np.unique(batch)) for batch in opened) <= MIXED_GROUPS + 2
    assert MIXED_GROUPS + 2 + READERS < stream.KEPT_GROUPS
    reopened = sum(len(set(b) - set(a)) for a, b in pairwise(opened)) / 200
    assert reopened < 1.2


def test_few_groups_are_mixed_like_one():
    """With no more groups than are mixed, any order is as likely as any other: no group comes first."""
    places = np.mean([np.argsort(order(80, 20, seed)[0]).reshape(4, 20).mean(axis=1) for seed in range(400)], axis=0)
    np.testing.assert_allclose(places, 39.5, atol=2)


SCRIPT = """
import sys
from pathlib import Path
import numpy as np, torch
from torch import nn
from models.parts.batches import Tensors
from models.parts.loop import Training
from models.parts.training import fit_network
from pipeline.storage import stream

class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(512, 1)
    def forward(self, regions):
        return self.layer(regions.mean(1)).squeeze(1)

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

def fit(regions):
    torch.manual_seed(0)
    network = Mean()
    groups = np.arange(len(regions)) // 8
    data = Tensors({"regions": regions, "y": np.arange(len(regions)) % 2})
    data.groups = groups
    fit_network(network, data, training=Training(epochs=1, batch_size=16))
    return network.layer.weight.sum().item()

torch.set_num_threads(1)
fit(np.zeros((64, 3, 512), np.float16))  # everything is imported and warm
for limit in (0, 2**40):
    stream.STREAM_BYTES, before = limit, peak()
    regions = stream.open_feature(Path(sys.argv[1])).values
    print(fit(regions), (peak() - before) / regions.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_trains_on_more_regions_than_memory(tmp_path):
    """The peak grows by less than the file has bytes; in memory, where the result is the same, by far more."""
    one = np.random.default_rng(0).normal(size=(8, 100, 512)).astype(np.float16)
    path = write(tmp_path / "regions.parquet", np.tile(one, (192, 1, 1)), group=8)  # 157 MB
    command = [sys.executable, "-c", SCRIPT, str(path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert run.returncode == 0, run.stderr
    streamed, growth, whole, growth_whole = map(float, run.stdout.split())
    assert growth < 0.8
    assert growth_whole > 2
    assert streamed == whole
