import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn import metrics as reference

from pipeline.metrics import regression as metrics

# Few distinct values, so that ties are common.
number = st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))
pairs = st.integers(2, 30).flatmap(lambda n: st.tuples(*[arrays(float, n, elements=number)] * 2))

REFERENCES = {
    "rmse": reference.root_mean_squared_error,
    "mae": reference.mean_absolute_error,
    "mse": reference.mean_squared_error,
    "median_absolute_error": reference.median_absolute_error,
    "mean_error": lambda y, p: np.mean(p) - np.mean(y),
    "error_variance": lambda y, p: float(np.cov(p - y)),
    "spearman": lambda y, p: stats.spearmanr(y, p).statistic,
    "pearson": lambda y, p: stats.pearsonr(y, p).statistic,
}


def test_every_metric_has_a_reference():
    assert list(metrics.discover()) == list(REFERENCES)


@pytest.mark.parametrize("name", REFERENCES)
@given(pair=pairs)
def test_metric_agrees_with_reference(name, pair):
    y, prediction = pair
    if name in ("spearman", "pearson"):
        assume(np.ptp(y) and np.ptp(prediction))
    expected = REFERENCES[name](y, prediction)
    # Cancellation limits what a mean of errors can be compared to.
    scale = max(1.0, np.abs(y).max(), np.abs(prediction).max())
    tolerance = 1e-9 * scale**2 if name in ("mse", "error_variance") else 1e-9 * scale
    assert metrics.discover()[name](y, prediction) == pytest.approx(expected, rel=1e-9, abs=tolerance)


@pytest.mark.parametrize("name", metrics.discover())
def test_many_rows_at_once_are_the_rows_alone(name):
    rng = np.random.default_rng(0)
    y, prediction = rng.integers(0, 9, (4, 30)).astype(float), rng.integers(0, 9, (3, 4, 30)).astype(float)
    metric = metrics.discover()[name]
    together = metric(y, prediction)
    assert together.shape == (3, 4)
    for i, j in np.ndindex(3, 4):
        assert together[i, j] == pytest.approx(float(metric(y[j], prediction[i, j])))


@pytest.mark.parametrize("name", metrics.discover())
def test_metric_is_documented_and_leaves_its_inputs_alone(name):
    metric = metrics.discover()[name]
    y, prediction = np.arange(5.0), np.arange(5.0)[::-1].copy()
    metric(y, prediction)
    assert metric.__doc__
    np.testing.assert_array_equal(y, np.arange(5.0))
    np.testing.assert_array_equal(prediction, np.arange(5.0)[::-1])


def test_overestimation_is_a_positive_mean_error():
    assert metrics.mean_error(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == 1.5


@pytest.mark.parametrize(
    ("name", "y", "prediction"),
    [
        ("spearman", [1, 1, 1], [1, 2, 3]),
        ("spearman", [1, 2, 3], [4, 4, 4]),
        ("spearman", [1], [1]),
        ("pearson", [0.1, 0.1, 0.1], [1, 2, 3]),
        ("pearson", [1, 2, 3], [4, 4, 4]),
        ("pearson", [1], [1]),
        ("error_variance", [1], [2]),
    ],
)
def test_undefined_is_nan_without_a_warning(name, y, prediction):
    assert np.isnan(metrics.discover()[name](np.array(y, float), np.array(prediction, float)))
