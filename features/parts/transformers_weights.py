"""Encoders of texts of Hugging Face's transformers, from a folder in the hub's layout or from the hub."""

from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import snapshot_download

from features.parts.checkpoints import short
from pipeline.base.code import hash_file
from pipeline.base.errors import UserError

SMALL = ("*.json", "*.txt", "*.model")
"""Descriptions and vocabularies."""
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""Best first."""
UNUSED = ("pooler.",)
"""Beginnings of keys of layers whose output is not read; a checkpoint may lack them."""


def find(encoder: str, key: str) -> Path:
    """The folder that `encoder` names: one that is there, or a repository, fetched into the hub's own cache.

    Raises `UserError`, at the entry `key`, where there is none with a description and weights.
    """
    folder = Path(encoder)
    if not folder.is_dir():
        if folder.is_absolute() or encoder.startswith("."):
            raise UserError(f"{key}.encoder: {encoder}: no such folder")
        folder = _fetched(encoder, key)
    if not (folder / "config.json").is_file() or not _weights(folder):
        raise UserError(f"{key}.encoder: {folder} needs config.json and weights ({', '.join(WEIGHTS)})")
    return folder


def _fetched(repository: str, key: str) -> Path:
    try:
        for weights in WEIGHTS:
            folder = Path(snapshot_download(repository, allow_patterns=[*SMALL, weights]))
            if _weights(folder):
                break
    except Exception as error:  # whatever the network raises
        told = f"no folder '{repository}', and the hub did not give it: {short(error)}"
        raise UserError(f"{key}.encoder: {told}") from None
    return folder


def _weights(folder: Path) -> list[Path]:
    return next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])


def fingerprint(folder: Path) -> dict[str, str]:
    """Hashes of the files that decide the values, by their names."""
    small = [path for pattern in SMALL for path in folder.glob(pattern)]
    return {path.name: hash_file(path) for path in sorted([*small, *_weights(folder)])}


def config(folder: Path, key: str) -> Any:
    """The description of an encoder. Raises `UserError` where it is of another kind of network."""
    try:
        described = transformers.AutoConfig.from_pretrained(folder)
        width = described.hidden_size
    except Exception as error:  # whatever is wrong with somebody's file
        raise UserError(f"{key}.encoder: {folder} describes no encoder of texts: {short(error)}") from None
    if described.is_encoder_decoder or not isinstance(width, int):
        raise UserError(f"{key}.encoder: {folder} describes a {described.model_type}, which is no encoder alone")
    return described


def tokenizer(folder: Path, key: str) -> Any:
    """What makes tokens of texts. Raises `UserError` where the folder has none."""
    try:
        return transformers.AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # whatever is wrong with somebody's file
        raise UserError(f"{key}.encoder: {folder} has no tokenizer: {short(error)}") from None


def build(folder: Path, key: str) -> torch.nn.Module:
    """The encoder, in float32 on the CPU, ready to use. Raises `UserError` where the weights are not its own."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        options = {"dtype": torch.float32, "output_loading_info": True}
        network, found = transformers.AutoModel.from_pretrained(folder, **options)
    except Exception as error:  # whatever is wrong with somebody's file
        raise UserError(f"{key}.encoder: {folder} does not hold weights: {short(error)}") from None
    lacking = sorted(name for name in found["missing_keys"] if not name.startswith(UNUSED))
    if lacking:
        more = f" and {len(lacking) - 1} more" * (len(lacking) > 1)
        raise UserError(f"{key}.encoder: {folder} does not hold its weights: it lacks {lacking[0]}{more}")
    return network.eval().requires_grad_(False)
