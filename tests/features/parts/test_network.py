"""What every feature made by a network refuses."""

import pytest

from features.base import discover, feature_class
from features.parts.network import OfNetwork
from pipeline.base.errors import UserError
from tests.features.entries import make

NEEDED = {"clip_image": {"encoder": "tiny-vit"}, "clip_text": {"encoder": "tiny-text"}}
NEEDED |= {name: {"network": "mobilenetv3_small_050"} for name in ("timm_image", "timm_regions")}
NETWORKS = [name for name in discover() if issubclass(feature_class(name), OfNetwork)]


def test_there_are_such_features():
    assert {
        "clip_image",
        "clip_text",
        "efficientnet",
        "inception",
        "timm_image",
        "timm_regions",
        "vgg",
        "vgg_regions",
    } <= set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [0, -1])
def test_batches_have_at_least_one_picture(name, size):
    needed = {"encoder": "folder"} if name == "bert" else {"pretrained": None, **NEEDED.get(name, {})}
    with pytest.raises(UserError, match=rf"^features\.{name}\.batch_size: {size} cannot be; give 1 or more, or null"):
        make(name, {**needed, "batch_size": size})
    assert feature_class(name)(**needed, batch_size=1).batch_size == 1
    assert feature_class(name)(**needed).batch_size > 1
