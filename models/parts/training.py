"""Training and predicting with a network, the same for all: seeds, progress, checkpoints, resuming.

A network takes every entry of a batch but `y` as a keyword argument. A loss is a function of network and
batch, so that a ranker can call its network on positives and on negatives.
"""

import hashlib
import logging
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.parts import live, processes
from models.parts.batches import Batch, Data, cut, inputs, load
from models.parts.loop import Curve, Loss, Run, Settings, Training
from pipeline.base.errors import UserError
from pipeline.storage import store

log = logging.getLogger(__name__)


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
    training: Training = Training(),
    *,
    loss: Loss = squared_error,
    seed: int = 0,
    device: str = "cpu",
    workers: int = 0,
    checkpoint: Path | None = None,
    label: str = "training",
) -> Curve:
    """Train `network` in place, as `training` says; it is left on the CPU in evaluation mode.

    `validation` (None or empty: no validation losses, and nothing to stop on) is what it stops on. `checkpoint`
    is a folder for the state at each validation, taken up again by the same training, and for the weights at the
    end, which the same training returns at once: whoever gives the folder removes it. `label` stands on the
    progress bar; `Settings` says the rest.

    Returns the loss curve. Raises `UserError` where the loss is no longer a number, or where there is patience
    and nothing to validate on.
    """
    check_stopping(training, validation)
    settings = Settings(training=training, loss=loss, seed=seed, device=device, workers=workers)
    file = checkpoint / f"{_key(network, train, validation, settings)}.pt" if checkpoint else None
    first = processes.rank() == 0
    with seeded(seed + (processes.rank() << 32), device), few_threads(network):  # dropout is each process's own
        run = Run(network, train, validation, settings)
        if state := processes.told(_kept(file) if first else None):
            run.restore(state)
            log.info("%s: going on from step %d", label, run.at.step)
        epochs = {"total": training.epochs, "initial": run.at.epoch, "unit": "epoch"}
        live.begin()
        with tqdm(desc=label, **epochs, leave=False, disable=None if first else True) as bar:
            while run.at.epoch < training.epochs and not run.stopped:
                for _ in run.epoch():
                    live.tell(*run.at.curve.last())
                    if file:
                        _save(run.state(), file, first)
                bar.update()
    run.finish()
    if file:
        _save(run.result(), file, first)
    return run.at.curve


@torch.no_grad()
def predict_network(
    network: nn.Module, data: Data, *, batch_size: int = 1024, device: str = "cpu", workers: int = 0
) -> np.ndarray:
    """Outputs [n, ...] of the network in evaluation mode, float32."""
    network.to(device).eval()
    batches = load(data, cut(np.arange(len(data)), batch_size), device, workers)
    # In float32 on any device: bf16 has steps of .03 between 4 and 8, where most targets lie.
    with few_threads(network), torch.autocast(device, enabled=False):
        outputs = [network(**inputs(batch)).float().cpu() for batch in batches]
    network.cpu()
    return torch.cat(outputs).numpy() if outputs else np.empty(0, dtype=np.float32)


def check_stopping(training: Training, validation: Sized | None) -> None:
    """Raise `UserError` where a training is to stop early and has no validation rows to stop on."""
    if training.patience is not None and not (validation is not None and len(validation)):
        raise UserError("training.patience: needs a validation part; give split.ratios one or set it to null")


def _kept(file: Path | None) -> dict[str, Any] | None:
    return torch.load(file, map_location="cpu", weights_only=True) if file and file.exists() else None


def _save(state: dict[str, Any], file: Path, first: bool) -> None:
    if not first:
        return
    with store.atomic(file) as temporary:
        torch.save(state, temporary)


def _key(network: nn.Module, train: Data, validation: Data | None, settings: Settings) -> str:
    """Name of a training's state: another start, other data or other settings are another training."""
    told = {**vars(settings), "loss": settings.loss.__qualname__, "workers": None}
    # Its print names what has no weights: dropout, ablations.
    parts = [part.digest() if part is not None and len(part) else None for part in (train, validation)]
    digest = hashlib.sha256(repr((repr(network), told, parts)).encode())
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:32]
