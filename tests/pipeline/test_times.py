"""How long trainings took: told by train beside its outputs, of the training whose curve is kept, and drawn."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from models.parts import live
from models.trained import Trained
from pipeline import times
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from tests.pipeline.test_train import SMALL, STACK, ready, run  # noqa: F401

STEPS = {"training": {"epochs": 3, "batch_size": 8}}


def test_the_times_are_those_of_the_curve_that_is_kept(ready):  # noqa: F811
    systems = {"mlp": {"features": ["tabular"], **STEPS, "seeds": 2}, "xgb_mlp": STACK}
    paths = ready(systems)
    for name in systems:
        for _ in range(2):  # another training takes the place of the first
            run(paths, name)
        told, kept = pd.read_csv(paths.times(name)), Trained.open(paths, name)
        for (target, seed), rows in told.groupby(["target", "seed"]):
            curve = kept.targets[target].curve[seed]
            assert rows["step"].tolist() == curve["step"]
            scale = rows["loss"].iloc[0] / curve["train"][0]  # while it trains, labels have a deviation of one
            np.testing.assert_allclose(rows["loss"], scale * np.array(curve["train"]), rtol=1e-4)
            assert (rows["seconds"].diff().fillna(rows["seconds"]) > 0).all()
        assert not told.duplicated(["target", "seed", "step"]).any()


def test_what_tells_of_no_loss_has_no_times(ready):  # noqa: F811
    paths = ready({"xgboost": {"features": ["tabular"], "trees": SMALL}})
    run(paths, "xgboost")
    with pytest.raises(UserError, match="xgboost: no training of it was timed here; dvc repro -s -f train@xgboost"):
        times.main(paths, ["xgboost"])
    with pytest.raises(UserError, match="data/times: no training was timed here"):
        times.main(paths, [])


def test_of_trainings_in_a_row_the_last_counts_from_its_own_start(monkeypatch):
    clock = iter([10.0, 11.0, 13.0, 20.0, 21.0, 25.0])
    monkeypatch.setattr(live.time, "monotonic", lambda: next(clock))
    with live.timed() as told:
        for losses in ((4.0, 3.0), (2.0, 1.0)):
            live.begin()
            for step, loss in zip((5, 10), losses, strict=True):
                live.tell(step, loss)
    assert told.columns() == {"step": [5, 10], "loss": [2.0, 1.0], "seconds": [1.0, 5.0]}


def test_the_picture_has_both_panels(tmp_path):
    paths = Paths(tmp_path)
    paths.times("amnl").parent.mkdir(parents=True)
    frame = pd.DataFrame({"target": "shares", "seed": 0, "step": [8, 16], "loss": [1.0, 0.4], "seconds": [1.0, 2.5]})
    frame.to_csv(paths.times("amnl"), index=False)
    losses, seconds = times.draw({"amnl": frame}).axes
    assert losses.lines[0].get_xydata().tolist() == [[8, 1.0], [16, 0.4]]
    assert seconds.lines[0].get_xydata().tolist() == [[8, 1.0], [16, 2.5]]
    times.main(paths, [])
    with Image.open(tmp_path / "data/times.png") as picture:
        assert picture.size[0] > 600
