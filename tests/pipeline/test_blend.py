"""An average of other entries, through the stages: its parts are trained once, and it is asked like any other."""

import numpy as np
import pandas as pd
import pytest

from models.parts import intervals
from models.trained import ENDS, Trained, predictions
from pipeline import explain, plan, posts, predict
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

TREES = {"n_estimators": 30, "max_depth": 3, "learning_rate": 0.1, "loss": "absolute"}
PARTS = {
    "one": {
        **{"model": "xgboost", "features": ["user_time"], "trees": TREES, "refit": True},
        "intervals": {"level": 0.6, "by": "user_id"},
    },
    "two": {"model": "user_mean", "seeds": 2},
    "dsn": {
        **{"features": {"user": ["user_vector"]}, "inputs": ["category"], "length": 3, "hidden": 8, "heads": 2},
        "training": {"epochs": 1, "batch_size": 16},
    },
}
WHOLE = {"model": "blend", "parts": ["two", "one", "dsn"]}
SYSTEMS = {
    "both": {**WHOLE, "weights": "greedy", "intervals": {"level": 0.7, "by": "user_id"}},
    "flat": {**WHOLE, "intervals": {"level": 0.7, "method": "constant"}},
    **PARTS,
}
"""The blend stands before its parts: it may be trained first."""


def project(root, systems=SYSTEMS, frame=None, split=None, **dataset):
    write_posts_folder(root / "raw", posts=build_posts(60) if frame is None else frame, images=False)
    features = {"user_time": {}, "user_vector": {"columns": []}}
    dataset = {"targets": {"likes": "log2p1"}, **dataset}
    sections = {"split": split} if split else {}
    return write_params(root, features=features, systems=systems, dataset=dataset, **sections)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    paths = project(tmp_path_factory.mktemp("blend"))
    run_stages(paths)
    return paths


def by_hand(paths, part):
    """The predictions of one entry, mean over seeds, by post."""
    frame = predictions(paths, part)
    return frame.groupby(["part", "post_id"])["prediction"].mean()


def weights(paths):
    report = Trained.open(paths, "both").targets["likes"].report[0]
    return {name.removeprefix("weight_of_"): weight for name, weight in report.items()}


@pytest.mark.slow
def test_predictions_are_those_of_its_parts_weighed(trained):
    found = by_hand(trained, "both")
    expected = sum(weight * by_hand(trained, part).reindex(found.index) for part, weight in weights(trained).items())
    np.testing.assert_allclose(found, expected)
    assert sum(weights(trained).values()) == pytest.approx(1)
    assert set(predictions(trained, "both")["seed"]) == {0}


@pytest.mark.slow
def test_weights_are_of_the_validation_part_alone(trained):
    """Other truths of the test part change no weight; those of the validation part do."""
    before = weights(trained)
    for part, same in (("test", True), ("validation", False)):
        kept = {name: store.read_frame(trained.predictions(name)) for name in PARTS}
        try:
            for name, frame in kept.items():
                y = frame["y"].where(frame["part"] != part, -99.0)
                store.write_frame(trained.predictions(name), frame.assign(y=y))
            assert (weights(trained) == before) == same
        finally:
            for name, frame in kept.items():
                store.write_frame(trained.predictions(name), frame)


@pytest.mark.slow
def test_it_stands_on_the_leaderboard_with_its_weights_in_the_metrics(trained):
    metrics = store.read_json(trained.results / "metrics.json")["both"]["likes"]
    assert set(metrics["report"]) == {"weight_of_one", "weight_of_two", "weight_of_dsn"}
    text = (trained.results / "leaderboard.md").read_text(encoding="utf-8")
    assert "| both " in text
    assert "Blend: `both` is a weighted average: " in text
    assert "Refitted: `one`" in text


@pytest.mark.slow
def test_drafts_are_predicted_as_its_parts_predict_them(trained, tmp_path):
    drafts = build_posts(60).tail(5).drop(columns=["likes", "brightness", "image"])
    drafts.to_csv(tmp_path / "drafts.csv", index=False)
    p = params.load(trained.params)
    said = {n: predict.predict(trained, p, n, tmp_path / "drafts.csv")["likes_log2p1"] for n in SYSTEMS}
    expected = sum(weight * said[part] for part, weight in weights(trained).items())
    np.testing.assert_allclose(said["both"], expected, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["both", "flat"])
def test_intervals_are_calibrated_on_the_validation_part_and_drafts_have_the_same(trained, tmp_path, name):
    frame = predictions(trained, name)
    validation = frame[frame["part"] == "validation"]
    held = validation["y"].between(validation["low"], validation["high"])
    assert held.sum() == np.ceil(0.7 * (len(held) + 1))  # one margin for all: there are few of each user
    assert frame["prediction"].between(frame["low"], frame["high"]).all()
    width = frame["high"] - frame["low"]
    assert (width.std() > 1e-6) == (name == "both")
    drafts = build_posts(60).tail(24).drop(columns=["likes", "brightness", "image"])
    drafts.to_csv(tmp_path / "drafts.csv", index=False)
    said = predict.predict(trained, params.load(trained.params), name, tmp_path / "drafts.csv").set_index("post_id")
    same = frame[frame["part"] == "test"].set_index("post_id")[["prediction", *ENDS]]
    own = said.loc[same.index, ["likes_log2p1", "likes_log2p1_low", "likes_log2p1_high"]]
    np.testing.assert_allclose(own, same, rtol=1e-5)


@pytest.mark.slow
def test_intervals_know_no_test_label(trained):
    before = predictions(trained, "both")
    kept = {name: store.read_frame(trained.predictions(name)) for name in PARTS}
    try:
        for name, frame in kept.items():
            store.write_frame(
                trained.predictions(name), frame.assign(y=frame["y"].where(frame["part"] != "test", -9.0))
            )
        after = predictions(trained, "both")
    finally:
        for name, frame in kept.items():
            store.write_frame(trained.predictions(name), frame)
    np.testing.assert_array_equal(after[list(ENDS)], before[list(ENDS)])


FOLDED = {"level": 0.7, "by": "user_id", "folds": 3}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "folds"), [("chronological", 3), ("users", 3), ("random", 3), ("users", 1), ("chronological", 0)]
)
def test_folds_of_its_parts_calibrate_it(tmp_path, method, folds):
    asked = {**FOLDED, "folds": folds}
    trees = {"model": "xgboost", "features": ["user_time"], "trees": TREES, "refit": True, "intervals": asked}
    parts = {"one": trees, "two": {"model": "user_mean", "intervals": {**asked, "method": "constant"}}}
    blend = {"model": "blend", "parts": ["one", "two"], "intervals": asked}
    flat = {**blend, "intervals": {**asked, "method": "constant"}}
    split = {"method": method, "ratios": [0.7, 0.1, 0.2]}
    paths = project(tmp_path, {"both": blend, "flat": flat, **parts}, build_posts(200), split=split)
    run_stages(paths, results=False)
    told = {name: _by_post(Trained.open(paths, name).out_of_fold(), "train") for name in parts}
    size = store.read_frame(paths.splits)["part"].value_counts()
    extra = 0 if folds < 2 else 2 * size["validation"] if method == "chronological" else size["train"]
    assert len(told["one"]) == extra
    for name, columns in (("both", list(ENDS)), ("flat", ["prediction", "prediction"])):
        asked = [pd.concat([told[part], _by_post(predictions(paths, part), "validation")]) for part in parts]
        y, ends = asked[0]["y"].to_numpy(), sum(frame[columns] for frame in asked).to_numpy().T / 2
        found = Trained.open(paths, name).conformal("likes", 0)._margins
        assert found["all"] == pytest.approx(intervals.quantile(np.maximum(ends[0] - y, y - ends[1]), 0.7))
        assert set(predictions(paths, name)["part"]) == {"validation", "test"}


def _by_post(frame, part):
    return frame[frame["part"] == part].set_index("post_id").sort_index()


@pytest.mark.slow
def test_reasons_are_those_of_its_parts_weighed(trained, tmp_path):
    drafts = build_posts(60).tail(5).drop(columns=["likes", "brightness", "image"])
    drafts.to_csv(tmp_path / "drafts.csv", index=False)
    p = params.load(trained.params)
    told = {name: explain.explain(trained, p, name, tmp_path / "drafts.csv") for name in SYSTEMS}
    for group in ("base", "who", "when", "history"):
        expected = sum(weight * told[part].get(group, 0) for part, weight in weights(trained).items())
        np.testing.assert_allclose(told["both"][group], expected, rtol=1e-5, atol=1e-6)
    added = told["both"].drop(columns=["post_id", "target", "prediction", "unknown"]).sum(axis=1)
    np.testing.assert_allclose(added, predict.predict(trained, p, "both", tmp_path / "drafts.csv")["likes_log2p1"])
    assert trained.reasons("both").exists()


@pytest.mark.slow
def test_nothing_of_it_is_stored(trained):
    assert [file.name for file in trained.model("both").rglob("*")] == ["system.json"]
    assert store.read_frame(trained.predictions("both")).empty


def test_parts_that_cannot_run_are_left_out(tmp_path):
    frame = build_posts(60).drop(columns="user_id")
    paths = project(
        tmp_path,
        {k: v for k, v in SYSTEMS.items() if k not in ("dsn", "flat")}
        | {
            "both": {"model": "blend", "parts": ["one", "two"]},
            "none": {"model": "blend", "parts": ["two"]},
        },
        frame,
        missing="drop",
    )
    run_stages(paths, results=False)
    assert Trained.open(paths, "both").targets["likes"].report == {0: {"weight_of_one": 1.0}}
    assert "without two: the data lacks user_id" in Trained.open(paths, "both").why
    assert not Trained.open(paths, "none").run
    assert predictions(paths, "none").empty


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"both": {"model": "blend", "parts": ["one"]}}, r"systems\.both\.parts: there is no entry 'systems\.one'"),
        ({"both": {"model": "blend", "parts": []}}, r"systems\.both\.parts: \[\] cannot be; give at least one part"),
        ({"a": {"model": "blend", "parts": ["b"]}, "b": {"model": "popularity"}}, "'b' predicts no target by itself"),
        ({"a": {"model": "blend", "parts": ["a"]}}, "'a' predicts no target by itself"),
        (
            {"a": {"model": "blend", "parts": ["one"], "seeds": 2}, "one": PARTS["one"]},
            r"systems\.a\.seeds: nothing is",
        ),
        (
            {"a": {"model": "blend", "parts": ["two"], "intervals": {}}, "two": PARTS["two"]},
            r"systems\.a\.intervals\.method: cqr weighs the intervals of parts, and none has any",
        ),
        (
            {"a": {"model": "blend", "parts": ["one"], "intervals": FOLDED}, "one": PARTS["one"]},
            r"systems\.a\.intervals\.folds: they are those of its parts; give 'one' the same `folds` and `by`",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(tmp_path, entries, said):
    paths = project(tmp_path, entries)
    posts.main(paths)
    with pytest.raises(UserError, match=said):
        plan.main(paths)
