"""The boosters against their libraries called directly, the grid search, early stopping, categories."""

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

from models.parts import boosting
from pipeline.base import cluster
from pipeline.base.errors import UserError
from pipeline.storage import examples
from pipeline.storage.examples import joined
from tests.models.small import TREES, make, make_examples, rmse, with_features, with_posts, with_y

TRAIN, VALIDATION, TEST = make_examples(200, 1), make_examples(100, 2), make_examples(100, 3)
BOOSTERS = ["xgboost", "lightgbm", "catboost"]
MANY = make_examples(900, 4)  # LightGBM believes no category of fewer than a hundred posts; 256 bins are fewer
LIMITS = {"n_estimators": TREES["n_estimators"], "max_depth": 2, "learning_rate": TREES["learning_rate"]}
NUMBERS = {"categorical": None}


def fitted(name, train=TRAIN, validation=VALIDATION, **changes):
    system = make(name, **(NUMBERS if name == "catboost" else {}), **changes)
    system.fit(train, validation)
    return system


def direct(name):
    if name == "xgboost":
        return xgboost.XGBRegressor(**LIMITS, n_jobs=1, random_state=0)
    if name == "lightgbm":
        return lightgbm.LGBMRegressor(
            **LIMITS, num_leaves=4, n_jobs=1, deterministic=True, force_row_wise=True, verbosity=-1
        )
    return catboost.CatBoostRegressor(**LIMITS, thread_count=1, random_seed=0, verbose=0, allow_writing_files=False)


@pytest.mark.parametrize("name", BOOSTERS)
def test_same_numbers_as_the_library(name):
    x, z = TRAIN.matrix(["tabular"]), TEST.matrix(["tabular"])
    expected = direct(name).fit(x, TRAIN.y).predict(z)
    np.testing.assert_allclose(fitted(name).predict(TEST), expected, rtol=1e-6)


@pytest.mark.parametrize("name", BOOSTERS)
def test_scaling_a_column_changes_nothing(name):
    def scaled(part):
        return with_features(part, lambda feature, v: v * 8 if feature == "tabular" else v)

    system = fitted(name, scaled(TRAIN), scaled(VALIDATION))
    np.testing.assert_allclose(system.predict(scaled(TEST)), fitted(name).predict(TEST), rtol=1e-6)


@pytest.mark.parametrize("name", BOOSTERS)
def test_planted_column_leads_the_importance(name):
    importance = fitted(name).importance()
    assert list(importance) == ["a", "b", "c"]
    assert importance["a"] > 0.7


@pytest.mark.parametrize("name", BOOSTERS)
def test_grid_keeps_what_is_best_on_validation(name):
    grid = {"n_estimators": [1, 40], "learning_rate": [0.15, 0.001]}
    system = fitted(name, grid=grid)
    report = system.report()
    assert (report["n_estimators"], report["learning_rate"], report["max_depth"]) == (40, 0.15, 2)
    assert report["trees"] == 40
    assert report["validation_rmse"] == pytest.approx(rmse(system.predict(VALIDATION), VALIDATION), rel=1e-5)
    np.testing.assert_array_equal(system.predict(TEST), fitted(name).predict(TEST))


@pytest.mark.parametrize("name", BOOSTERS)
def test_grid_looks_at_validation_alone(name):
    """Where nothing can be predicted on the validation part, the smallest model is the best."""
    noise = with_y(VALIDATION, np.full(len(VALIDATION), TRAIN.y.mean()))
    assert fitted(name, validation=noise, grid={"n_estimators": [40, 1]}).report()["n_estimators"] == 1


@pytest.mark.parametrize("name", BOOSTERS)
def test_early_stopping(name, tmp_path):
    system = fitted(name, n_estimators=3000, learning_rate=0.3, early_stopping=5)
    assert 3 < system.report()["trees"] < 1000
    nothing = VALIDATION.take(np.arange(0))
    assert fitted(name, validation=nothing, n_estimators=30, early_stopping=5).report()["trees"] == 30
    system.save(tmp_path)
    loaded = make(name, **(NUMBERS if name == "catboost" else {}))
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST), system.predict(TEST))


@pytest.mark.parametrize("name", BOOSTERS)
def test_what_cannot_be(name):
    with pytest.raises(UserError, match="needs a validation part"):
        fitted(name, validation=VALIDATION.take(np.arange(0)), grid={"max_depth": [2, 3]})
    with pytest.raises(UserError, match=r"trees\.grid\.depth: nothing reads this key; did you mean 'max_depth'"):
        make(name, grid={"depth": [3]})
    with pytest.raises(UserError, match=r"trees\.grid\.max_depth: \[\] cannot be; give at least one value"):
        make(name, grid={"max_depth": []})
    with pytest.raises(UserError, match="at least one feature"):
        make(name, features=[], **(NUMBERS if name == "catboost" else {}))


OBJECTIVES = {
    "xgboost": {"absolute": "reg:absoluteerror", "quantile": "reg:quantileerror"},
    "lightgbm": {"absolute": "l1", "quantile": "quantile"},
    "catboost": {"absolute": "MAE", "quantile": "Quantile:alpha=0.9"},
}


@pytest.mark.parametrize("name", BOOSTERS)
def test_losses_are_those_of_the_library(name):
    x, z = TRAIN.matrix(["tabular"]), TEST.matrix(["tabular"])
    for loss, objective in OBJECTIVES[name].items():
        of_library = direct(name).set_params(**{"loss_function" if name == "catboost" else "objective": objective})
        if loss == "quantile" and name != "catboost":
            of_library.set_params(**{"alpha" if name == "lightgbm" else "quantile_alpha": 0.9})
        expected = of_library.fit(x, TRAIN.y).predict(z)
        np.testing.assert_allclose(fitted(name, loss=loss, quantile=0.9).predict(TEST), expected, rtol=1e-6)


@pytest.mark.parametrize("name", BOOSTERS)
def test_losses_do_what_they_say(name):
    """One post in three is far above the others: a median does not follow it, a high quantile does."""
    skewed = with_y(TRAIN, np.where(np.arange(len(TRAIN)) % 3, 1.0, 100.0))
    said = {}
    for loss, level in (("squared", 0.5), ("absolute", 0.5), ("quantile", 0.95)):
        said[loss] = np.median(fitted(name, skewed, VALIDATION, loss=loss, quantile=level).predict(TRAIN))
    assert said["absolute"] < 5
    assert 15 < said["squared"] < 60
    assert said["quantile"] > 90


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_grid_chooses_by_the_loss(name):
    """In squares, the few far posts decide, which it has some idea of; in absolute errors, the many near ones do."""
    a = VALIDATION.matrix(["tabular"])[:, 0]
    far = with_y(VALIDATION, np.where(a > np.quantile(a, 0.9), 1e3, TRAIN.y.mean()))
    grid = {"learning_rate": [0.15, 1e-6]}
    assert fitted(name, validation=far, grid=grid).report()["learning_rate"] == 0.15
    system = fitted(name, validation=far, grid=grid, loss="absolute")
    report = system.report()
    assert report["learning_rate"] == 1e-6
    assert report["validation_mae"] == pytest.approx(np.abs(system.predict(far) - far.y).mean(), rel=1e-5)
    assert system.chosen() == {"loss": "absolute error"}
    assert boosting.pinball(0.9).of(np.array([2.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx((0.9 + 0.1) / 2)


@pytest.mark.parametrize("name", BOOSTERS)
def test_what_stopping_found_is_fitted_again_on_both_parts(name, tmp_path):
    options = {"n_estimators": 400, "learning_rate": 0.3, "early_stopping": 5}
    system = fitted(name, refit=True, **options)
    before, trees = system.predict(TEST), system.report()["trees"]
    np.testing.assert_array_equal(before, fitted(name, **options).predict(TEST))
    system.refit(TRAIN, VALIDATION)
    assert system.report()["trees"] == trees < 400
    both = fitted(name, joined(TRAIN, VALIDATION), VALIDATION.take(np.arange(0)), **{**options, "n_estimators": trees})
    np.testing.assert_array_equal(system.predict(TEST), both.predict(TEST))
    assert not np.allclose(system.predict(TEST), before)
    assert system.chosen() == {"refit": "train and validation"}
    system.save(tmp_path)
    loaded = make(name, refit=True, **(NUMBERS if name == "catboost" else {}), **options)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST), system.predict(TEST))
    assert loaded.report() == system.report()


@pytest.mark.parametrize("name", BOOSTERS)
def test_nothing_is_fitted_again_without_asking_or_validation_posts(name):
    plain, nothing = fitted(name), VALIDATION.take(np.arange(0))
    before = plain.predict(TEST)
    plain.refit(TRAIN, VALIDATION)
    np.testing.assert_array_equal(plain.predict(TEST), before)
    asked = fitted(name, validation=nothing, refit=True)
    asked.refit(TRAIN, nothing)
    np.testing.assert_array_equal(asked.predict(TEST), before)


@pytest.mark.parametrize("name", BOOSTERS)
def test_learns_from_categories_alone(name):
    system = make(name, features=[], categorical=["user_id"])
    assert system.columns == ("user_id",)
    system.fit(MANY, VALIDATION)
    assert rmse(system.predict(TEST), TEST) < 0.95 * TEST.y.std()
    assert system.importance() == {"user_id": 1.0}


@pytest.mark.parametrize("name", BOOSTERS)
def test_takes_a_missing_category_for_one_of_its_own(name):
    y = np.where(MANY.posts["category"].isna(), 9.0, 1.0)
    system = make(name, features=[], categorical=["category"])
    system.fit(with_y(MANY, y), VALIDATION)
    missing, other = with_posts(TEST, category=None), with_posts(TEST, category="sea")
    assert system.predict(missing).min() > 7
    assert system.predict(other).max() < 3


@pytest.mark.parametrize("name", BOOSTERS)
def test_categories_stand_beside_numbers(name, tmp_path):
    system = make(name, categorical=["user_id", "category"])
    system.fit(MANY, VALIDATION)
    assert rmse(system.predict(TEST), TEST) < 0.9 * rmse(fitted(name, MANY).predict(TEST), TEST)
    new = with_posts(TEST, user_id="nobody that was there")
    added = system.contributions(new)
    assert {"tabular", "user_id", "category", "base"} == set(added)
    whole = added["tabular"].sum(axis=1) + added["user_id"] + added["category"] + added["base"]
    np.testing.assert_allclose(whole, system.predict(new), rtol=1e-5)
    system.save(tmp_path)
    loaded = make(name, categorical=["user_id", "category"])
    loaded.load(tmp_path)
    for posts in (TEST, new):
        np.testing.assert_array_equal(loaded.predict(posts), system.predict(posts))


def test_xgboost_grows_the_same_trees_block_by_block(monkeypatch):
    monkeypatch.setattr(examples, "BLOCK", 96)
    x = MANY.matrix(["tabular"])
    of_one = {"tree_method": "hist", "max_depth": 2, "learning_rate": TREES["learning_rate"], "nthread": 1, "seed": 0}
    model = xgboost.train(of_one, xgboost.DMatrix(x, MANY.y), TREES["n_estimators"])
    system = fitted("xgboost", MANY)
    assert system._model.get_dump() == model.get_dump()
    np.testing.assert_array_equal(system.predict(TEST), model.predict(xgboost.DMatrix(TEST.matrix(["tabular"]))))


STAYS = [
    ("xgboost", {"loss": "absolute"}, "leaves of this loss would be means of what each worker has"),
    ("lightgbm", {"loss": "quantile"}, "leaves of this loss would be means of what each worker has"),
    ("lightgbm", {"early_stopping": 5}, "the library does not stop early there"),
    ("lightgbm", {"categorical": ["user_id"]}, "a worker would know its own categories alone"),
]


@pytest.mark.parametrize(("name", "options", "why"), STAYS)
def test_what_a_cluster_would_grow_otherwise_grows_here(name, options, why, caplog):
    caplog.set_level("INFO")
    there = fitted(name, scheduler="tcp://127.0.0.1:1", **options)
    assert [said for said in caplog.messages if "cluster" in said] == [
        f"{type(there).__name__}: grown here, not on the cluster: {why}"
    ]
    np.testing.assert_array_equal(there.predict(TEST), fitted(name, **options).predict(TEST))


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "xgb_clip_pca", "xgb_mlp", "xgb_conv1d"])
def test_the_scheduler_reaches_the_trees(name, monkeypatch):
    def asked(scheduler, *_):
        raise UserError(f"asked {scheduler}")

    monkeypatch.setattr(cluster, "connect", asked)
    with pytest.raises(UserError, match="asked tcp://a:1"):
        make(name, scheduler="tcp://a:1").fit(TRAIN, VALIDATION)


def test_catboost_predicts_the_mean_where_no_input_differs(caplog, tmp_path):
    system = fitted("catboost", with_y(TRAIN.take(np.zeros(5, dtype=int)), np.array([1.0, 2, 3, 4, 5])))
    assert "all training posts have the same inputs" in caplog.text
    assert set(system.predict(TEST)) == {3.0}
    assert set(system.importance().values()) == {0}
    assert system.report()["trees"] == 0
    system.save(tmp_path)
    again = make("catboost")
    again.load(tmp_path)
    assert set(again.predict(TEST)) == {3.0}


def test_catboost_says_how_deep_it_can_grow():
    with pytest.raises(UserError, match="depth 16 at most"):
        make("catboost", max_depth=17)


def test_shares_sum_to_one_or_are_zero():
    assert boosting.shares(["a", "b"], [1, 3]) == {"a": 0.25, "b": 0.75}
    assert boosting.shares(["a"], [0]) == {"a": 0}


def test_threads_are_those_asked_for_or_what_the_rows_are_worth(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert [boosting.threads(None, rows) for rows in (0, 39_999, 40_000, 10**6)] == [1, 1, 2, 4]
    assert boosting.threads(3, 10) == 3
