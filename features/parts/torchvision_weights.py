"""Weights of torchvision's networks from where they lie: a file, torchvision's own by name, or a seed.

A file in torchvision's key layout is one of its downloads, or anything trained on from them; what leads from
the features to classes may be missing or of another size. Never is one taken in place of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from torch.hub import get_dir, load_state_dict_from_url
from torchvision.models import WeightsEnum, get_model_weights

from features.parts import checkpoints
from features.parts.checkpoints import SUFFIXES
from pipeline.base.code import hash_file
from pipeline.base.errors import UserError

STANDARD = "IMAGENET1K_V1"
"""Of whose pixels files and random weights are taken to be, unless told otherwise."""
CLASSIFIERS = ("fc.", "classifier.", "AuxLogits.")
"""Beginnings of the keys that lead from features to classes; they are not read."""


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
        return None if self.file is None else hash_file(self.file)


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


def of_file(network: str, pretrained: str | None, key: str) -> Source:
    """The file that `pretrained` names, or random weights; for what torchvision has no weights of."""
    return Source(network, get_model_weights(network)[STANDARD], checkpoints.file_of(pretrained, key))


def _unknown(name: str, known: Any, network: str) -> str:
    return f"no weights '{name}' of {network} in torchvision; it has {', '.join(known.__members__)}"


def _fetched(weights: WeightsEnum, key: str) -> Path:
    """The file in the hub's own cache, checked against the hash in its name when it is downloaded."""
    file = Path(get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    if not file.is_file():
        try:
            load_state_dict_from_url(weights.url, map_location="cpu", progress=False, check_hash=True)
        except Exception as error:  # whatever the network raises
            raise UserError(
                f"{key}.pretrained: cannot fetch {weights.url} ({checkpoints.short(error)}); name a file"
            ) from None
    return file


def fill(network: nn.Module, source: Source, seed: int, key: str, without: Sequence[str] = CLASSIFIERS) -> nn.Module:
    """Give a network on the device `meta` its weights, on the CPU, ready to use.

    Keys of the file that begin with one of `without` are not read. Raises `UserError` where those of the file are not
    its weights.
    """
    if source.file is None:
        checkpoints.draw(network.to_empty(device="cpu"), seed, kinds=(nn.Conv2d, nn.Linear))
    else:
        checkpoints.load(network, source.file, f"{key}.pretrained", source.network, without=without)
    return network.float().eval().requires_grad_(False)
