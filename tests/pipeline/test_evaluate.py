import json

import numpy as np
import pandas as pd
import pytest

from pipeline import evaluate
from pipeline.base.errors import UserError
from pipeline.base.sections import Scoring
from pipeline.metrics import regression as metrics
from pipeline.report import plots
from pipeline.report.comparison import Comparison
from pipeline.storage import store

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """test_plots.py has them."""
    monkeypatch.setattr(plots, "draw", lambda *_, **__: None)


def results(paths):
    evaluate.main(paths)
    return json.loads((paths.results / "metrics.json").read_text()), pd.read_csv(paths.results / "leaderboard.csv")


def test_metrics_are_those_of_the_test_part(trained, predicted):
    found, _ = results(trained())
    frame = predicted(40, "test", noise=0.5)
    expected = metrics.rmse(frame["y"].to_numpy(), frame["prediction"].to_numpy())
    assert found["good"]["likes"]["rmse"] == pytest.approx(expected, rel=1e-5)
    assert found["good"]["likes"]["n"] == 40
    assert set(found) == {"ceiling", "good", "bad", "mean"}


def test_metrics_json_holds_nothing_but_numbers(trained, system, predicted):
    paths = trained(seeds=(0, 1))
    report = {"max_depth": 4, "share": 0.5, "undefined": float("nan"), "name": "x", "flag": True}
    frames = [predicted(20, "validation", seeds=(0, 1)), predicted(40, seeds=(0, 1))]
    system(paths, "good", frames, seeds=(0, 1), report=report)
    found, _ = results(paths)
    assert found["good"]["likes"]["report"] == {"max_depth": 4, "share": 0.5}

    def leaves(value):
        return [leaf for v in value.values() for leaf in leaves(v)] if isinstance(value, dict) else [value]

    assert all(type(leaf) in (int, float) and np.isfinite(leaf) for leaf in leaves(found))


def test_undefined_metrics_are_left_out(trained):
    found, table = results(trained())
    assert "spearman" not in found["mean"]["likes"]
    assert "spearman" in found["good"]["likes"]
    assert table.loc[table["system"] == "mean", "spearman"].isna().all()


def test_leaderboard_has_both_parts_and_names_its_protocol(trained):
    _, table = results(trained(dataset={"name": "mine"}))
    assert list(table.columns[:7]) == ["system", "target", "dataset", "protocol", "part", "n", "seeds"]
    assert sorted(zip(table["system"], table["part"], table["n"], strict=True)) == sorted(
        (s, part, n) for s in ("bad", "ceiling", "good", "mean") for part, n in (("test", 40), ("validation", 20))
    )
    assert set(table["dataset"]) == {"mine"}
    assert set(table["protocol"]) == {"chronological_shuffled 60:20:20 seed 0 log2p1"}


def test_intervals_and_tests_are_of_the_test_part_alone(trained):
    _, table = results(trained())
    test, validation = table[table["part"] == "test"], table[table["part"] == "validation"]
    assert (test["rmse_low"] <= test["rmse"]).all()
    assert (test["rmse"] <= test["rmse_high"]).all()
    assert validation[["rmse_low", "rmse_high", "p_vs_best"]].isna().all(axis=None)


def test_best_is_tested_against_and_the_ceiling_stands_apart(trained):
    _, table = results(trained())
    p = table[table["part"] == "test"].set_index("system")["p_holm"]
    assert np.isnan(p["ceiling"])
    assert np.isnan(p["good"])
    assert p["bad"] < 0.01
    assert p["mean"] < 0.01


def test_a_ceiling_by_another_name_stands_apart_too(trained):
    paths = trained()
    text = paths.params.read_text()
    paths.params.write_text(text.replace("bad: {}", "bad: {model: ceiling}"))
    _, table = results(paths)
    assert table.set_index(["system", "part"])["p_holm"].notna().sum() == 1  # only mean against good


def test_several_seeds_give_mean_and_spread(trained, predicted):
    found, table = results(trained(seeds=(0, 1, 2)))
    frame = predicted(40, noise=0.5, seeds=(0, 1, 2))
    by_seed = [metrics.mae(f["y"].to_numpy(), f["prediction"].to_numpy()) for _, f in frame.groupby("seed")]
    assert found["good"]["likes"]["mae"] == pytest.approx(np.mean(by_seed), rel=1e-5)
    row = table[(table["system"] == "good") & (table["part"] == "test")].iloc[0]
    assert row["seeds"] == 3
    assert row["mae_spread"] == pytest.approx(np.std(by_seed, ddof=1), rel=1e-5)


def test_targets_are_compared_apart(trained):
    found, table = results(trained(targets=("likes", "views")))
    assert found["good"]["likes"]["rmse"] != found["good"]["views"]["rmse"]
    assert list(dict.fromkeys(table["target"])) == ["likes", "views"]


@pytest.mark.parametrize("systems", [{"good": 0.5}, {"mean": None}, {"ceiling": 0.1}])
def test_one_system_alone(trained, systems):
    found, table = results(trained(systems=systems))
    assert list(found) == list(systems)
    assert table["p_vs_best"].isna().all()


def test_one_test_post_and_no_validation(trained):
    found, table = results(trained(n=1, validation=0))
    assert found["good"]["likes"]["n"] == 1
    assert {"error_variance", "spearman"}.isdisjoint(found["good"]["likes"])
    assert table["rmse_low"].isna().all()


def test_constant_truth(trained):
    found, _ = results(trained(constant=True))
    assert all("spearman" not in of_target["likes"] for of_target in found.values())


def test_no_test_posts_at_all(trained):
    found, table = results(trained(n=0))
    assert found == {}
    assert set(table["part"]) == {"validation"}


def test_no_bootstrap(trained):
    _, table = results(trained(evaluate={"bootstrap": 0}))
    assert table["rmse_low"].isna().all()
    assert table["p_holm"].notna().any()


def test_systems_left_out_are_passed_over(trained, left_out):
    paths = trained(systems_left_out={"picky": {}})
    left_out(paths, "picky", "the data lacks comments")
    found, _ = results(paths)
    assert "picky" not in found


def test_nothing_ran(trained, left_out):
    paths = trained(systems={}, systems_left_out={"picky": {}})
    left_out(paths, "picky", "the data lacks comments")
    with pytest.raises(UserError, match="none of them can run"):
        evaluate.main(paths)


def drop_a_post(frame):
    return frame[frame["post_id"] != "test-003"]


def shift_truth(frame):
    return frame.assign(y=frame["y"] + 1)


def drop_the_part(frame):
    return frame[frame["part"] != "test"]


def spoil_a_seed(frame):
    return pd.concat([frame, frame[frame["post_id"] != "validation-003"].assign(seed=1)])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_a_post, r"good\.parquet: likes \(test\): other posts or values than in .*bad\.parquet"),
        (shift_truth, r"good\.parquet: likes \(validation\): other posts or values"),
        (drop_the_part, r"good\.parquet: likes \(test\): other posts or values"),
        (spoil_a_seed, r"good\.parquet: likes \(validation\): other posts or values"),
        (lambda f: f.assign(prediction=float("nan")), r"good\.parquet: post '.*' has no finite prediction"),
        (lambda f: pd.concat([f, f.head(1)]), r"good\.parquet: post '.*' stands there twice"),
    ],
)
def test_systems_compare_on_the_same_posts_alone(trained, spoil, message):
    paths = trained()
    store.write_frame(paths.predictions("good"), spoil(store.read_frame(paths.predictions("good"))))
    with pytest.raises(UserError, match=message):
        evaluate.main(paths)
    assert not paths.results.exists()


def test_the_order_of_rows_and_systems_changes_nothing():
    rng = np.random.default_rng(0)
    y, order = rng.normal(size=30), rng.permutation(30)
    predictions = {name: (y + rng.normal(0, size, 30))[None] for name, size in (("a", 0.2), ("b", 0.9))}
    plain = Comparison("likes", "test", np.arange(30), y, predictions)
    turned = Comparison("likes", "test", order, y[order], {k: v[:, order] for k, v in reversed(predictions.items())})
    scoring = Scoring(bootstrap=0)
    first = {row["system"]: row for row in evaluate.score(plain, scoring, seed=0)}
    second = {row["system"]: row for row in evaluate.score(turned, scoring, seed=0)}
    for name in first:
        assert second[name] == pytest.approx(first[name], nan_ok=True)


def test_intervals_are_scored_where_a_system_gives_them(trained, system, predicted):
    """Ends one unit around each prediction, and two around those of the second seed."""
    paths = trained(seeds=(0, 1))
    frames = [predicted(20, "validation", seeds=(0, 1)), predicted(40, seeds=(0, 1))]
    for frame in frames:
        reach = 1.0 + frame["seed"]
        frame["low"], frame["high"] = frame["prediction"] - reach, frame["prediction"] + reach
    system(paths, "good", frames, seeds=(0, 1), level=0.9)
    found, table = results(paths)
    error = (frames[1]["prediction"] - frames[1]["y"]).abs()
    expected = (error <= 1.0 + frames[1]["seed"]).mean()
    assert found["good"]["likes"]["coverage"] == pytest.approx(expected)
    assert found["good"]["likes"]["width"] == pytest.approx(3)
    assert not {"coverage", "width"} & set(found["bad"]["likes"])
    assert table.set_index("system").loc["bad", ["coverage", "width"]].isna().all(axis=None)
    text = (paths.results / "leaderboard.md").read_text()
    assert f"{expected:.3f} | 3.000 |" in " ".join(text.split())
    assert "asked for: 90% by `good`" in " ".join(text.split())
    assert "Calibrated on the validation part, by models" in " ".join(text.split())
    system(paths, "good", frames, seeds=(0, 1), level=0.9, folds=3)
    results(paths)
    text = (paths.results / "leaderboard.md").read_text()
    assert "the validation part; of `good` on folds of the training part, too, by models" in " ".join(text.split())
    frames[1].loc[3, "low"] = np.nan
    system(paths, "good", frames, seeds=(0, 1), level=0.9)
    with pytest.raises(UserError, match="no finite prediction or y or low or high"):
        results(paths)


def test_without_intervals_no_table_has_their_columns(trained):
    _, table = results(trained())
    assert not {"coverage", "width"} & set(table.columns)
