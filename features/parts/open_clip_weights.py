"""Encoders of open_clip, both towers, from where their weights lie: a file, a folder in the hub's layout, the hub.

In that order, the first that `pretrained` names, never one in place of another; null means random weights.
"""

import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import open_clip
import torch
from open_clip import factory, pretrained
from open_clip.convert import convert_state_dict
from open_clip.model import (
    _build_text_tower,
    _build_vision_tower,
    convert_to_custom_text_state_dict,
    resize_pos_embed,
)
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from features.parts.checkpoints import short
from pipeline.base.code import hash_file
from pipeline.base.errors import UserError
from pipeline.storage import store

CONFIG = "open_clip_config.json"
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
    "pytorch_model.bin",
)
"""Names that weights have in a folder of the hub's layout, best first."""
SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")
OPENAI_KEYS = {"input_resolution", "context_length", "vocab_size"}
"""Entries that only checkpoints as OpenAI released them have; those were trained with QuickGELU."""


@dataclass(frozen=True)
class Source:
    """Where one encoder comes from."""

    key: str
    """The entry of params.yaml that asks for it."""
    encoder: str
    config: dict[str, Any]
    """open_clip's description of the model."""
    weights: Path | None = None
    """File of the weights; None for random ones."""
    preprocess: dict[str, Any] = field(default_factory=dict)
    """What the source says of the pixels it was trained on."""
    resize: bool = False
    """Whether position embeddings may be interpolated to the image size."""
    schema: str | None = None
    """Where open_clip finds the tokenizer; None for that of the encoder it knows by this name."""

    def preprocessing(self) -> PreprocessCfg:
        """How pixels become the encoder's input."""
        size = self.config["vision_cfg"].get("image_size", 224)
        size = tuple(size) if isinstance(size, list | tuple) else (size, size)
        return PreprocessCfg(
            **merge_preprocess_dict(merge_preprocess_dict(PreprocessCfg(), self.preprocess), {"size": size})
        )

    def fingerprint(self, seed: int) -> dict[str, Any]:
        """What decides the encoder: its weights, and the libraries that run it."""
        return {
            "weights": f"random, seed {seed}" if self.weights is None else hash_file(self.weights),
            "libraries": {"open_clip": open_clip.__version__, "torch": torch.__version__},
        }


def find(encoder: str, weights: str | None, key: str, image_size: int | None = None) -> Source:
    """The source that `weights` names: null, a file, a folder, a tag of open_clip or `organisation/repository`.

    `key` is the entry of params.yaml. Raises `UserError` where there is none, or where it is of another model than
    `encoder`.
    """
    config = open_clip.get_model_config(encoder)
    source = _find(encoder, config, weights, key)
    if image_size is None:
        return source
    vision = {**source.config["vision_cfg"], "image_size": image_size}
    return replace(source, config={**source.config, "vision_cfg": vision}, resize=True)


def _find(encoder: str, config: dict[str, Any] | None, weights: str | None, key: str) -> Source:
    if weights is not None:
        path = Path(weights)
        if path.is_dir():
            return _in_folder(encoder, config, path, key)
        if path.suffix in SUFFIXES or path.is_absolute() or weights.startswith("."):
            if not path.is_file():
                raise UserError(f"{key}.pretrained: {weights}: no such file or folder")
        elif "/" in weights and not path.is_file():
            return _on_hub(encoder, config, weights.removeprefix("hf-hub:"), key)
    if config is None:
        raise UserError(f"{key}.encoder: open_clip has no model '{encoder}'; python -m pydoc open_clip.list_models")
    if weights is None or Path(weights).is_file():
        return Source(key, encoder, config, None if weights is None else Path(weights))
    return _tagged(encoder, config, weights, key)


def _in_folder(encoder: str, config: dict[str, Any] | None, folder: Path, key: str) -> Source:
    found = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not (folder / CONFIG).is_file() or not found:
        raise UserError(f"{key}.pretrained: {folder} needs {CONFIG} and weights ({', '.join(WEIGHTS)})")
    return _described(encoder, config, folder / CONFIG, found[0], f"local-dir:{folder}", key)


def _on_hub(encoder: str, config: dict[str, Any] | None, repository: str, key: str) -> Source:
    try:
        files = [pretrained.download_pretrained_from_hf(repository, filename=f) for f in (CONFIG, None)]
    except Exception as error:  # whatever the network raises
        message = f"{key}.pretrained: no file or folder '{repository}', and the hub did not give it: {short(error)}"
        raise UserError(message) from None
    return _described(encoder, config, *map(Path, files), f"hf-hub:{repository}", key)


def _described(encoder: str, named: dict[str, Any] | None, file: Path, weights: Path, schema: str, key: str) -> Source:
    """A source that brings its own description, which must not be another model than the one named."""
    content, where = store.read_json(file), schema.partition(":")[2]
    found = content.get("model_cfg") if isinstance(content, dict) else None
    if not isinstance(found, dict) or not {"embed_dim", "vision_cfg"} <= found.keys():
        raise UserError(f"{key}.pretrained: {file} describes no model of open_clip")
    if named is not None:
        _check_quick_gelu(key, encoder, named, where, trained_with=bool(found.get("quick_gelu")))
        for part in ("embed_dim", "vision_cfg"):
            if named[part] != found[part]:
                raise UserError(f"{key}: {where} holds another model than {encoder}: {part} differs")
    return Source(key, encoder, found, weights, content.get("preprocess_cfg", {}), schema=schema)


def _tagged(encoder: str, config: dict[str, Any], tag: str, key: str) -> Source:
    known = pretrained.get_pretrained_cfg(encoder, tag)
    other = _other_activation(encoder)
    if not known and pretrained.get_pretrained_cfg(other, tag):
        raise UserError(f"{key}.pretrained: {encoder} has no tag '{tag}', {other} has; set encoder: {other}")
    if not known:
        tags = ", ".join(pretrained.list_pretrained_tags_by_model(encoder)) or "none"
        raise UserError(f"{key}.pretrained: no file, folder or tag '{tag}' of {encoder}; its tags: {tags}")
    _check_quick_gelu(key, encoder, config, f"tag '{tag}'", trained_with=bool(known.get("quick_gelu")))
    try:
        weights = pretrained.download_pretrained(known)
    except Exception as error:  # whatever the network raises
        raise UserError(f"{key}.pretrained: cannot fetch tag '{tag}': {short(error)}") from None
    return Source(key, encoder, config, Path(weights), known)


def _check_quick_gelu(key: str, encoder: str, config: dict[str, Any], where: Any, *, trained_with: bool) -> None:
    if bool(config.get("quick_gelu")) == trained_with:
        return
    how = "with" if trained_with else "without"
    other = _other_activation(encoder)
    raise UserError(f"{key}: {where} was trained {how} QuickGELU, unlike {encoder}; set encoder: {other}")


def _other_activation(encoder: str) -> str:
    suffix = "-quickgelu"
    return encoder.removesuffix(suffix) if encoder.endswith(suffix) else encoder + suffix


def build(source: Source, seed: int, tower: Literal["visual", "text"] = "visual") -> torch.nn.Module:
    """One tower, in float32 on the CPU, ready to use; raises `UserError` where the weights do not fit."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        network = _skeleton(source, tower)
        if source.weights is not None:
            _load(network, source, tower)
    return network.eval().requires_grad_(False)


def _skeleton(source: Source, tower: str) -> torch.nn.Module:
    width, quick_gelu = source.config["embed_dim"], bool(source.config.get("quick_gelu"))
    if tower == "visual":
        vision = {**source.config["vision_cfg"]}
        if "timm_model_name" in vision:
            vision["timm_model_pretrained"] = False
        return _build_vision_tower(width, vision, quick_gelu)
    text = {**source.config["text_cfg"]}
    if "hf_model_name" in text:
        text["hf_model_pretrained"] = False
    try:
        return _build_text_tower(width, text, quick_gelu)
    except Exception as error:  # towers of Hugging Face fetch their description
        raise UserError(
            f"{source.key}.encoder: cannot make the texts' part of {source.encoder}: {short(error)}"
        ) from None


def tokenizer(source: Source) -> Callable[[list[str]], torch.Tensor]:
    """What makes tokens [n, length] of texts. Raises `UserError` where it has to be fetched and cannot be."""
    try:
        return open_clip.get_tokenizer(source.schema or source.encoder)
    except Exception as error:  # whatever the network raises
        raise UserError(f"{source.key}.encoder: no tokenizer of {source.encoder}: {short(error)}") from None


def _load(network: torch.nn.Module, source: Source, tower: str) -> None:
    try:
        state = _read(source.weights)
        if OPENAI_KEYS & state.keys():
            _check_quick_gelu(source.key, source.encoder, source.config, source.weights, trained_with=True)
        model = SimpleNamespace(**{tower: network})
        state = convert_to_custom_text_state_dict(convert_state_dict(model, state))
        if source.resize:
            resize_pos_embed(state, model)
        prefix = f"{tower}."
        network.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    except UserError:
        raise
    except Exception as error:  # unpicklers raise whatever they like on foreign files
        message = f"{source.key}.pretrained: {source.weights} does not hold weights of {source.encoder}: {short(error)}"
        raise UserError(message) from None


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint: safetensors, a state dict, one within a training checkpoint, or TorchScript."""
    if zipfile.is_zipfile(path) and any("/code/" in name for name in zipfile.ZipFile(path).namelist()):
        return torch.jit.load(str(path), map_location="cpu").state_dict()
    return dict(factory.load_state_dict(str(path)))
