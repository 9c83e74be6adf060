"""The SVR against scikit-learn's, its approximation, and what it says about what ran."""

import sys
import types

import numpy as np
import pytest
from sklearn import svm
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel

from models.parts import kernel
from models.parts.projection import Projection
from models.svr import SVR
from pipeline.base.errors import UserError
from pipeline.metrics import regression as metrics
from tests.models.small import build, make_examples, rmse, with_y

FEATURES = ["tabular", "clip", "stats"]
TRAIN, VALIDATION, TEST = make_examples(250, 1), make_examples(80, 2), make_examples(100, 3)
EMPTY = VALIDATION.take(np.arange(0))


def fitted(train=TRAIN, validation=VALIDATION, **options):
    system = SVR(**{"features": FEATURES, **options})
    system.fit(train, validation)
    return system


def standardised(part, names=FEATURES):
    projection = Projection()
    projection.fit(TRAIN.matrix(names))
    return projection.apply(part.matrix(names))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"C": 30.0, "epsilon": 0.5},
        {"gamma": "auto", "epsilon": 0.0},
        {"gamma": 0.7, "C": 0.1},
        {"tol": 1e-5, "C": 5},
    ],
)
@pytest.mark.parametrize("block", [7, 1024])
def test_equals_scikit_learn(options, block, monkeypatch):
    monkeypatch.setattr(kernel, "BLOCK", block)
    library = svm.SVR(**options).fit(standardised(TRAIN), TRAIN.y)
    system = fitted(**options)
    np.testing.assert_allclose(system.predict(TEST), library.predict(standardised(TEST)), atol=1e-9)
    report = system.report()
    assert report["support_vectors"] == len(library.support_)
    assert system.chosen() == {"method": "exact"}
    assert report["rows"] == len(TRAIN)
    assert report["gamma"] == pytest.approx(library._gamma)


def test_the_kernel_matrix_equals_scikit_learns():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.testing.assert_allclose(kernel.gram(x, 0.3), rbf_kernel(x.astype(np.float64), gamma=0.3), atol=1e-12)


def test_without_standardising_only_the_gaps_are_filled(tmp_path):
    x, other = TRAIN.matrix(FEATURES), TEST.matrix(FEATURES)
    mean = np.nanmean(x, axis=0)
    x, other = np.where(np.isnan(x), mean, x), np.where(np.isnan(other), mean, other)
    library = svm.SVR().fit(x, TRAIN.y)
    system = fitted(standardize=False)
    np.testing.assert_allclose(system.predict(TEST), library.predict(other), atol=1e-9)
    system.save(tmp_path)
    loaded = SVR(features=FEATURES, standardize=False)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST), system.predict(TEST))


@pytest.mark.parametrize("method", ["exact", "nystroem"])
def test_standardised_targets_make_the_unit_not_matter(method):
    options = {"standardize_target": True, "method": method, "components": 80, "epsilon": 0.2}
    large, small = fitted(**options), fitted(with_y(TRAIN, TRAIN.y / 1e4), **options)
    np.testing.assert_allclose(small.predict(TEST) * 1e4, large.predict(TEST), rtol=1e-6)
    assert np.ptp(fitted(with_y(TRAIN, TRAIN.y / 1e4)).predict(TEST)) == 0  # all of it is inside epsilon


def test_counts_divided_by_their_maximum_are_no_constant():
    """What picture-or-words predicts: most counts lie within epsilon of a tenth, the large ones beyond it teach."""
    counts = np.exp2(np.concatenate([TRAIN.y, TEST.y]))
    train, truth = with_y(TRAIN, counts[: len(TRAIN)] / counts.max()), counts[len(TRAIN) :] / counts.max()
    assert (train.y < 0.2).mean() > 0.8
    prediction = fitted(train).predict(TEST)
    assert np.ptp(prediction) > 0.1
    assert metrics.spearman(truth, prediction) > 0.5


def test_standardised_targets_equal_scikit_learns_on_them():
    z = (TRAIN.y - TRAIN.y.mean()) / TRAIN.y.std()
    expected = svm.SVR().fit(standardised(TRAIN), z).predict(standardised(TEST)) * TRAIN.y.std() + TRAIN.y.mean()
    np.testing.assert_allclose(fitted(standardize_target=True).predict(TEST), expected, atol=1e-9)


@pytest.mark.slow
def test_nystroem_with_all_rows_is_exact():
    exact = fitted(C=3.0).predict(TEST)
    system = fitted(C=3.0, method="nystroem", components=999, tol=1e-6)
    assert np.abs(system.predict(TEST) - exact).max() < 0.05 * exact.std()
    assert system.report()["components"] == len(TRAIN)
    assert system.report()["converged"] == 1
    assert system.chosen() == {"method": "nystroem"}


def test_nystroem_equals_scikit_learns_on_the_same_rows():
    x, gamma = standardised(TRAIN), 0.1
    machine, _ = kernel.train_nystroem(x, TRAIN.y, gamma=gamma, C=1.0, epsilon=0.1, tol=1e-4, components=40, seed=3)
    theirs = Nystroem(gamma=gamma, n_components=40).fit(machine.basis.astype(np.float64))
    mapped, middle = theirs.transform(x.astype(np.float64)), np.median(TRAIN.y)
    library = svm.LinearSVR(epsilon=0.1, max_iter=1000, dual=True, tol=1e-4, random_state=3).fit(
        mapped, TRAIN.y - middle
    )
    expected = library.predict(theirs.transform(standardised(TEST).astype(np.float64))) + middle
    np.testing.assert_allclose(machine.predict(standardised(TEST)), expected, rtol=1e-3)


def test_fewer_components_learn_still():
    system = fitted(C=10.0, method="nystroem", components=60)
    assert rmse(system.predict(TEST), TEST) < 0.85 * rmse(np.full(len(TEST), TRAIN.y.mean()), TEST)


@pytest.mark.slow
def test_nystroem_says_when_it_did_not_converge(monkeypatch, caplog):
    monkeypatch.setattr(kernel, "PASSES", 1)
    assert fitted(method="nystroem", C=1000.0).report()["converged"] == 0
    assert "before it converged" in caplog.text


def test_auto_is_exact_up_to_the_cap():
    assert fitted(exact_rows=250).chosen() == {"method": "exact"}
    assert fitted(exact_rows=249, components=50).chosen() == {"method": "nystroem"}
    with pytest.raises(UserError, match=r"250 training posts are more than exact_rows: 249; take nystroem"):
        fitted(exact_rows=249, method="exact")


def test_accelerated_where_the_library_is_there(monkeypatch):
    package, module = types.ModuleType("sklearnex"), types.ModuleType("sklearnex.svm")
    module.SVR = svm.SVR
    monkeypatch.setitem(sys.modules, "sklearnex", package)
    monkeypatch.setitem(sys.modules, "sklearnex.svm", module)
    system = fitted(method="accelerated")
    assert system.chosen() == {"method": "accelerated"}
    np.testing.assert_allclose(system.predict(TEST), fitted().predict(TEST), atol=1e-9)


def test_accelerated_without_the_library_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearnex", None)
    monkeypatch.setitem(sys.modules, "sklearnex.svm", None)
    with pytest.raises(UserError, match="needs scikit-learn-intelex"):
        fitted(method="accelerated")


def test_grid_keeps_the_best_on_validation():
    system = fitted(grid={"C": [0.01, 10.0], "gamma": [0.05, 50.0]})
    report = system.report()
    assert (report["C"], report["gamma"]) == (10.0, 0.05)
    assert report["validation_rmse"] == pytest.approx(rmse(system.predict(VALIDATION), VALIDATION))
    assert report["validation_rmse"] < rmse(fitted(C=0.01).predict(VALIDATION), VALIDATION)


def test_combinations_keep_the_best_and_name_it(caplog, tmp_path):
    caplog.set_level("INFO")
    system = fitted(C=10.0, combinations=True)
    assert system.chosen() == {"method": "exact", "features": "tabular + stats"}  # clip is noise
    assert "tabular + stats is the best combination" in caplog.text
    alone = fitted(C=10.0, features=["tabular", "stats"])
    np.testing.assert_array_equal(system.predict(TEST), alone.predict(TEST))
    assert system.report()["validation_rmse"] == pytest.approx(rmse(alone.predict(VALIDATION), VALIDATION))
    system.save(tmp_path)
    loaded = SVR(features=FEATURES, combinations=True)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST), alone.predict(TEST))
    assert loaded.chosen() == system.chosen()


def test_searches_need_a_validation_part():
    for options in ({"combinations": True}, {"grid": {"C": [1.0, 2.0]}}):
        with pytest.raises(UserError, match="validation part"):
            fitted(validation=EMPTY, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"features": []}, "at least one feature"),
        ({"C": 0.0}, "C: 0.0 cannot be; give a number above 0"),
        ({"epsilon": -0.1}, "epsilon: -0.1"),
        ({"gamma": float("nan")}, "gamma: nan"),
        ({"exact_rows": 0}, "exact_rows: 0"),
        ({"components": 0}, "components: 0"),
        ({"grid": {"C": [1.0, float("inf")]}}, "grid.C: inf"),
        ({"grid": {"C": [0.0]}}, "grid.C: 0.0"),
        ({"grid": {"C": []}}, r"grid.C: \[\] cannot be; give at least one value"),
        ({"grid": {"tol": [1.0]}}, "grid.tol: nothing reads this key"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, said):
    with pytest.raises(UserError, match=said):
        build("svr", **{"features": FEATURES, **options})


def test_one_value_everywhere_gives_a_machine_without_support():
    system = fitted(with_y(TRAIN, np.full(len(TRAIN), 0.25)))
    assert system.report()["support_vectors"] == 0
    np.testing.assert_allclose(system.predict(TEST), 0.25)
