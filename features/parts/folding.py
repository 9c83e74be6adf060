"""Networks that only encode: what batch norms do to the output of a convolution, the convolution does itself."""

import logging
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_weights

log = logging.getLogger(__name__)

SAME = 1e-3
"""Of the largest value: what rounding changes at most."""


def folded(network: nn.Module, encode: Callable[[nn.Module, Tensor], Tensor], pixels: Tensor) -> nn.Module:
    """A network in evaluation mode that gives what `network` gives, by fewer passes over memory.

    Every batch norm that stands behind a convolution in the same module is folded into it. What a network's code does
    between the two is not known, so both are asked by `encode` of `pixels` [b, 3, h, w]: where they differ by more than
    `SAME`, it is `network` itself.
    """
    if not _pairs(network):
        return network
    lighter = deepcopy(network)
    for parent, before, name, norm in _pairs(lighter):
        _take_in(before, norm)
        parent.add_module(name, _rest(norm))
    with torch.inference_mode():
        expected, found = encode(network, pixels), encode(lighter, pixels)
    if torch.allclose(found, expected, rtol=0, atol=SAME * float(expected.abs().max())):
        return lighter
    log.info("batch norms of this network stay as they are: without them it gives other values")
    return network


def _pairs(network: nn.Module) -> list[tuple[nn.Module, nn.Conv2d, str, nn.BatchNorm2d]]:
    """Convolutions with the norms behind them, the modules they stand in and the names of the norms there."""
    return [
        (parent, before, name, norm)
        for parent in network.modules()
        for (_, before), (name, norm) in pairwise(parent.named_children())
        if isinstance(before, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and _fits(before, norm)
    ]


def _fits(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> bool:
    """Whether a norm is of as many channels, and one that keeps what it learned."""
    return norm.track_running_stats and norm.num_features == convolution.out_channels


def _take_in(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    said = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    convolution.weight, convolution.bias = fuse_conv_bn_weights(convolution.weight, convolution.bias, *said)


def _rest(norm: nn.Module) -> nn.Module:
    """What a norm does after normalising: timm's have an activation in them."""
    return norm.act if isinstance(getattr(norm, "act", None), nn.Module) else nn.Identity()
