"""A network that predicts one number a post, by default on a standardised target.

Ours, where papers are silent: the network learns (y - mean) / deviation of the training part, so that its
learning rate means the same whatever the target's unit, and a constant target comes back as it is.

Shapes: n posts.
"""

from collections.abc import Callable, Sized
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file
from torch import nn

from models.parts.batches import Arrays, Tensors
from models.parts.loop import Curve, Training
from models.parts.training import check_stopping, fit_network, predict_network, seeded
from pipeline.storage import store


class Regressor:
    """Trains, stores and asks a network.

    Args:
        make: the network, from the widths of its inputs by name; called with those inputs [n, ...] it gives [n].
        training: how it learns.
        seed: of its first weights, the order of rows and dropout.
        device: cpu, cuda or mps.
        standardize: learn the standardised target, or the target as it is.
        predict_batch: rows asked for at once in prediction.
        options: further arguments of `models.parts.training.fit_network`.
    """

    def __init__(
        self,
        make: Callable[..., nn.Module],
        *,
        training: Training,
        seed: int,
        device: str,
        standardize: bool = True,
        predict_batch: int = 1024,
        **options: Any,
    ):
        self._make, self._training, self._seed, self._device, self._options = make, training, seed, device, options
        self._standardize, self._predict_batch = standardize, predict_batch

    def check(self, validation: Sized) -> None:
        """Raise `UserError` where `fit` would, for want of validation posts; for those with work to do before it."""
        check_stopping(self._training, validation)

    def fit(self, x: Arrays, y: np.ndarray, x_validation: Arrays, y_validation: np.ndarray) -> None:
        """Learn `y` [n] from the arrays [n, ...] of `x`; without validation ones it cannot stop early."""
        self.check(y_validation)
        mean, deviation = (float(np.mean(y)), float(np.std(y))) if self._standardize else (0.0, 1.0)
        if deviation <= 1e-9 * abs(mean):
            deviation = 0.0
        self._state = {"widths": _widths(x), "mean": mean, "deviation": deviation}
        scaled = [(part - mean) / (deviation or 1.0) for part in (y, y_validation)]
        with seeded(self._seed, self._device):
            self._network = self._make(**self._state["widths"])
        curve = fit_network(
            self._network,
            Tensors({**x, "y": scaled[0]}),
            Tensors({**x_validation, "y": scaled[1]}),
            self._training,
            seed=self._seed,
            device=self._device,
            **self._options,
        )
        self._state["curve"] = asdict(curve)

    def predict(self, x: Arrays) -> np.ndarray:
        """Predictions [n], on the scale of the target."""
        output = self.ask(lambda network: network, x)
        return output.astype(np.float64) * self._state["deviation"] + self._state["mean"]

    def ask(self, question: Callable[[nn.Module], nn.Module], x: Arrays) -> np.ndarray:
        """What `question`, a module around the network, says of the arrays: float32 [n, ...], unscaled."""
        asked = question(self._network)
        return predict_network(asked, Tensors(x), batch_size=self._predict_batch, device=self._device)

    def save(self, folder: Path) -> None:
        """Write weights as network.safetensors, and the target's scale and the loss curve as network.json."""
        save_file(self._network.state_dict(), folder / "network.safetensors")
        store.write_json(folder / "network.json", self._state)

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote."""
        self._state = store.read_json(folder / "network.json")
        self._network = self._make(**self._state["widths"])
        self._network.load_state_dict(load_file(folder / "network.safetensors"))

    def report(self) -> dict[str, float]:
        """Trainable numbers, steps taken, and the lowest RMSE on the validation part."""
        curve = Curve(**self._state["curve"])
        parameters = sum(p.numel() for p in self._network.parameters())
        report = {"parameters": parameters, "steps": curve.step[-1]}
        if curve.validation:
            report["validation_rmse"] = float(np.sqrt(min(curve.validation)) * self._state["deviation"])
        return report

    def curve(self) -> dict[str, list[float]]:
        """The losses at each validation on the scale of the target: for squared error, its square."""
        scale = self._state["deviation"] ** 2
        lists = self._state["curve"]
        losses = {name: [loss * scale for loss in lists[name]] for name in ("train", "validation") if lists[name]}
        return {"step": list(lists["step"]), **losses}


def _widths(x: Arrays) -> dict[str, int]:
    return {name: int(np.prod(array.shape[1:], dtype=np.int64)) for name, array in x.items()}
