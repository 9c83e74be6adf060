"""The processes that train a network together, each on a device of its own.

Lightning Fabric starts the stage once more for each further device of this machine; on other machines people start it.
All come to the same training with the same rows and first weights, and `models.parts.loop` gives each its share of
every batch. What one writes counts, the first one's.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_JOINED: ContextVar["Fabric | None"] = ContextVar("processes that train together", default=None)


@contextmanager
def joined(device: str, *, devices: int, nodes: int = 1) -> Iterator[bool]:
    """Let networks inside learn on so many devices of each of so many machines; whether this process is the first."""
    if devices * nodes == 1:
        yield True
        return
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment
    from lightning_fabric.strategies import DDPStrategy
    from torch import distributed

    class Bare(DDPStrategy):
        """Networks as they are: PyTorch's wrapper takes the mean over processes, and each must have all gradients."""

        def setup_module(self, module: Any) -> Any:
            return module

    together = Fabric(
        accelerator=device,
        devices=devices,
        num_nodes=nodes,
        strategy=Bare(),
        precision=_precision(device),
        plugins=[LightningEnvironment()],
    )
    together.launch()
    if together.local_rank:
        threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    token = _JOINED.set(together)
    try:
        yield together.global_rank == 0
        together.barrier()
        distributed.destroy_process_group()
    finally:
        _JOINED.reset(token)


def _end_with(parent: int) -> None:
    """End this process soon after the one that started it, however that ended: its answers are waited for in vain."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def rank() -> int:
    """Number of this process among those joined, from 0."""
    together = _JOINED.get()
    return together.global_rank if together else 0


def told(first: Any) -> Any:
    """What the first process says; all must ask at once."""
    together = _JOINED.get()
    return together.broadcast(first) if together else first


class Alone:
    """One process in full precision, as Fabric has it, which takes seconds to import and would change nothing."""

    world_size, global_rank = 1, 0

    def __init__(self, device: str):
        """On a device as PyTorch names it."""
        import torch

        self.device = torch.device(device)

    def setup(self, network: Any, optimizer: Any) -> tuple[Any, Any]:
        """Both, the network on its device."""
        return network.to(self.device), optimizer

    def backward(self, loss: Any) -> None:
        """Add the gradients of a loss to those that parameters have."""
        loss.backward()


def fabric(device: str, *, alone: bool) -> "Fabric | Alone":
    """What a training runs on: all processes joined, or this one, `alone` or since there is no other."""
    together = _JOINED.get()
    if together and not alone:
        return together
    if device != "cuda":
        return Alone(device)
    from lightning_fabric import Fabric

    devices = [together.local_rank] if together else 1
    return Fabric(accelerator=device, devices=devices, precision=_precision(device))


def _precision(device: str) -> Any:
    return "bf16-mixed" if device == "cuda" else "32-true"
