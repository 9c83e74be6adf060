"""What all kinds of weights share: a checkpoint is read without running code, and fills a network whole."""

import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from pipeline.base.errors import UserError

SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
WITHIN = ("state_dict", "model_state_dict", "model", "params")
"""Where training programs put the weights in a checkpoint."""


def file_of(pretrained: str | None, key: str) -> Path | None:
    """The file that `pretrained` names, None for none. Raises `UserError`, at the entry `key`, if it is not there."""
    if pretrained is not None and not Path(pretrained).is_file():
        raise UserError(f"{key}.pretrained: {pretrained}: no such file")
    return None if pretrained is None else Path(pretrained)


def read(file: Path) -> Mapping[str, torch.Tensor]:
    """The tensors of a checkpoint: safetensors, a state dict, or one within what a training program saved."""
    if file.suffix == ".safetensors":
        return load_file(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles of other versions
        state = torch.load(file, map_location="cpu", weights_only=True)
    state = next((state[name] for name in WITHIN if isinstance(state.get(name), Mapping)), state)
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def load(
    network: nn.Module,
    file: Path,
    where: str,
    what: str,
    *,
    without: Sequence[str] = (),
    renamed: Callable[[Mapping[str, torch.Tensor]], Mapping[str, torch.Tensor]] = dict,
) -> None:
    """Give a network the weights of a file, `renamed`, but for keys that begin with one of `without`.

    Raises `UserError`, at the key `where`, if the file does not hold weights of `what`: all of them, and no others.
    """
    where = f"{where}: {file}"
    try:
        state = {key: tensor for key, tensor in renamed(read(file)).items() if not key.startswith(tuple(without))}
        found = network.load_state_dict(state, strict=False, assign=True)
    except Exception as error:  # unpicklers raise whatever they like on foreign files
        raise UserError(f"{where} does not hold weights of {what}: {short(error)}") from None
    wrong = {"lacks": found.missing_keys, "has besides": found.unexpected_keys}
    told = [
        f"it {how} {keys[0]}{f' and {len(keys) - 1} more' * (len(keys) > 1)}" for how, keys in wrong.items() if keys
    ]
    if told:
        raise UserError(f"{where} does not hold weights of {what}: {', '.join(told)}")


def draw(network: nn.Module, seed: int, kinds: tuple[type[nn.Module], ...] = (nn.Conv2d,)) -> None:
    """Random weights after He et al. 2015, whose outputs neither vanish nor overflow in a network this deep.

    Layers of other `kinds` keep theirs, but for batch norms, which begin anew. torchvision's own for Inception give
    features around 1e10 before any training, PyTorch's 1e-8.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in network.modules():
            if isinstance(layer, kinds):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d):
                layer.reset_parameters()


def short(error: Exception) -> str:
    """The first of what an error of a library says: it lists every key, or explains how to run what a file brings."""
    if isinstance(error, pickle.UnpicklingError):
        return "it holds more than tensors, or is damaged"
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
