"""The train stage on hand-made posts, splits and features: what it writes, leaves out, and never looks at."""

import logging
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.parts import live, processes
from models.parts.loop import Run
from models.trained import ENDS, FOLDS, PREDICTED, SEEN, Trained
from pipeline import inputs, train
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import links, store
from pipeline.storage.examples import Dataset

ROOT = Path(__file__).parents[2]
SMALL = {"n_estimators": 20, "max_depth": 2, "learning_rate": 0.2, "threads": 1}
STACK = {"features": {"base": ["tabular"], "head": ["picture"]}, "trees": SMALL, "folds": 2, "training": {"epochs": 2}}


def parts(n):
    return np.array(["train"] * (n // 2) + ["validation"] * (n // 4) + ["test"] * (n - n // 2 - n // 4))


def write_feature(paths, name, ids, values, names=None, order=None):
    order = np.arange(len(ids)) if order is None else order
    header = {"shape": values.shape[1:], "dtype": str(values.dtype), "names": names, "metadata": {"made": name}}
    with store.FeatureWriter(paths.feature(name), **header) as writer:
        writer.append(ids[order], values[order], np.isfinite(values[order]).all(axis=1))


@pytest.fixture
def ready(project, make_posts):
    """`ready(systems, plans, change, n, **sections)`: all `train` reads; `change(posts, values)` may alter it."""

    def build(systems, plans=None, change=None, n=80, **sections):
        paths = project(systems=systems, **sections)
        posts = make_posts(n)
        rng = np.random.default_rng(0)
        tabular = np.stack([posts["followers"], posts["brightness"]], axis=1).astype(np.float32)
        values = {"tabular": tabular, "picture": rng.normal(size=(n, 4)).astype(np.float16)}
        if change:
            change(posts, values)
        ids = posts["post_id"].to_numpy(dtype=object)
        store.write_frame(paths.posts, posts)
        shuffled = rng.permutation(n)  # joined by post_id, so any order must do
        splits = pd.DataFrame({"post_id": ids, "part": parts(n)}).iloc[shuffled]
        store.write_frame(paths.splits, splits)
        write_feature(paths, "tabular", ids, values["tabular"], ["followers", "brightness"], shuffled)
        write_feature(paths, "picture", ids, values["picture"])
        for name, entry in systems.items():
            roles = (entry or {}).get("features", [])
            columns = ["user_id"] if name == "user_mean" or "intervals" in (entry or {}) else []
            module = (entry or {}).get("model", name)
            default = {"run": True, "columns": columns, "features": roles, "why": None, "modules": [module]}
            default |= {"ranks": False, "blends": module == "blend"}
            links.link(paths.files("systems", name), [])
            store.write_json(paths.plan("systems", name), default | (plans or {}).get(name, {}))
        return paths

    return build


def run(paths, name):
    train.train(paths, params.load(paths.params), name)
    return store.read_frame(paths.predictions(name))


def test_predicts_validation_and_test_with_truth_beside(ready, make_posts):
    paths = ready({"xgboost": {"features": ["tabular"], "trees": SMALL}})
    frame = run(paths, "xgboost")
    assert list(frame.columns) == ["post_id", "target", "part", "seed", "y", "prediction"]
    posts = make_posts(80).set_index("post_id")
    assert frame["post_id"].tolist() == list(posts.index[40:])
    assert frame["part"].tolist() == ["validation"] * 20 + ["test"] * 20
    np.testing.assert_allclose(frame["y"], np.log2(posts.loc[frame["post_id"], "likes"] + 1))
    assert np.corrcoef(frame["y"], frame["prediction"])[0, 1] > 0.5
    described = store.read_json(paths.model("xgboost") / "system.json")
    assert described["run"]
    assert described["seeds"] == [0]
    assert described["features"]["tabular"]["made"] == "tabular"
    learned = described["targets"]["likes"]
    assert learned["transform"] == {"name": "log2p1", "maximum": None}
    assert sum(learned["importance"]["0"].values()) == pytest.approx(1)
    assert set(learned["importance"]["0"]) == {"followers", "brightness"}


def test_what_was_chosen_stands_beside_the_report(ready):
    paths = ready({"svr": {"features": ["tabular", "picture"], "combinations": True, "seeds": 2}})
    run(paths, "svr")
    learned = store.read_json(paths.model("svr") / "system.json")["targets"]["likes"]
    assert set(learned["chosen"]) == set(learned["report"]) == {"0", "1"}
    assert learned["chosen"]["0"]["method"] == "exact"
    assert learned["chosen"]["0"]["features"] in ("tabular", "picture", "tabular + picture")
    assert learned["report"]["0"]["C"] == 1


@pytest.mark.slow
def test_seeds_and_targets_are_trained_apart(ready):
    def two(posts, values):
        posts["views"] = posts["likes"] * 10.0
        posts.loc[[1, 45, 70], "views"] = np.nan

    targets = {"likes": "log2p1", "views": "max"}
    paths = ready({"xgb_mlp": {**STACK, "seeds": 2}}, change=two, dataset={"targets": targets}, seed=5)
    frame = run(paths, "xgb_mlp")
    counts = frame.groupby(["target", "seed", "part"]).size().to_dict()
    assert counts == {
        **{("likes", seed, part): 20 for seed in (5, 6) for part in ("validation", "test")},
        **{("views", seed, part): 19 for seed in (5, 6) for part in ("validation", "test")},
    }
    assert not {"p0045", "p0070"} & set(frame.loc[frame["target"] == "views", "post_id"])
    first, second = (frame[(frame["target"] == "likes") & (frame["seed"] == s)]["prediction"] for s in (5, 6))
    assert not np.allclose(first, second)
    description = store.read_json(paths.model("xgb_mlp") / "system.json")["targets"]
    trained = store.read_frame(paths.posts)["views"][:40]
    assert description["views"]["transform"]["maximum"] == trained.max()
    assert np.isfinite(frame[["y", "prediction"]].to_numpy()).all()


def test_validation_is_predicted_before_it_is_learned_from(ready):
    """What is refitted predicts the test part otherwise, and the validation part as the model that had not seen it."""
    entry = {"model": "lightgbm", "features": ["tabular"], "trees": SMALL | {"early_stopping": 5}}
    paths = ready({"plain": entry, "again": {**entry, "refit": True}})
    plain, again = (run(paths, name).groupby("part")["prediction"].apply(np.array) for name in ("plain", "again"))
    np.testing.assert_array_equal(again["validation"], plain["validation"])
    assert not np.allclose(again["test"], plain["test"])
    test = Dataset(paths, features=["tabular"], columns=["likes"]).parts("likes", "log2p1", [])[0]["test"]
    np.testing.assert_array_equal(Trained.open(paths, "again").predict(test), again["test"])


def test_load_gives_the_same_predictions(ready):
    paths = ready({"net": {"model": "xgb_mlp", **STACK}})
    frame = run(paths, "net")
    trained = Trained.open(paths, "net")
    data = Dataset(paths, features=["tabular", "picture"], columns=["likes"])
    examples, _ = data.parts("likes", "log2p1", [])
    np.testing.assert_array_equal(trained.predict(examples["test"]), frame["prediction"][frame["part"] == "test"])
    assert trained.entry.arguments["features"] == STACK["features"]


def test_a_system_that_cannot_run_leaves_its_reason(ready):
    why = "the data lacks user_id"
    paths = ready({"user_mean": {}}, plans={"user_mean": {"run": False, "features": [], "why": why}})
    frame = run(paths, "user_mean")
    assert list(frame.columns) == list(PREDICTED)
    assert frame.empty
    trained = Trained.open(paths, "user_mean")
    assert (trained.run, trained.why) == (False, why)
    with pytest.raises(UserError, match=f"left out in training: {why}"):
        trained.system("likes", 0)


def test_only_the_planned_features_are_used(ready):
    plan = {"run": True, "features": ["tabular"], "why": "without picture: the data lacks image"}
    both = {"features": ["tabular", "picture"], "trees": SMALL}
    paths = ready({"xgboost": both}, plans={"xgboost": plan})
    paths.feature("picture").unlink()
    run(paths, "xgboost")
    assert set(Trained.open(paths, "xgboost").system("likes", 0).importance()) == {"followers", "brightness"}


@pytest.mark.parametrize("name", ["xgboost", "xgb_mlp", "lightgbm"])
def test_nothing_of_the_test_part_reaches_a_model(ready, tmp_path, name):
    """Other targets, pictures and numbers in the test part: the trained files are the same, byte for byte."""

    def corrupt(posts, values):
        posts.loc[60:, "likes"] = 10.0 ** np.arange(20)
        for array in values.values():
            array[60:] = 1000

    entry = {**STACK} if name == "xgb_mlp" else {"features": ["tabular"], "trees": SMALL}
    entry |= {"intervals": {"by": "user_id"}} if name == "lightgbm" else {}
    files = []
    for change in (None, corrupt):
        paths = ready({name: entry}, change=change)
        frame = run(paths, name)
        folder = paths.model(name) / "likes"
        files.append({f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()})
        files[-1]["validation"] = frame.loc[frame["part"] == "validation", "prediction"].tolist()
    assert len(files[0]) > 2
    assert files[0] == files[1]


@pytest.mark.parametrize("method", ["cqr", "constant"])
@pytest.mark.parametrize("refit", [False, True])
def test_intervals_stand_beside_predictions_and_know_no_test_label(ready, method, refit):
    def permuted(posts, values):
        posts.loc[60:, "likes"] = np.random.default_rng(1).permutation(posts.loc[60:, "likes"])

    asked = {"method": method, "level": 0.7, "by": "user_id"}
    entry = {"features": ["tabular"], "trees": SMALL, "refit": refit, "intervals": asked}
    frames = [run(ready({"lightgbm": entry}, change=change), "lightgbm") for change in (None, permuted)]
    assert list(frames[0].columns) == [*PREDICTED, *ENDS]
    pd.testing.assert_frame_equal(frames[0].drop(columns="y"), frames[1].drop(columns="y"))
    assert (frames[0]["y"] != frames[1]["y"]).any()
    frame = frames[0]
    held = frame["y"].between(frame["low"], frame["high"])
    assert held[frame["part"] == "validation"].mean() >= 0.7
    assert frame["prediction"].between(frame["low"], frame["high"]).all()


def test_intervals_are_calibrated_before_the_validation_part_is_learned(ready):
    """`refit` fits the validation posts almost to the bit; intervals stay as wide as without it."""
    deep = {"n_estimators": 200, "max_depth": 12, "learning_rate": 0.3, "threads": 1}
    widths = []
    for refit in (False, True):
        entry = {"features": ["tabular"], "trees": deep, "refit": refit, "intervals": {"method": "constant"}}
        frame = run(ready({"xgboost": entry}), "xgboost")
        widths.append((frame["high"] - frame["low"]).to_numpy())
    np.testing.assert_allclose(widths[1], widths[0])
    assert widths[0].min() > 0.1


FOLDED = {"folds": 3, "by": "user_id", "level": 0.7}


def with_few_to_validate(paths):
    """Forty posts to learn from, and the last ten of the twenty after them as the validation part."""
    splits = store.read_frame(paths.splits)
    splits.loc[splits["post_id"].between("p0040", "p0049"), "part"] = "unused"
    store.write_frame(paths.splits, splits)
    return paths


@pytest.mark.parametrize("by", ["posted_at", "user_id", None])
@pytest.mark.parametrize("model", ["lightgbm", "xgb_mlp"])
def test_folds_calibrate_as_well_and_know_no_test_label(ready, by, model):
    """Permuted test labels change no file of the model; those of training posts that were predicted do."""

    def permuted(posts, values):
        posts.loc[60:, "likes"] = np.random.default_rng(1).permutation(posts.loc[60:, "likes"])

    def another(posts, values):
        posts.loc[30:39, "likes"] *= 1000

    entry = {**STACK} if model == "xgb_mlp" else {"features": ["tabular"], "trees": SMALL, "refit": True}
    entry |= {"intervals": {**FOLDED, "method": "constant" if model == "xgb_mlp" else "cqr"}}
    plan = {model: {"folds_by": by, "columns": ["user_id", *([by] if by else [])]}}
    files = []
    for change in (None, permuted, another):
        paths = with_few_to_validate(ready({model: entry}, plan, change=change))
        frame = run(paths, model)
        files.append(result(paths, model)[0])
    assert files[0] == files[1]
    margins = [of["likes/seed-0/intervals/intervals.json"] for of in files]
    assert margins[0] != margins[2]
    told = store.read_frame(paths.model(model) / FOLDS)
    assert list(told.columns) == [*PREDICTED, *ENDS, SEEN]
    assert set(told["post_id"]) <= {f"p{i:04d}" for i in range(40)}
    assert told["post_id"].is_unique
    assert len(told) == (20 if by == "posted_at" else 40)
    assert set(frame["part"]) == {"validation", "test"}
    every = pd.concat([told, frame[frame["part"] == "validation"]])
    assert every["y"].between(every["low"], every["high"]).mean() >= 0.7


def test_intervals_of_loaded_systems_are_those_of_training(ready):
    paths = ready({"lightgbm": {"features": ["tabular"], "trees": SMALL, "intervals": {"by": "user_id"}, "seeds": 2}})
    frame = run(paths, "lightgbm")
    trained = Trained.open(paths, "lightgbm")
    assert trained.groups == ["user_id"]
    data = Dataset(paths, features=["tabular"], columns=["likes", "user_id"])
    posts = data.parts("likes", "log2p1", ["user_id"])[0]["test"]
    for seed in (0, 1):
        own = frame[(frame["part"] == "test") & (frame["seed"] == seed)]
        low, high = trained.conformal("likes", seed).interval(posts, trained.system("likes", seed).predict(posts))
        np.testing.assert_array_equal(low, own["low"])
        np.testing.assert_array_equal(high, own["high"])
    margins = paths.model("lightgbm") / "likes/seed-1/intervals/intervals.json"
    margins.write_text(margins.read_text().replace("all", "ill"))
    with pytest.raises(UserError, match="damaged"):
        trained.conformal("likes", 1)


def test_intervals_are_by_what_the_data_has(ready):
    plan = {"columns": [], "why": "with intervals not by user_id: the data lacks it"}
    entry = {"features": ["tabular"], "trees": SMALL, "intervals": {"by": "user_id"}}
    paths = ready({"xgboost": entry}, plans={"xgboost": plan})
    assert run(paths, "xgboost")["low"].notna().all()
    assert Trained.open(paths, "xgboost").entry.intervals.by is None


def test_trains_again_over_what_is_there(ready):
    paths = ready({"xgboost": {"features": ["tabular"], "trees": SMALL}})
    first = run(paths, "xgboost")
    (paths.model("xgboost") / "stale.txt").write_text("of an older version")
    pd.testing.assert_frame_equal(run(paths, "xgboost"), first)
    assert not (paths.model("xgboost") / "stale.txt").exists()
    assert not (paths.cache / "training" / "xgboost").exists()


NET = {"model": "xgb_mlp", **STACK, "training": {"epochs": 3}, "seeds": 3}  # 40 posts in batches of 32: 6 steps a seed


@pytest.fixture
def steps(monkeypatch):
    """`steps(kill)`: a list of the seed of each training step from now on; step number `kill` is a Ctrl-C."""
    step = Run._step

    def count(kill=None):
        taken = []

        def counted(run, batch, rows):
            if len(taken) == kill:
                raise KeyboardInterrupt
            taken.append(run._settings.seed)
            step(run, batch, rows)

        monkeypatch.setattr(Run, "_step", counted)
        return taken

    return count


def result(paths, name):
    folder = paths.model(name)
    files = {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    return files, store.read_frame(paths.predictions(name))


def states(paths):
    return list((paths.cache / "training").rglob("*.pt"))


def killed(paths, steps, kill):
    steps(kill)
    with pytest.raises(KeyboardInterrupt):
        run(paths, "net")
    assert states(paths)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [9, 17, 18, 27])
def test_what_a_kill_leaves_undone_is_all_that_is_done_afterwards(ready, steps, kill):
    """In the second seed, in the third, and in the first and second of the next target."""

    def two(posts, values):
        posts["views"] = posts["likes"] * 10.0

    entries = {"systems": {"net": NET}, "change": two, "dataset": {"targets": {"likes": "log2p1", "views": "log2p1"}}}
    paths, whole = ready(**entries), steps()
    run(paths, "net")
    assert whole == 2 * (6 * [0] + 6 * [1] + 6 * [2])
    expected, frame = result(paths, "net")
    killed(paths, steps, kill)
    again = steps()
    run(paths, "net")
    assert again == whole[kill - kill % 2 :]  # states are of ends of epochs, two steps each
    files, predictions = result(paths, "net")
    assert files == expected
    pd.testing.assert_frame_equal(predictions, frame)
    assert not (paths.cache / "training" / "net").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kill", [3, 6, 9])
def test_what_was_killed_among_folds_goes_on_to_the_same(ready, steps, kill):
    entry = {**NET, "seeds": 1, "intervals": {"folds": 3, "method": "constant"}}
    paths = with_few_to_validate(ready({"net": entry}, {"net": {"folds_by": "posted_at", "columns": ["posted_at"]}}))
    whole = steps()
    run(paths, "net")
    expected, frame = result(paths, "net")
    assert len(whole) > kill
    killed(paths, steps, kill)
    again = steps()
    run(paths, "net")
    assert 0 < len(again) <= len(whole) - kill + 2
    files, predictions = result(paths, "net")
    assert files == expected
    pd.testing.assert_frame_equal(predictions, frame)


@pytest.mark.slow
def test_other_settings_and_other_code_train_anew_and_leave_no_state_behind(ready, steps, monkeypatch):
    paths = ready({"net": NET})
    killed(paths, steps, 9)
    paths = ready({"net": {**NET, "training": {"epochs": 3, "learning_rate": 0.01}}})
    killed(paths, steps, 11)
    before = len(states(paths))
    assert before > 3
    monkeypatch.setattr(train, "digest", lambda path: f"other {path}")
    again = steps()
    run(paths, "net")
    assert again == 6 * [0] + 6 * [1] + 6 * [2]
    assert not states(paths)


def test_the_states_of_other_systems_stay(ready, steps):
    paths = ready({"net": NET, "mean": {"model": "constant"}})
    killed(paths, steps, 9)
    kept = states(paths)
    run(paths, "mean")
    assert states(paths) == kept


def test_each_training_is_shown_under_its_name_in_an_experiment(ready, monkeypatch):
    paths, seen, tell = ready({"net": {**NET, "seeds": 2}}), [], live.tell

    def told(*losses):
        tell(*losses)
        seen.append(store.read_json(paths.live / "metrics.json")["training"])

    monkeypatch.chdir(paths.root)
    monkeypatch.setenv(live.EXPERIMENT, "0" * 40)
    monkeypatch.setattr(live, "tell", told)
    run(paths, "net")
    assert seen == ["net likes seed 0"] * 3 + ["net likes seed 1"] * 3
    assert not list(paths.live.iterdir())


def test_what_cannot_be_trained_is_said(ready):
    def hopeless(posts, values):
        posts.loc[:39, "likes"] = np.nan

    paths = ready({"mean": {"model": "constant"}}, change=hopeless)
    with pytest.raises(UserError, match=r"targets\.likes: no training post has a value that log2p1 is defined for"):
        run(paths, "mean")
    with pytest.raises(UserError, match=r"systems\.men: no such entry; known: mean"):
        run(paths, "men")


def test_a_prediction_that_is_no_number_is_refused(ready, monkeypatch):
    paths = ready({"mean": {"model": "constant"}})
    from models.constant import Constant

    monkeypatch.setattr(Constant, "predict", lambda self, posts: np.where(np.arange(len(posts)) == 3, np.nan, 1.0))
    with pytest.raises(UserError, match="Constant predicts no number for post 'p0043'"):
        run(paths, "mean")


def test_the_stage_reads_the_system_from_the_command_line(ready, monkeypatch):
    paths = ready({"mean": {"model": "constant"}})
    monkeypatch.setattr("sys.argv", ["train", "mean"])
    train.main(paths)
    assert len(store.read_frame(paths.predictions("mean"))) == 40
    monkeypatch.setattr("sys.argv", ["train"])
    with pytest.raises(UserError, match="usage"):
        train.main(paths)


@pytest.mark.slow
def test_two_processes_predict_what_one_does(ready):
    mlp = {"model": "mlp", "features": ["tabular", "picture"], "dropout": 0.0, "training": {"epochs": 3}}
    alone = run(ready({"net": mlp}, compute={"device": "cpu"}), "net")
    paths = ready({"net": mlp}, compute={"device": "cpu", "devices": 2})
    paths.predictions("net").unlink()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipeline.train", "net"]
    done = subprocess.run(command, cwd=paths.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Starting with 2 processes" in done.stderr
    pd.testing.assert_frame_equal(store.read_frame(paths.predictions("net")), alone, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_of_several_processes_the_first_alone_writes(ready, monkeypatch):
    """Another one does the same, and leaves nothing: neither files nor, once the first is done, states."""
    given, first, told = [], True, logging.getLogger().level

    @contextmanager
    def joined(device, **numbers):
        given.append((device, numbers))
        yield first

    monkeypatch.setattr(processes, "joined", joined)
    compute = {"device": "cpu", "devices": 2, "nodes": 3}
    systems = {"net": {"model": "xgb_mlp", **STACK}, "mean": {"model": "constant"}}
    paths = ready(systems, compute=compute)
    states = paths.cache / "training/net/kept"
    for first in (False, True):
        states.mkdir(parents=True)
        monkeypatch.setattr("sys.argv", ["train", "net"])
        train.main(paths)
        assert states.exists() != first
        assert logging.getLogger().level == told  # a further process is quiet no longer than it trains
        assert paths.predictions("net").exists() == (paths.model("net") / "system.json").exists() == first
        shutil.rmtree(states, ignore_errors=True)
    assert given == [("cpu", {"devices": 2, "nodes": 3})] * 2
    monkeypatch.setattr("sys.argv", ["train", "mean"])
    train.main(paths)
    assert len(given) == 2  # what is no network has no use for them
    compute["devices"] = compute["nodes"] = 1
    monkeypatch.setattr("sys.argv", ["train", "net"])
    train.main(ready(systems, compute=compute))
    assert len(given) == 2


@pytest.mark.slow
def test_inputs_change_with_what_a_system_reads_and_with_nothing_else(ready):
    systems = {
        "user_mean": {},
        "words": {"model": "xgboost", "features": ["tabular"], "trees": SMALL},
        "net": {"model": "xgb_mlp", **STACK},
    }
    features = {"tabular": {}, "picture": {}}

    def hashes(change=None):
        paths = ready(systems, change=change, features=features)
        inputs.main(paths)
        return {name: store.read_json(paths.inputs(name)) for name in systems}

    def picture(posts, values):
        values["picture"][0] += 1

    def user(posts, values):
        posts.loc[0, "user_id"] = "somebody else"

    def title(posts, values):
        posts.loc[0, "title"] = "Another"

    def likes(posts, values):
        posts.loc[0, "likes"] += 1

    before = hashes()
    changed = {c.__name__: {n for n, h in hashes(c).items() if h != before[n]} for c in (picture, user, title, likes)}
    assert changed == {"picture": {"net"}, "user": {"user_mean"}, "title": set(), "likes": set(systems)}
    assert hashes() == before
