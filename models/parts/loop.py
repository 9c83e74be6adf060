"""The loop that `models.parts.training` runs, on Lightning Fabric or alone: steps, validation, stopping, a state."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from models.parts import processes, sharing
from models.parts.batches import Batch, Data, Redrawn, cut, load, pieces, shuffled
from models.parts.optimizers import OPTIMIZERS
from pipeline.base.errors import UserError
from pipeline.base.ranges import Count, Few, NotNegative, Positive

Loss = Callable[[nn.Module, Batch], Tensor]


@dataclass
class Curve:
    """Losses at each validation; `train` is the mean since the one before, `validation` is empty without rows."""

    step: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)

    def last(self) -> tuple[int, float, float | None]:
        """The last step and its losses."""
        return self.step[-1], self.train[-1], self.validation[-1] if self.validation else None


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained, whatever it is: the keys of `training` in its entry of params.yaml."""

    optimizer: Literal["adam", "adagrad", "rmsprop"] = "adam"
    """Update rule, with PyTorch's own defaults beside what stands here."""
    learning_rate: Positive = 1e-3
    """Step size."""
    weight_decay: NotNegative = 0.0
    """L2 penalty on parameters."""
    decayed: Literal["all", "weights"] = "all"
    """Which parameters it is on: all, or those that are neither biases nor of norms."""
    epochs: Count = 10
    """Passes over the training rows, at most."""
    batch_size: Count = 32
    """Rows a step."""
    accumulate: Few = 1
    """Pieces that the rows of a step are cut into, their gradients added up: less memory for the same step.

    What looks at several rows at once sees those of a piece: batch norm, the contrast of `ttc_vlt`.
    """
    validate_every: Count | None = None
    """Batches between validations; None is after every epoch."""
    patience: Count | None = None
    """Stop after so many validations without improvement and take the best weights back; None is neither."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the program adds to that."""

    training: Training
    """What a person chooses."""
    loss: Loss
    """Scalar to minimise, a mean over the rows of a batch."""
    seed: int
    """Of row order and dropout."""
    device: str
    """cpu, cuda (bf16 autocast) or mps."""
    workers: int
    """Processes that read batches."""


@dataclass
class Position:
    """How far a training is; `batch` counts within the epoch, `total` and `rows` since the last validation."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    total: float | Tensor = 0.0
    rows: int = 0
    waited: int = 0
    curve: Curve = field(default_factory=Curve)


def _penalties(network: nn.Module, training: Training) -> list[dict[str, Any]]:
    """Parameters beside their penalties, as optimisers take them; biases and those of norms have one dimension."""
    parameters = list(network.parameters())
    if training.decayed == "all":
        return [{"params": parameters, "weight_decay": training.weight_decay}]
    weights, others = ([p for p in parameters if (p.dim() > 1) is many] for many in (True, False))
    return [{"params": weights, "weight_decay": training.weight_decay}, {"params": others, "weight_decay": 0.0}]


def _rows(batch: Batch) -> int:
    return len(next(iter(batch.values())))


class Run:
    """One training: the network, its optimiser, its data and how far it is."""

    def __init__(self, network: nn.Module, train: Data, validation: Data | None, settings: Settings):
        self._settings, self._training, self._train = settings, settings.training, train
        self._validation = validation if validation is not None and len(validation) else None
        self._fabric = processes.fabric(settings.device, alone=not sharing.by_rows(network, settings.loss))
        make = OPTIMIZERS[self._training.optimizer]
        made = make(_penalties(network, self._training), lr=self._training.learning_rate)
        self._network = network
        self._model, self._optimizer = self._fabric.setup(network, made)
        sharing.begin_alike(self._fabric, network)
        self._best: dict[str, Tensor] | None = None
        self.at = Position()

    @property
    def stopped(self) -> bool:
        """Whether patience is at its end."""
        return self._training.patience is not None and self.at.waited >= self._training.patience

    def epoch(self) -> Iterator[None]:
        """Train from where the epoch stands to its end or until stopping; yields after each validation."""
        batches = shuffled(len(self._train), self._training.batch_size, [self._settings.seed, self.at.epoch])
        steps = len(batches)
        if isinstance(self._train, Redrawn):
            self._train.begin(self.at.epoch)
        batches = batches[self.at.batch :]
        shares = [sharing.share(self._fabric, batch) for batch in batches]
        waiting = [pieces(share, self._training.accumulate) if share else [] for share in shares]
        loaded = iter(self._load(self._train, [piece for share in waiting for piece in share]))
        for batch, share in zip(batches, waiting, strict=True):
            self._step(islice(loaded, len(share)), len(batch))
            self.at.batch += 1
            if self.at.batch == steps:
                self.at.epoch, self.at.batch = self.at.epoch + 1, 0
            if self._due():
                self._validate()
                yield
            if self.stopped:
                return

    def _load(self, data: Data, batches: list[list[int]]) -> Iterator[Batch]:
        return load(data, batches, self._fabric.device, self._settings.workers)

    def _due(self) -> bool:
        if self._training.validate_every is None or self.at.epoch == self._training.epochs:
            return self.at.batch == 0
        return self.at.step % self._training.validate_every == 0

    def _step(self, share: Iterable[Batch], rows: int) -> None:
        """Learn from a share of a batch of so many rows, piece by piece: added up, the mean over the whole batch."""
        self._model.train()
        self._optimizer.zero_grad()
        for piece in share:
            loss = self._settings.loss(self._model, piece) * (_rows(piece) / rows)
            self._fabric.backward(loss)
            self.at.total = self.at.total + loss.detach() * rows
        sharing.add_gradients(self._fabric, self._network)
        self._optimizer.step()
        self.at.rows += rows
        self.at.step += 1

    def _validate(self) -> None:
        curve = self.at.curve
        curve.step.append(self.at.step)
        total = sharing.total(self._fabric, torch.as_tensor(self.at.total))
        curve.train.append(self._finite(float(total) / self.at.rows))
        self.at.total, self.at.rows = 0.0, 0
        if self._validation is None:
            return
        loss = self._finite(self._validation_loss())
        better = loss < min(curve.validation, default=math.inf)
        self.at.waited = 0 if better else self.at.waited + 1
        if better and self._training.patience is not None:
            self._best = {k: v.detach().cpu().clone() for k, v in self._network.state_dict().items()}
        curve.validation.append(loss)

    @torch.no_grad()
    def _validation_loss(self) -> float:
        self._model.eval()
        batches = cut(np.arange(len(self._validation)), self._training.batch_size)
        rows = [own for own in (sharing.share(self._fabric, batch) for batch in batches) if own]
        batches = zip(rows, self._load(self._validation, rows), strict=True)
        losses = [self._settings.loss(self._model, batch) * len(some) for some, batch in batches]
        total = torch.stack(losses).sum() if losses else torch.zeros(())
        return float(sharing.total(self._fabric, total)) / len(self._validation)

    def _finite(self, loss: float) -> float:
        if not math.isfinite(loss):
            raise UserError(f"the training loss is {loss} after {self.at.step} steps; lower training.learning_rate")
        return loss

    def finish(self) -> None:
        """Leave the network as the training ends: where there is patience, the best weights; on the CPU."""
        if self._best is not None:
            self._network.load_state_dict(self._best)
        self._network.cpu().eval()

    def state(self) -> dict[str, Any]:
        """Everything `restore` needs to go on as if nothing had happened; all processes must ask at once."""
        cuda = self._settings.device == "cuda"
        return {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "best": self._best,
            "random": sharing.from_all(self._fabric, torch.get_rng_state()),
            "random_cuda": sharing.from_all(self._fabric, torch.cuda.get_rng_state()) if cuda else None,
            "at": asdict(self.at),
        }

    def result(self) -> dict[str, Any]:
        """What `restore` needs of a training that is finished, a part of `state`: nothing is left to train."""
        return {"network": self._network.state_dict(), "optimizer": None, "at": asdict(self.at)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` or `result` gave."""
        self._network.load_state_dict(state["network"])
        self.at = Position(**{**state["at"], "curve": Curve(**state["at"]["curve"])})
        if state["optimizer"] is None:
            return
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]
        number = self._fabric.global_rank
        if number < len(state["random"]):  # it may have been kept by fewer processes
            torch.set_rng_state(state["random"][number])
            if state["random_cuda"] is not None:
                torch.cuda.set_rng_state(state["random_cuda"][number])
