"""Weights of modalities that are known, from a system to the picture of them."""

import numpy as np
import pandas as pd
import pytest

from pipeline.report import plots
from pipeline.report.attention import modalities
from tests.pipeline import sights

SYSTEMS = {"weigher": {"model": "weigher"}, "looker": {"model": "lantern"}, "blind": {"model": "blind"}}


class Weigher(sights.Blind):
    """Gives each post's picture .7, its words .2 or, in every other post, what is left."""

    looks, modalities = True, ("image", "text")

    def attention(self, posts):
        return {"modality": np.stack([np.full(len(posts), 0.7), np.arange(len(posts)) % 2 * 0.1 + 0.2], axis=1)}


@pytest.fixture
def made(project, tmp_path, monkeypatch):
    """A project of systems that look, one of which weighs; its paths and each system.json."""
    monkeypatch.setitem(sights.STUBS, "weigher", Weigher)
    sights.known(monkeypatch)
    paths = project()
    return paths, sights.write(paths, tmp_path / "raw", systems=SYSTEMS)


def test_means_of_those_that_weigh(made):
    paths, systems = made
    [(name, weights)] = modalities.mean_weights(paths, systems).items()
    assert name == "weigher"
    assert weights == {"image": pytest.approx(0.7), "text": pytest.approx(0.25)}


@pytest.mark.slow
def test_they_are_drawn_where_there_are_any(made):
    paths, systems = made
    for some, names in ((systems, {"modalities.png"}), ({"blind": systems["blind"]}, set())):
        plots.draw(paths, [], None, some, losses=pd.DataFrame({"target": []}), transforms={"likes": "identity"})
        assert {f.name for f in (paths.results / "plots").glob("modalities*")} == names
