"""NIMA's networks, a backbone and a head of ten scores, with weights in the layouts in which they were released.

Programs name layers as they like, but all have those of the backbone in its own order, and one layer with ten outputs.
What that layer reads tells how features become a vector: their mean, or, in the VGG-16 of the first of these programs,
a grid of 7x7 means.
"""

from collections.abc import Mapping
from math import isqrt
from pathlib import Path

import timm
import torch
from torch import nn
from torchvision.models import get_model, mobilenet_v2, vgg16
from torchvision.ops import Conv2dNormActivation

from features.parts import checkpoints
from pipeline.base.errors import UserError

SCORES = 10
CHANNELS = {
    "vgg16": 512,
    "mobilenet_v2": 1280,
    "inception_resnet_v2": 1536,
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "resnet101": 2048,
}
"""Numbers a place has in the last map of a backbone."""


class Nima(nn.Module):
    """Shares [b, 10] of the scores 1 to 10, from normalised pixels [b, 3, h, w]."""

    def __init__(self, backbone: str, grid: int = 1):
        """`backbone`, whose last map is averaged in `grid` x `grid` places."""
        super().__init__()
        self.body = _body(backbone)
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.head = nn.Linear(CHANNELS[backbone] * grid**2, SCORES)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """As the class says."""
        places = self.pool(self.body(pixels))  # [b, c, g, g]
        return self.head(places.flatten(1)).float().softmax(dim=1)  # [b, 10]


def build(backbone: str, file: Path | None, seed: int, where: str) -> Nima:
    """The network, float32 on the CPU, ready to use; random weights are drawn from `seed`.

    Raises `UserError`, at the key `where`, if the file holds no weights of NIMA with that backbone.
    """
    if file is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Nima(backbone)
        checkpoints.draw(network, seed, kinds=(nn.Conv2d, nn.Linear))
    else:
        with torch.device("meta"):
            network = Nima(backbone, _grid(backbone, file, where))
        checkpoints.load(network, file, where, f"NIMA with {backbone}", renamed=lambda state: in_order(state, network))
    return network.float().eval().requires_grad_(False)


def in_order(state: Mapping[str, torch.Tensor], network: Nima) -> dict[str, torch.Tensor]:
    """The weights of a file under our names. Raises `ValueError` where a shape or a kind of tensor differs."""
    head = _head(state)
    theirs = {key: tensor for key, tensor in state.items() if not key.startswith(f"{head}.") and not _counts(key)}
    ours = {key: tensor for key, tensor in network.state_dict().items() if key.startswith("body.")}
    ordered = [key for key in ours if not _counts(key)]
    if len(theirs) != len(ordered):
        raise ValueError(f"{len(theirs)} tensors beside those of {head} for {len(ordered)}")
    for (key, tensor), name in zip(theirs.items(), ordered, strict=True):
        if tensor.shape != ours[name].shape or key.rpartition(".")[2] != name.rpartition(".")[2]:
            raise ValueError(f"{key} {list(tensor.shape)} is not {name} {list(ours[name].shape)}")
    counts = {key: torch.tensor(0) for key in ours if _counts(key)}  # older files have none, and none is needed
    ends = {f"head.{end}": state[f"{head}.{end}"] for end in ("weight", "bias")}
    return {**dict(zip(ordered, theirs.values(), strict=True)), **counts, **ends}


def _counts(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _head(state: Mapping[str, torch.Tensor]) -> str:
    """The name of the layer that gives scores. Raises `ValueError` where there is not one."""
    found = [key for key, tensor in state.items() if tensor.ndim == 2 and len(tensor) == SCORES]
    names = [key.removesuffix(".weight") for key in found if f"{key.removesuffix('.weight')}.bias" in state]
    if len(names) != 1:
        raise ValueError(f"{len(names)} layers with {SCORES} outputs and not one")
    return names[0]


def _grid(backbone: str, file: Path, where: str) -> int:
    """Places of a side of the grid that the head of a file reads."""
    try:
        state = checkpoints.read(file)
        inputs = state[f"{_head(state)}.weight"].shape[1]
        grid = isqrt(inputs // CHANNELS[backbone])
        if CHANNELS[backbone] * grid**2 != inputs:
            raise ValueError(f"its scores are made of {inputs} numbers")
    except Exception as error:  # unpicklers raise whatever they like on foreign files
        told = checkpoints.short(error)
        raise UserError(f"{where}: {file} does not hold weights of NIMA with {backbone}: {told}") from None
    return grid


def _body(backbone: str) -> nn.Module:
    """A backbone up to its last map."""
    if backbone == "vgg16":
        return vgg16(init_weights=False).features
    if backbone == "mobilenet_v2":
        return _mobilenet()
    if backbone == "inception_resnet_v2":
        return timm.create_model(backbone, num_classes=0, global_pool="")
    return nn.Sequential(*list(get_model(backbone).children())[:-2])


def _mobilenet() -> nn.Module:
    """As it was released for NIMA: its first block expands as well, and its ends are not cut off at 6."""
    layers = mobilenet_v2().features
    layers[1].conv.insert(0, Conv2dNormActivation(32, 32, kernel_size=1, activation_layer=nn.ReLU6))
    layers[0][2], layers[-1][2] = nn.ReLU(inplace=True), nn.ReLU(inplace=True)
    return layers
