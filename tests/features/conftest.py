"""Frames of posts, and tiny CLIP models in the key layouts that checkpoints come in."""

import json
import warnings

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

TINY = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 5, "vocab_size": 11, "width": 8, "heads": 2, "layers": 1},
}
TINY_TEXT = {**TINY, "text_cfg": {**TINY["text_cfg"], "context_length": 9, "vocab_size": 49408}}
"""With the vocabulary of OpenAI's tokenizer."""
TINY_RESNET = {**TINY, "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}}


@pytest.fixture
def posts():
    """Seven posts on consecutive days from a Monday, with gaps in every column."""
    return pd.DataFrame(
        {
            "post_id": [f"p{i}" for i in range(7)],
            "followers": [10.0, 20.0, np.nan, 40.0, 50.0, 60.0, 70.0],
            "is_pro": [0.0, 1.0, 1.0, np.nan, 0.0, 0.0, 1.0],
            "posted_at": pd.to_datetime([f"2024-01-0{d}T23:30:00Z" for d in range(1, 7)] + [None], utc=True),
            "category": ["b", "a", "b", None, "a", "c", "ü"],
            "subcategory": ["x"] * 6 + [None],
        }
    )


@pytest.fixture(scope="session", autouse=True)
def tiny_models(tmp_path_factory):
    """Registers tiny-vit, tiny-vit-quickgelu and tiny-resnet with open_clip."""
    folder = tmp_path_factory.mktemp("configs")
    configs = {
        "tiny-vit": TINY,
        "tiny-vit-quickgelu": {**TINY, "quick_gelu": True},
        "tiny-resnet": TINY_RESNET,
        "tiny-text": TINY_TEXT,
    }
    configs["tiny-text-quickgelu"] = {**TINY_TEXT, "quick_gelu": True}
    configs["tiny-text-custom"] = {**TINY_TEXT, "custom_text": True}
    for name, config in configs.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


@pytest.fixture
def model():
    """A function that gives open_clip's own tiny model with random weights drawn with a seed."""

    def make(name="tiny-vit", seed=1):
        torch.manual_seed(seed)
        return open_clip.create_model(name, pretrained_text=False).eval()

    return make


def save(model, path, layout):
    """Write a checkpoint as one of those who publish them do."""
    state = model.state_dict()
    if layout == "open_clip":
        torch.save(state, path)
    elif layout == "training":
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)
    elif layout == "safetensors":
        save_file({k: v.contiguous() for k, v in state.items()}, path)
    elif layout == "openai":
        size, length, words = (torch.tensor(n) for n in (32, 5, 11))
        torch.save({**state, "input_resolution": size, "context_length": length, "vocab_size": words}, path)
    elif layout == "torchscript":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # TorchScript is on its way out, such files are not
            torch.jit.script(_Holder(model)).save(str(path))
    return path


@pytest.fixture
def checkpoint():
    """The writer of checkpoints above."""
    return save


@pytest.fixture
def hub_folder(tmp_path):
    """A function that writes a model into a folder as the hub has them."""

    def write(model, config=None, name="open_clip_model.safetensors", **preprocess):
        folder = tmp_path / "hub"
        folder.mkdir(exist_ok=True)
        (folder / "open_clip_config.json").write_text(
            json.dumps({"model_cfg": config or TINY, "preprocess_cfg": preprocess})
        )
        save(model, folder / name, "safetensors" if name.endswith("safetensors") else "open_clip")
        return folder

    return write


class _Holder(torch.nn.Module):
    """Parameters under the names of a model's, in a module TorchScript can compile."""

    def __init__(self, model=None):
        super().__init__()
        for name, value in {} if model is None else model.state_dict().items():
            module = self
            *path, leaf = name.split(".")
            for part in path:
                if part not in module._modules:
                    module.add_module(part, _Holder())
                module = module._modules[part]
            module.register_buffer(leaf, value)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x
