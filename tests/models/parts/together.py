"""Run by test_processes.py in one process or several: trains small networks and writes what came out."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.parts import processes
from models.parts.batches import Tensors
from models.parts.loop import Training
from models.parts.training import fit_network, squared_error


class Network(nn.Module):
    """Two layers, the second of a table that some batches leave alone; with or without what is delicate."""

    def __init__(self, *, norm: bool, dropout: float):
        super().__init__()
        torch.manual_seed(0)
        between = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.layers = nn.Sequential(nn.Linear(3, 8), between, nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))
        self.rare = nn.Parameter(torch.ones(3))

    def forward(self, x):
        y = self.layers(x).squeeze(1)
        rare = x[:, 0] > 1.5
        return torch.where(rare, y + x @ self.rare, y) if rare.any() else y


def data(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return Tensors({"x": x, "y": 2 * x[:, 0] - x[:, 1] + rng.normal(0, 0.1, n)})


class Fragile:
    """Squared error that ends the training after so many batches of it."""

    def __init__(self, calls: float):
        self.left, self.__qualname__ = calls, "fragile"

    def __call__(self, network, batch):
        self.left -= network.training
        if self.left < 0:
            raise KeyboardInterrupt
        return squared_error(network, batch)


def fit(*, norm=False, dropout=0.0, calls=float("inf"), checkpoint=None, **knobs):
    network = Network(norm=norm, dropout=dropout)
    # The last batch has three rows, two of them the first process's; that of validation one, none the second's.
    knobs = Training(**{"batch_size": 16, "learning_rate": 0.02, "epochs": 3, **knobs})
    options = {"loss": Fragile(calls), "checkpoint": checkpoint}
    curve = fit_network(network, data(67, 0), data(33, 1), knobs, **options)
    return [v.flatten().tolist() for v in network.state_dict().values()], curve.train, curve.validation


def resumed(folder, **knobs):
    """What comes out where a training is ended in its third epoch and done again."""
    kept = {"checkpoint": folder / f"states-{processes.rank()}", **knobs}
    try:
        fit(calls=2 * 5 + 2, **kept)
    except KeyboardInterrupt:
        return fit(**kept)
    raise AssertionError("it was not ended")


def outcomes(folder):
    """Weights and losses of each training."""
    return {
        "plain": fit(),
        "stopped": fit(epochs=40, patience=1, learning_rate=0.2),
        "accumulated": fit(batch_size=67, accumulate=3),
        "norm": fit(norm=True),
        "dropout": fit(dropout=0.3),
        "resumed": resumed(folder, dropout=0.3),
    }


def main(folder: Path) -> None:
    """Write what each of two processes has to rank-<number>.json."""
    with processes.joined("cpu", devices=2):
        told = outcomes(folder)
        (folder / f"rank-{processes.rank()}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
