"""The one training loop of all networks, on Lightning Fabric: seeds, precision, stopping, resuming.

A network takes every entry of a batch but `y` as a keyword argument. A loss is a function of network and
batch, so that a ranker can call its network on positives and on negatives.
"""

import hashlib
import logging
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.batches import Batch, Data, cut, inputs, load, shuffled
from pipeline import store
from pipeline.errors import UserError

log = logging.getLogger(__name__)

Loss = Callable[[nn.Module, Batch], Tensor]
# Fused: one pass over weights and moments, a quarter of the time where tables of words are large.
OPTIMIZERS = {"adam": partial(torch.optim.Adam, fused=True), "adagrad": torch.optim.Adagrad}


@dataclass
class Curve:
    """Losses at each validation; `train` is the mean since the one before, `validation` is empty without rows."""

    step: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)


@dataclass(kw_only=True)
class Settings:
    """How a network is trained, whatever it is."""

    loss: Loss
    """Scalar to minimise, a mean over the rows of a batch."""
    optimizer: Literal["adam", "adagrad"]
    """Update rule, with PyTorch's own defaults beside what stands here."""
    learning_rate: float
    """Step size."""
    weight_decay: float
    """L2 penalty on all parameters."""
    epochs: int
    """Passes over the training rows, at most."""
    batch_size: int
    """Rows a step."""
    seed: int
    """Of row order and dropout."""
    device: str
    """cpu, cuda (bf16 autocast) or mps."""
    validate_every: int | None
    """Batches between validations; None is after every epoch."""
    patience: int | None
    """Stop after so many validations without improvement and take the best weights back; None is neither."""
    workers: int
    """Processes that read batches."""


def squared_error(network: nn.Module, batch: Batch) -> Tensor:
    """Mean squared error of the network's output [b] against `y` [b]."""
    return nn.functional.mse_loss(network(**inputs(batch)), batch["y"])


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Torch draws from `seed` inside and goes on as before outside; networks are made in it and trained in it."""
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    repeatable = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
    with torch.random.fork_rng(devices), repeatable:
        torch.manual_seed(seed)
        yield


@contextmanager
def few_threads(network: nn.Module) -> Iterator[None]:
    """One thread of PyTorch for a network of less than a million parameters.

    Its steps are done before threads have found each other, and on busy cores they take far longer.
    """
    before = torch.get_num_threads()
    if sum(p.numel() for p in network.parameters()) < 1_000_000:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit_network(
    network: nn.Module,
    train: Data,
    validation: Data | None = None,
    *,
    loss: Loss = squared_error,
    optimizer: Literal["adam", "adagrad"] = "adam",
    learning_rate: float = 1e-3,
    weight_decay: float = 0.0,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int = 0,
    device: str = "cpu",
    validate_every: int | None = None,
    patience: int | None = None,
    workers: int = 0,
    checkpoint: Path | None = None,
    label: str = "training",
) -> Curve:
    """Train `network` in place; it is left on the CPU in evaluation mode.

    `validation` (None or empty: neither validation losses nor stopping) is what it stops on. `checkpoint` is
    a folder for the state at each validation, taken up again by the same training and removed at its end.
    `label` stands on the progress bar; `Settings` says the rest.

    Returns the loss curve. Raises `UserError` where the loss is no longer a number.
    """
    settings = Settings(
        loss=loss, optimizer=optimizer, learning_rate=learning_rate, weight_decay=weight_decay, epochs=epochs,
        batch_size=batch_size, seed=seed, device=device, validate_every=validate_every, patience=patience,
        workers=workers,
    )  # fmt: skip
    file = checkpoint / f"{_key(network, train, settings)}.pt" if checkpoint else None
    with seeded(seed, device), few_threads(network):
        run = _Run(network, train, validation, settings)
        if file and file.exists():
            run.restore(torch.load(file, map_location="cpu", weights_only=True))
            log.info("%s: going on from step %d", label, run.at.step)
        with tqdm(total=epochs, initial=run.at.epoch, desc=label, unit="epoch", leave=False, disable=None) as bar:
            while run.at.epoch < epochs and not run.stopped:
                for _ in run.epoch():
                    if file:
                        _save(run.state(), file)
                bar.update()
    run.finish()
    if checkpoint:
        shutil.rmtree(checkpoint, ignore_errors=True)
    return run.at.curve


@torch.no_grad()
def predict_network(
    network: nn.Module, data: Data, *, batch_size: int = 1024, device: str = "cpu", workers: int = 0
) -> np.ndarray:
    """Outputs [n, ...] of the network in evaluation mode, float32."""
    network.to(device).eval()
    batches = load(data, cut(np.arange(len(data)), batch_size), device, workers)
    with few_threads(network), torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        outputs = [network(**inputs(batch)).float().cpu() for batch in batches]
    network.cpu()
    return torch.cat(outputs).numpy() if outputs else np.empty(0, dtype=np.float32)


@dataclass
class _Position:
    """How far a training is; `batch` counts within the epoch, `total` and `rows` since the last validation."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    total: float | Tensor = 0.0
    rows: int = 0
    waited: int = 0
    curve: Curve = field(default_factory=Curve)


class _Run:
    """One training: the network, its optimiser, its data and how far it is."""

    def __init__(self, network: nn.Module, train: Data, validation: Data | None, settings: Settings):
        # Lightning takes seconds to import; what only predicts does without it.
        from lightning.fabric import Fabric

        self._settings, self._train = settings, train
        self._validation = validation if validation is not None and len(validation) else None
        precision = "bf16-mixed" if settings.device == "cuda" else "32-true"
        self._fabric = Fabric(accelerator=settings.device, devices=1, precision=precision)
        made = OPTIMIZERS[settings.optimizer](
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._network = network
        self._model, self._optimizer = self._fabric.setup(network, made)
        self._best: dict[str, Tensor] | None = None
        self.at = _Position()

    @property
    def stopped(self) -> bool:
        """Whether patience is at its end."""
        return self._settings.patience is not None and self.at.waited >= self._settings.patience

    def epoch(self) -> Iterator[None]:
        """Train from where the epoch stands to its end or until stopping; yields after each validation."""
        groups = getattr(self._train, "groups", None)
        batches = shuffled(len(self._train), self._settings.batch_size, [self._settings.seed, self.at.epoch], groups)
        for batch in self._load(self._train, batches[self.at.batch :]):
            self._step(batch)
            self.at.batch += 1
            if self.at.batch == len(batches):
                self.at.epoch, self.at.batch = self.at.epoch + 1, 0
            if self._due():
                self._validate()
                yield
            if self.stopped:
                return

    def _load(self, data: Data, batches: list[list[int]]) -> Iterator[Batch]:
        return load(data, batches, self._fabric.device, self._settings.workers)

    def _due(self) -> bool:
        if self._settings.validate_every is None or self.at.epoch == self._settings.epochs:
            return self.at.batch == 0
        return self.at.step % self._settings.validate_every == 0

    def _step(self, batch: Batch) -> None:
        self._model.train()
        loss = self._settings.loss(self._model, batch)
        self._optimizer.zero_grad()
        self._fabric.backward(loss)
        self._optimizer.step()
        rows = len(next(iter(batch.values())))
        self.at.total = self.at.total + loss.detach() * rows
        self.at.rows += rows
        self.at.step += 1

    def _validate(self) -> None:
        curve = self.at.curve
        curve.step.append(self.at.step)
        curve.train.append(self._finite(float(self.at.total) / self.at.rows))
        self.at.total, self.at.rows = 0.0, 0
        if self._validation is None:
            return
        loss = self._finite(self._validation_loss())
        better = loss < min(curve.validation, default=math.inf)
        self.at.waited = 0 if better else self.at.waited + 1
        if better and self._settings.patience is not None:
            self._best = {k: v.detach().cpu().clone() for k, v in self._network.state_dict().items()}
        curve.validation.append(loss)

    @torch.no_grad()
    def _validation_loss(self) -> float:
        self._model.eval()
        rows = cut(np.arange(len(self._validation)), self._settings.batch_size)
        batches = zip(rows, self._load(self._validation, rows), strict=True)
        losses = [self._settings.loss(self._model, batch) * len(some) for some, batch in batches]
        return float(torch.stack(losses).sum()) / len(self._validation)

    def _finite(self, loss: float) -> float:
        if not math.isfinite(loss):
            raise UserError(f"the training loss is {loss} after {self.at.step} steps; lower learning_rate")
        return loss

    def finish(self) -> None:
        """Leave the network as the training ends: best weights where it stops early, on the CPU."""
        if self._best is not None:
            self._network.load_state_dict(self._best)
        self._network.cpu().eval()

    def state(self) -> dict[str, Any]:
        """Everything `restore` needs to go on as if nothing had happened."""
        return {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "best": self._best,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state() if self._settings.device == "cuda" else None,
            "at": asdict(self.at),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]
        torch.set_rng_state(state["random"])
        if state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"])
        self.at = _Position(**{**state["at"], "curve": Curve(**state["at"]["curve"])})


def _save(state: dict[str, Any], file: Path) -> None:
    with store.atomic(file) as temporary:
        torch.save(state, temporary)


def _key(network: nn.Module, train: Data, settings: Settings) -> str:
    """Name of a training's state: another start, other data or other settings are another training."""
    told = {**vars(settings), "loss": settings.loss.__qualname__, "workers": None}
    # Its print names what has no weights: dropout, ablations.
    digest = hashlib.sha256(repr((repr(network), told, train.digest())).encode())
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:32]
