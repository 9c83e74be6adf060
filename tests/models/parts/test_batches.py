"""What networks are fed from disk: the same batches as from memory."""

import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.parts.batches import READERS, Tensors, load, shuffled
from models.parts.loop import Training
from models.parts.training import fit_network, predict_network, seeded
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues

ROOT = Path(__file__).parents[3]
ROWS = 90


def stored(path, values):
    """Values as a feature file, in another order than posts have it."""
    order = np.random.default_rng(1).permutation(len(values))
    header = {"shape": values.shape[1:], "dtype": values.dtype.name, "names": None, "metadata": {}}
    with store.FeatureWriter(path, **header) as writer:
        writer.append([f"p{i}" for i in order], values[order], np.ones(len(values), bool))
    table = store.read_feature(path)
    return FeatureValues(table.values, sha256=table.sha256).take(np.argsort(order))


@pytest.fixture
def both(tmp_path):
    """Data with an array on disk and the same in memory; a row is not a number."""
    rng = np.random.default_rng(0)
    regions = rng.normal(size=(ROWS, 3, 5)).astype(np.float16)
    regions[7] = np.nan
    y = np.nan_to_num(regions)[:, :, 0].sum(axis=1).astype(np.float64)
    on_disk = stored(tmp_path / "f.arrow", regions)
    return Tensors({"regions": on_disk, "y": y}), Tensors({"regions": regions, "y": y})


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


def test_batches_from_disk_are_those_of_memory(both):
    on_disk, whole = both
    batches = shuffled(ROWS, 16, [0])
    for rows, batch in zip(batches, load(on_disk, batches, "cpu"), strict=True):
        for name, expected in whole[rows].items():
            assert batch[name].dtype == on_disk[rows][name].dtype == torch.float32
            torch.testing.assert_close(batch[name], expected, rtol=0, atol=0, equal_nan=True)
            torch.testing.assert_close(on_disk[rows][name], expected, rtol=0, atol=0, equal_nan=True)
    assert torch.isnan(on_disk[[7]]["regions"]).all()
    assert len(on_disk) == ROWS


@pytest.mark.parametrize("workers", [0, 2])
def test_trains_as_in_memory(both, workers):
    on_disk, whole = both
    first, curve = fit(on_disk, workers=workers)
    second, expected = fit(whole)
    assert equal(first, second)
    assert curve == expected
    assert curve.validation[-1] < curve.validation[0]


def test_predicts_as_in_memory(both):
    on_disk, whole = both
    with seeded(0):
        network = Network()
    np.testing.assert_array_equal(predict_network(network, on_disk), predict_network(network, whole))


class Killed(Exception):  # noqa: N818 - no error
    """Ends a training in the middle."""


def test_resumes_in_the_middle_of_an_epoch(both, tmp_path):
    on_disk, _ = both
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
        fit(on_disk, loss=loss, **options)
    assert list((tmp_path / "state").glob("*.pt"))
    first, curve = fit(on_disk, loss=same, **options)
    second, expected = fit(on_disk, loss=same, validate_every=4)
    assert equal(first, second)
    assert curve == expected


def test_other_contents_are_another_training(both, tmp_path):
    on_disk, _ = both
    y = on_disk[range(ROWS)]["y"].numpy()
    again = stored(tmp_path / "f.arrow", np.ones((ROWS, 3, 5), np.float16))
    assert Tensors({"regions": again, "y": y}).digest() != on_disk.digest()


def test_reads_ahead_and_stops_when_told(both):
    on_disk, _ = both
    batches = shuffled(ROWS, 8, [0])
    reading = load(on_disk, batches, "cpu")
    next(reading)
    running = [thread for thread in threading.enumerate() if thread.name.startswith("batches")]
    assert 0 < len(running) <= READERS
    reading.close()
    assert not any(thread.is_alive() for thread in running)


def test_errors_of_readers_reach_the_training(both):
    on_disk, _ = both
    with pytest.raises(IndexError):
        next(load(on_disk, [[1, ROWS]], "cpu"))


SCRIPT = """
import sys
from pathlib import Path
import numpy as np, torch
from torch import nn
from models.parts.batches import Tensors
from models.parts.loop import Training
from models.parts.training import fit_network
from pipeline.storage import store
from pipeline.storage.examples import FeatureValues

class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(512, 1)
        self.peak = 0
    def forward(self, regions):
        self.peak = max(self.peak, own())
        return self.layer(regions.mean(1)).squeeze(1)

def own():
    # Not VmHWM: that counts pages of mapped files, which the system takes back when it needs them.
    return 1024 * int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])

def fit(regions):
    torch.manual_seed(0)
    network = Mean()
    data = Tensors({"regions": regions, "y": np.arange(len(regions)) % 2})
    fit_network(network, data, training=Training(epochs=1, batch_size=16))
    return network.layer.weight.sum().item(), network.peak

torch.set_num_threads(1)
first = store.read_feature(Path(sys.argv[1])).values
fit(FeatureValues(first).take(np.arange(256)))  # everything is imported and warm, the threads that read as well
del first
for in_memory in (False, True):
    before, values = own(), store.read_feature(Path(sys.argv[1])).values
    weight, peak = fit(values.copy() if in_memory else FeatureValues(values).take(np.arange(len(values))))
    print(weight, (peak - before) / values.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_trains_on_more_regions_than_memory(tmp_path):
    """Memory grows by far less than the file has bytes; of an array in memory, by those; the result is the same."""
    one = np.random.default_rng(0).normal(size=(8, 100, 512)).astype(np.float16)
    path = tmp_path / "regions.arrow"
    stored(path, np.tile(one, (192, 1, 1)))  # 157 MB
    command = [sys.executable, "-c", SCRIPT, str(path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert run.returncode == 0, run.stderr
    on_disk, growth, whole, growth_whole = map(float, run.stdout.split())
    assert growth < 0.3
    assert growth_whole > 1
    assert on_disk == whole
