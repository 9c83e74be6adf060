"""NOTICE names the weights that features read from packages, as their metadata does."""

from importlib.metadata import version
from pathlib import Path

import pytest

from features.efficientnet import Efficientnet
from features.glove import Glove
from features.sentence import Sentence

NOTICE = (Path(__file__).parents[1] / "NOTICE").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "told",
    [
        lambda: Efficientnet().fingerprint()["weights"],
        lambda: Sentence().fingerprint()["weights"],
        lambda: Glove(vectors="package", dimensions=50).fingerprint()["pretrained"],
    ],
    ids=["efficientnet", "sentence", "glove"],
)
def test_notice_says_what_the_metadata_says(told):
    weights = told()
    assert f"{weights['package']} {version(weights['package'])}" in NOTICE
    hashes = weights["sha256"]
    for sha256 in hashes.values() if isinstance(hashes, dict) else [hashes]:
        assert sha256 in NOTICE
