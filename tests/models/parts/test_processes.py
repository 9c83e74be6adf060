"""Networks that two processes train together learn what one would have."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from models.parts import processes
from models.parts.optimizers import OPTIMIZERS
from models.parts.sharing import by_rows, share
from models.parts.training import squared_error
from models.ttc_vlt import Contrasted
from tests.models.parts import together

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What one process has, what the first and the second of two have, and the folder these two share."""
    folder, other = (tmp_path_factory.mktemp(name) for name in ("two", "one"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, together.__file__, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    both = [json.loads((folder / f"rank-{number}.json").read_text()) for number in (0, 1)]
    return together.outcomes(other), *both, folder


def numbers(outcome):
    """Weights and losses in a row."""
    weights, train, validation = outcome
    return np.concatenate([*weights, train, validation])


@pytest.mark.parametrize("training", ["plain", "stopped", "accumulated"])
def test_two_processes_learn_what_one_does(training, trained):
    one, first, second, _ = (numbers(told[training]) if isinstance(told, dict) else None for told in trained)
    np.testing.assert_allclose(first, one, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(first, second)


def test_they_stop_at_the_same_time_and_take_the_same_weights_back(trained):
    one, first, *_ = trained
    assert len(first["stopped"][2]) == len(one["stopped"][2]) < 40
    assert min(first["stopped"][2]) < first["stopped"][2][-1]


def test_what_sees_a_batch_as_a_whole_is_trained_on_one(trained):
    one, first, second, _ = (numbers(told["norm"]) if isinstance(told, dict) else None for told in trained)
    np.testing.assert_array_equal(first, one)
    np.testing.assert_array_equal(second, one)


def test_dropout_is_drawn_by_each_and_goes_on_after_a_kill(trained):
    one, first, *_ = trained
    np.testing.assert_array_equal(numbers(first["resumed"]), numbers(first["dropout"]))
    assert np.abs(numbers(first["dropout"]) - numbers(one["dropout"])).max() > 1e-3


def test_the_first_alone_keeps_states(trained):
    assert sorted(path.name for path in trained[-1].iterdir()) == ["rank-0.json", "rank-1.json", "states-0"]


def test_alone_there_is_nobody_to_ask():
    with processes.joined("cpu", devices=1) as first:
        assert first
        assert processes.rank() == 0
        assert processes.told("word") == "word"
        assert processes.fabric("cpu", alone=False).world_size == 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_alone_a_training_imports_neither_compiler_nor_lightning(optimizer, tmp_path):
    script = f"""
import sys
from pathlib import Path
from tests.models.parts import together
together.resumed(Path(sys.argv[1]), optimizer={optimizer!r})
print([name for name in ("torch._dynamo", "sympy", "lightning_fabric") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("[]\n", 0), run.stderr


@pytest.mark.parametrize(("rows", "sizes"), [(7, [3, 2, 2]), (3, [1, 1, 1]), (2, [1, 1, 0])])
def test_each_row_is_one_process_s(rows, sizes):
    batch = list(range(10, 10 + rows))
    shares = [share(SimpleNamespace(world_size=3, global_rank=number), batch) for number in range(3)]
    assert [len(rows) for rows in shares] == sizes
    assert [row for rows in shares for row in rows] == batch


def test_batches_are_cut_where_rows_know_nothing_of_each_other():
    plain, norm = nn.Linear(2, 1), nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    assert by_rows(plain, squared_error)
    assert not by_rows(norm, squared_error)
    assert not by_rows(plain, Contrasted(0.1, 0.07))
    assert by_rows(plain, Contrasted(0.0, 0.07))
    assert by_rows(nn.Sequential(nn.Dropout(), nn.LayerNorm(2)), squared_error)
    assert torch.distributed.is_initialized() is False
