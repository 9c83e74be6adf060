"""What the processes that train a network together share out and add up; alone, one has and is all of it.

The gradients of a batch are sums over its rows, so that those of shares add up to those of the whole, as far as numbers
are rounded alike. Ours: nothing but dropout draws at random in a step, and each process draws its own.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from models.parts.processes import Alone


def by_rows(network: nn.Module, loss: Any) -> bool:
    """Whether the loss of a batch is the mean of its rows', whatever the others are: processes can then share it."""
    norms = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    return not (norms or getattr(loss, "compares_rows", False))


def share(fabric: "Fabric | Alone", batch: list[int]) -> list[int]:
    """The rows of a batch that are this process's; none where there are more processes than rows."""
    if fabric.world_size == 1:
        return batch
    return np.array_split(np.asarray(batch), fabric.world_size)[fabric.global_rank].tolist()


@torch.no_grad()
def begin_alike(fabric: "Fabric | Alone", network: nn.Module) -> None:
    """Give each process the first one's weights: machines may round what they draw differently."""
    if fabric.world_size > 1:
        for tensor in network.state_dict().values():
            first = tensor.contiguous()
            distributed.broadcast(first, 0)
            tensor.copy_(first)


def total(fabric: "Fabric | Alone", own: Tensor) -> Tensor:
    """The sum over processes."""
    own = own.to(fabric.device)
    if fabric.world_size > 1:
        distributed.all_reduce(own)
    return own


def add_gradients(fabric: "Fabric | Alone", network: nn.Module) -> None:
    """Give each process the sum of all gradients, and none to a parameter that no process has one of."""
    if fabric.world_size == 1:
        return
    parameters = [p for p in network.parameters() if p.requires_grad]
    there = torch.tensor([float(p.grad is not None) for p in parameters], device=fabric.device)
    own = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
    *sums, there = total(fabric, torch.cat([*own, there])).split([*map(len, own), len(there)])
    for parameter, gradient, some in zip(parameters, sums, there.tolist(), strict=True):
        parameter.grad = gradient.view_as(parameter) if some else None


def from_all(fabric: "Fabric | Alone", own: Tensor) -> list[Tensor]:
    """What each process has."""
    tensors = [own] * fabric.world_size
    if fabric.world_size > 1:
        distributed.all_gather_object(tensors, own)
    return tensors
