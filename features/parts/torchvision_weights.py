"""Weights of torchvision's networks from where they lie: a file, torchvision's own by name, or a seed.

A file in torchvision's key layout is one of its downloads, or anything trained on from them; what leads from
the features to classes may be missing or of another size. Never is one taken in place of another.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from torch.hub import get_dir, load_state_dict_from_url
from torchvision.models import WeightsEnum, get_model_weights

from pipeline.base.errors import UserError

SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
STANDARD = "IMAGENET1K_V1"
"""Of whose pixels files and random weights are taken to be, unless told otherwise."""
CLASSIFIERS = ("fc.", "classifier.", "AuxLogits.")
"""Beginnings of the keys that lead from features to classes; they are not read."""
WITHIN = ("state_dict", "model_state_dict", "model")
"""Where training programs put the weights in a checkpoint."""


@dataclass(frozen=True)
class Source:
    """Where the weights of one network come from."""

    network: str
    """As torchvision names it."""
    pixels: WeightsEnum
    """Weights of torchvision whose normalisation these need."""
    file: Path | None = None
    """None for random weights."""

    def sha256(self) -> str | None:
        """Hash of the file."""
        if self.file is None:
            return None
        with self.file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find(network: str, pretrained: str | None, preprocessing: str | None, key: str) -> Source:
    """The source that `pretrained` names: null, a file, or a name of torchvision's, fetched if it is not there.

    `preprocessing` names weights of torchvision's, for a file that was trained on the pixels of others than
    `STANDARD`; `key` is the entry of params.yaml. Raises `UserError` where there is none.
    """
    known = get_model_weights(network)
    if preprocessing is not None and preprocessing not in known.__members__:
        raise UserError(f"{key}.preprocessing: {_unknown(preprocessing, known, network)}")
    pixels = known[preprocessing or STANDARD]
    if pretrained is None or Path(pretrained).is_file():
        return Source(network, pixels, None if pretrained is None else Path(pretrained))
    if Path(pretrained).suffix in SUFFIXES or "/" in pretrained:
        raise UserError(f"{key}.pretrained: {pretrained}: no such file")
    if pretrained not in known.__members__:
        raise UserError(f"{key}.pretrained: no file, and {_unknown(pretrained, known, network)}")
    if preprocessing is not None and pixels != known[pretrained]:
        raise UserError(f"{key}.preprocessing: {pretrained} was trained on its own pixels; remove {preprocessing}")
    return Source(network, known[pretrained], _fetched(known[pretrained], key))


def _unknown(name: str, known: Any, network: str) -> str:
    return f"no weights '{name}' of {network} in torchvision; it has {', '.join(known.__members__)}"


def _fetched(weights: WeightsEnum, key: str) -> Path:
    """The file in the hub's own cache, checked against the hash in its name when it is downloaded."""
    file = Path(get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    if not file.is_file():
        try:
            load_state_dict_from_url(weights.url, map_location="cpu", progress=False, check_hash=True)
        except Exception as error:  # whatever the network raises
            raise UserError(f"{key}.pretrained: cannot fetch {weights.url} ({_short(error)}); name a file") from None
    return file


def fill(network: nn.Module, source: Source, seed: int, key: str) -> nn.Module:
    """Give a network on the device `meta` its weights, on the CPU, ready to use.

    Raises `UserError` where those of the file are not its weights.
    """
    if source.file is None:
        draw(network.to_empty(device="cpu"), seed)
    else:
        _load(network, source, key)
    return network.float().eval().requires_grad_(False)


def draw(network: nn.Module, seed: int) -> None:
    """Random weights after He et al. 2015, whose outputs neither vanish nor overflow in a network this deep.

    torchvision's own for Inception give features around 1e10 before any training, PyTorch's 1e-8.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d):
                layer.reset_parameters()


def _load(network: nn.Module, source: Source, key: str) -> None:
    where = f"{key}.pretrained: {source.file}"
    try:
        state = {k: v for k, v in read(source.file).items() if not k.startswith(CLASSIFIERS)}
        found = network.load_state_dict(state, strict=False, assign=True)
    except Exception as error:  # unpicklers raise whatever they like on foreign files
        raise UserError(f"{where} does not hold weights of {source.network}: {_short(error)}") from None
    wrong = {"lacks": found.missing_keys, "has besides": found.unexpected_keys}
    told = [
        f"it {how} {keys[0]}{f' and {len(keys) - 1} more' * (len(keys) > 1)}" for how, keys in wrong.items() if keys
    ]
    if told:
        raise UserError(f"{where} does not hold weights of {source.network}: {', '.join(told)}")


def read(file: Path) -> Mapping[str, torch.Tensor]:
    """The tensors of a checkpoint: safetensors, a state dict, or one within what a training program saved."""
    if file.suffix == ".safetensors":
        return load_file(file)
    state = torch.load(file, map_location="cpu", weights_only=True)
    state = next((state[name] for name in WITHIN if isinstance(state.get(name), Mapping)), state)
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _short(error: Exception) -> str:
    """The first of what an error says; PyTorch lists every key."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
