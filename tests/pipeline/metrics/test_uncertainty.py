import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.base.sections import Scoring
from pipeline.metrics import regression as metrics
from pipeline.metrics import resampled, uncertainty

MAE = {"mae": metrics.mae}


def test_bootstrap_agrees_with_scipy():
    rng = np.random.default_rng(0)
    y = rng.normal(size=50)
    prediction = y + rng.normal(size=50)
    scores = uncertainty.bootstrap(MAE, y, prediction[None], resamples=4_000, seed=1)["mae"]
    found = uncertainty.interval(scores[0], 0.9)
    expected = stats.bootstrap(
        (np.abs(prediction - y),), np.mean, n_resamples=4_000, confidence_level=0.9, method="percentile", rng=2
    ).confidence_interval
    assert found == pytest.approx((expected.low, expected.high), abs=0.02)


def test_bootstrap_does_not_depend_on_how_it_is_cut(monkeypatch):
    rng = np.random.default_rng(0)
    y, predictions = rng.normal(size=20), rng.normal(size=(3, 20))
    whole = uncertainty.bootstrap(metrics.discover(), y, predictions, resamples=17, seed=1)
    monkeypatch.setattr(uncertainty, "_NUMBERS_AT_ONCE", 130)  # two resamples at a time
    for name, scores in uncertainty.bootstrap(metrics.discover(), y, predictions, resamples=17, seed=1).items():
        assert scores.shape == (3, 17)
        np.testing.assert_array_equal(scores, whole[name])


def counted(monkeypatch, y, predictions):
    """Scores of the same resamples, posts copied and posts counted."""
    found = []
    for many in (10**9, 1):
        monkeypatch.setattr(uncertainty, "MANY", many)
        found.append(uncertainty.bootstrap(metrics.discover(), y, predictions, resamples=40, seed=1))
    return found


@pytest.mark.parametrize("n", [2, 3, 40, 301])
def test_counted_posts_have_the_scores_of_copied_ones(monkeypatch, n):
    rng = np.random.default_rng(n)
    y = rng.integers(0, 9, n) / 2
    predictions = np.stack([y + rng.normal(size=n), np.round(y + rng.normal(size=n)), np.full(n, 3.1), y + 1e6])
    copied, other = counted(monkeypatch, y, predictions)
    assert set(copied) == set(other) == {function.__name__ for function in resampled.TWINS}
    for name, scores in copied.items():
        assert scores.shape == (4, 40)
        np.testing.assert_allclose(other[name], scores, rtol=1e-9, atol=1e-12, err_msg=name)


def test_counted_posts_have_no_correlation_where_a_resample_is_constant(monkeypatch):
    y = np.zeros(300)
    y[7] = 1.0  # in two resamples of three
    copied, other = counted(monkeypatch, y, np.stack([np.arange(300.0), y]))
    assert 0 < np.isnan(copied["pearson"]).sum() < 80
    for name in ("pearson", "spearman"):
        np.testing.assert_allclose(other[name], copied[name], rtol=1e-9)


def test_a_metric_without_a_twin_sees_the_posts_drawn(monkeypatch):
    monkeypatch.setattr(uncertainty, "MANY", 1)
    y = np.random.default_rng(0).normal(size=30)
    found = {"mae": metrics.mae, "largest": lambda y, prediction: np.max(np.abs(prediction - y), axis=-1)}
    scores = uncertainty.bootstrap(found, y, np.stack([y + 1, 2 * y]), resamples=9, seed=0)
    assert (scores["largest"] >= scores["mae"] - 1e-12).all()
    np.testing.assert_allclose(scores["largest"][0], 1)


def test_systems_are_resampled_together():
    y = np.random.default_rng(0).normal(size=30)
    scores = uncertainty.bootstrap(MAE, y, np.stack([y + 1, y + 1]), resamples=9, seed=0)["mae"]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_no_resamples_no_scores():
    assert uncertainty.bootstrap(MAE, np.ones(3), np.ones((1, 3)), resamples=0, seed=0) == {}


def test_interval_ignores_undefined_resamples():
    assert uncertainty.interval(np.array([np.nan, 1.0, 1.0]), 0.95) == (1.0, 1.0)
    assert np.isnan(uncertainty.interval(np.array([np.nan]), 0.95)).all()


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=20))
def test_paired_t_test_agrees_with_scipy(pairs):
    a, b = np.array(pairs, float).T
    p = uncertainty.paired_t_test(a, b)
    if np.ptp(a - b):
        assert p == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-6)
    else:
        assert p == (1.0 if a[0] == b[0] else 0.0)


def test_one_pair_cannot_be_tested():
    assert np.isnan(uncertainty.paired_t_test(np.ones(1), np.zeros(1)))


def test_holm_by_hand():
    # Sorted .01 .02 .04 times 3 2 1 is .03 .04 .04; never falling.
    assert uncertainty.holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert uncertainty.holm([0.9, 0.8]) == [1.0, 1.0]
    assert uncertainty.holm([]) == []


def test_holm_passes_over_undefined():
    corrected = uncertainty.holm([float("nan"), 0.01, 0.03])
    assert np.isnan(corrected[0])
    assert corrected[1:] == pytest.approx([0.02, 0.03])


@pytest.mark.parametrize("entry", [{"bootstrap": -1}, {"confidence": 1.0}, {"confidence": 0.0}])
def test_scoring_refuses_what_makes_no_sense(entry):
    with pytest.raises(UserError, match=f"evaluate.{next(iter(entry))}"):
        bind("evaluate", Scoring, entry)
