"""What is shown of a training while it runs in an experiment of DVC, and that nothing is otherwise."""

import json
import sys

import numpy as np
import pytest
import torch

from models.parts import live
from models.parts.batches import Tensors
from models.parts.descent import Descent, descend
from models.parts.loop import Training
from models.parts.training import fit_network, seeded

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """As Git has it, in an experiment whose every loss is written."""
    monkeypatch.chdir(tmp_path)  # DVCLive looks for a repository from here on
    monkeypatch.setenv(live.EXPERIMENT, "0" * 40)
    monkeypatch.setattr(live, "SECONDS", 0.0)
    (tmp_path / "live").mkdir()
    (tmp_path / "live/.gitkeep").touch()
    return tmp_path / "live"


@pytest.fixture
def read(folder, monkeypatch):
    """What could be read after each time that losses were told."""
    found, tell = [], live.tell

    def told(*losses):
        tell(*losses)
        file = folder / "metrics.json"
        found.append(json.loads(file.read_text()) if file.exists() else None)

    monkeypatch.setattr(live, "tell", told)
    return found


class Head(torch.nn.Linear):
    """A network of one layer, whose inputs are called x."""

    def forward(self, x):
        return super().forward(x).squeeze(1)


def trained():
    """The weights of a small network, and its losses by step."""
    x = np.random.default_rng(0).normal(size=(40, 2))
    data = Tensors({"x": x, "y": x.sum(axis=1)})
    with seeded(0):
        network = Head(2, 1)
    curve = fit_network(network, data, data, Training(epochs=3, batch_size=8))
    return network.weight.detach(), list(zip(curve.step, curve.train, curve.validation, strict=True))


def test_the_losses_of_a_network_are_there_while_it_trains(folder, read):
    with live.shown(folder, "mlp likes seed 0"):
        _, curve = trained()
    names = ("step", "train", "validation")
    assert read == [{"training": "mlp likes seed 0", **dict(zip(names, losses, strict=True))} for losses in curve]
    assert len(curve) == 3


def test_the_losses_of_a_factor_model_are_there_as_well(folder, read):
    losses, aucs = iter([3.0, 2.0]), iter([0.5, 0.75])
    with live.shown(folder, "famf shares seed 1"):
        descend({}, lambda: next(losses), lambda: next(aucs), Descent(epochs=2))
    assert [(row["step"], row["train"], row["validation"]) for row in read] == [(1, 3.0, 0.5), (2, 2.0, 0.25)]


def test_afterwards_nothing_is_left(folder):
    def killed():
        live.tell(1, 0.5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), live.shown(folder, "a"):
        killed()
    live.tell(2, 0.5)
    assert [path.name for path in folder.iterdir()] == [".gitkeep"]


def test_the_next_training_does_not_show_the_last_one(folder, read):
    with live.shown(folder, "a"):
        live.tell(1, 0.5, 0.25)
    with live.shown(folder, "b"):
        live.tell(7, 0.75)
    assert read[1] == {"training": "b", "step": 7, "train": 0.75}


def test_it_changes_no_result(folder):
    with live.shown(folder, "a"):
        weights, curve = trained()
    expected, expected_curve = trained()
    assert torch.equal(weights, expected)
    assert curve == expected_curve


def test_losses_that_come_faster_are_left_out(folder, read, monkeypatch):
    monkeypatch.setattr(live, "SECONDS", 3600.0)
    with live.shown(folder, "a"):
        live.tell(1, 0.5)
        live.tell(2, 0.25)
    assert [row["step"] for row in read] == [1, 1]


def test_nothing_is_imported_where_nobody_looks_or_nothing_is_told(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "dvclive", None)  # an import of it fails
    with live.shown(folder, "a system without losses"):
        pass
    monkeypatch.delenv(live.EXPERIMENT)
    with live.shown(folder, "no experiment"):
        live.tell(1, 0.5)
    monkeypatch.setenv(live.EXPERIMENT, "0" * 40)
    with pytest.raises(ImportError), live.shown(folder, "a"):
        live.tell(1, 0.5)
