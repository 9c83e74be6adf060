"""Every preset on posts with every canonical column: bound, its weights looked up and fitted, everything planned.

Only what would go over the network is replaced: the downloads of open_clip, timm and torchvision, which give files of
zeros in the layout of the real ones, and that of transformers, which gives a small encoder.
"""

import json
import shutil
import zipfile
from pathlib import Path

import open_clip
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from features.parts import timm_weights, transformers_weights
from pipeline import plan
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.readers.base import CANONICAL
from pipeline.readers.parts.links import TABLES
from pipeline.storage import store
from tests.features import berts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PRESETS = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))
VALUES = {
    **dict.fromkeys(("id", "string", "path"), ("a", "b")),
    **dict.fromkeys(("bool", "count", "measure"), (1.0, 0.0)),
    "tags": ("a b", "c"),
    "comments": (["a"], []),
    "time": tuple(pd.to_datetime(["2024-05-01T18:30:00Z", "2024-05-02T18:30:00Z"])),
}
"""Two values of each kind of column."""
RN101 = "timm/resnet101_clip.openai"
INCEPTION = "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth"
VGG = "https://download.pytorch.org/models/vgg16-397923af.pth"
VIT = "timm/vit_base_patch32_clip_224.openai"
SWIN = "timm/swin_base_patch4_window7_224.ms_in22k_ft_in1k"
INCEPTION_V4 = "timm/inception_v4.tf_in1k"
RESNET = "timm/resnet50.a1_in1k"
BERT = "google-bert/bert-base-uncased"
NETWORKS = {
    **{RN101: "RN101-quickgelu", VIT: "ViT-B-32-quickgelu", INCEPTION: "inception_v3", VGG: "vgg16"},
    **{SWIN: "swin_base_patch4_window7_224", INCEPTION_V4: "inception_v4", RESNET: "resnet50"},
    BERT: "bert",
}
"""What can be fetched: a repository of the hub or an address, and the network whose weights it gives."""
FETCHES = {
    **{"xgb-clip": {RN101}, "picture-or-words": {INCEPTION}, "uhan": {VGG}, "uhan-released": {VGG}},
    **{"dsn": {VIT, SWIN, BERT, RESNET}, "dsn-ratios": {VIT}, "dsn-released": {VIT}},
    "amnl": {INCEPTION_V4},
}
VECTORS = {
    "picture-or-words": ("glove.twitter.27B.zip", "glove.twitter.27B.{}d.txt", (25, 50, 100, 200)),
    "uhan": ("glove.6B.zip", "glove.6B.{}d.txt", (50, 100, 200, 300)),
    "amnl": ("glove.6B.zip", "glove.6B.{}d.txt", (50, 100, 200, 300)),
    "uhan-released": ("glove.6B.zip", "glove.6B.{}d.txt", (50, 100, 200, 300)),
}
"""GloVe's archives, as Stanford offers them: name, names within, dimensions."""


def zeros(network):
    """The weights of a network that lies on the device `meta`: zeros, in its own layout."""
    return {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in network.state_dict().items()}


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """What was fetched over the network; anything but `NETWORKS` ends the test."""
    asked: list[str] = []

    def from_hub(repo_id, filename, **_):
        asked.append(repo_id)
        file = tmp_path / "hub" / repo_id / filename
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with torch.device("meta"):
                network = open_clip.CLIP(**open_clip.get_model_config(NETWORKS[repo_id]))
            save_file(zeros(network), file)
        return str(file)

    def of_timm(repo_id, filename):
        asked.append(repo_id)
        file = tmp_path / repo_id / filename
        file.parent.mkdir(parents=True, exist_ok=True)
        if filename == timm_weights.CONFIG:
            file.write_text(json.dumps({"architecture": NETWORKS[repo_id]}))
        elif not file.exists():
            with torch.device("meta"):
                network = timm.create_model(NETWORKS[repo_id])
            save_file(zeros(network), file)
        return str(file)

    def whole(repo_id, **_):
        asked.append(repo_id)
        return str(berts.write(tmp_path / "bert", NETWORKS[repo_id]))

    def from_url(url, dst, *_, **__):
        asked.append(url)
        with torch.device("meta"):
            network = get_model(NETWORKS[url], init_weights=False)
        torch.save(zeros(network), dst)

    monkeypatch.setattr(open_clip.pretrained, "hf_hub_download", from_hub)
    monkeypatch.setattr(timm_weights, "hf_hub_download", of_timm)
    monkeypatch.setattr(transformers_weights, "snapshot_download", whole)
    monkeypatch.setattr(torch.hub, "download_url_to_file", from_url)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return asked


@pytest.fixture
def planned(tmp_path, monkeypatch, downloads):
    """`planned(preset)`: plan it, unchanged, in a project with posts and vectors; its params and plans."""

    def run(preset):
        monkeypatch.chdir(tmp_path)
        paths = Paths(tmp_path)
        shutil.copy(ROOT / f"presets/{preset}.yaml", paths.params)
        p = params.load(paths.params)
        columns = {name: VALUES[kind] for name, kind in CANONICAL.items()}
        if p.dataset.reader == "sample":  # its expectations are known
            columns |= {f"expected_{transform}_{target}": [1.0, 2.0] for target, transform in p.dataset.targets.items()}
        store.write_frame(paths.posts, pd.DataFrame({**columns, **{key: [1.0, 2.0] for key in p.dataset.targets}}))
        for name, kinds in TABLES.items():
            store.write_frame(getattr(paths, name), pd.DataFrame({column: ["a"] for column in kinds}))
        if preset in VECTORS:
            write_vectors(tmp_path / "data/weights", *VECTORS[preset])
        plan.main(paths)
        names = [("features", name) for name in p.features] + [("systems", name) for name in p.systems]
        return p, {name: store.read_json(paths.plan(*name)) for name in names}

    return run


def write_vectors(folder, archive, name, dimensions):
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / archive, "w") as file:
        for d in dimensions:
            file.writestr(name.format(d), "word" + " 0.5" * d + "\n")


@pytest.mark.parametrize("preset", PRESETS)
def test_everything_of_a_preset_can_run(planned, downloads, preset):
    p, plans = planned(preset)
    assert plans
    assert {name: plan["why"] for name, plan in plans.items() if not plan["run"] or plan["why"]} == {}
    assert set(downloads) == FETCHES.get(preset, set())
    assert any(entry.arguments.get("pretrained") for entry in p.features.values()) == (preset in FETCHES)


def test_weights_that_do_not_fit_end_the_plan(planned, monkeypatch):
    monkeypatch.setitem(NETWORKS, VGG, "vgg11")
    with pytest.raises(UserError, match=r"features\.vgg_regions\.pretrained: .* does not hold weights of vgg16"):
        planned("uhan")


def test_vectors_that_are_not_there_end_the_plan(planned, monkeypatch):
    monkeypatch.delitem(VECTORS, "uhan")
    with pytest.raises(UserError, match=r"features\.glove\.vectors: data/weights/glove\.6B\.zip: no such file"):
        planned("uhan")
