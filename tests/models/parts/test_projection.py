import logging

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from models.parts.projection import Projection


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(50, 4)) @ rng.normal(size=(4, 6)) * [1, 10, 1, 0.1, 1, 1000] + 7).astype(np.float32)


def test_same_numbers_as_scikit_learn(x):
    expected = PCA(3).fit_transform(StandardScaler().fit_transform(x.astype(np.float64)))
    np.testing.assert_allclose(Projection(components=3).fit(x), expected, atol=1e-3)
    np.testing.assert_allclose(Projection().fit(x), StandardScaler().fit_transform(x.astype(np.float64)), atol=1e-4)


def test_unscaled(x):
    expected = PCA(2).fit_transform(x.astype(np.float64))
    np.testing.assert_allclose(Projection(components=2, standardize=False).fit(x), expected, rtol=1e-3, atol=1e-3)


def test_more_columns_than_rows(x):
    few = x[:5]
    expected = PCA(4).fit_transform(StandardScaler().fit_transform(few.astype(np.float64)))
    np.testing.assert_allclose(Projection(components=4).fit(few), expected, atol=1e-3)


def test_learned_once_and_applied_row_by_row(x, tmp_path):
    projection = Projection(components=3)
    z = projection.fit(x[:40])
    np.testing.assert_allclose(projection.apply(x[:1]), z[:1], rtol=1e-4, atol=1e-5)
    projection.save(tmp_path / "p.safetensors")
    loaded = Projection()
    loaded.load(tmp_path / "p.safetensors")
    np.testing.assert_array_equal(loaded.apply(x[40:]), projection.apply(x[40:]))
    assert projection.apply(x[:0]).shape == (0, 3)


def test_gaps_are_the_training_mean(x):
    holes = x.copy()
    holes[3, 1], holes[:, 4] = np.nan, np.nan
    projection = Projection()
    z = projection.fit(holes)
    assert z[3, 1] == 0
    assert not z[:, 4].any()
    assert np.isfinite(projection.apply(np.full((2, 6), np.nan, np.float32))).all()
    known = np.delete(x[:, 1], 3)
    np.testing.assert_allclose(z[0, 1], (x[0, 1] - known.mean()) / known.std(), rtol=1e-3)


def test_constant_columns_and_too_many_components(x, caplog):
    x[:, 2] = 4
    projection = Projection()
    projection.fit(x)
    assert not projection.apply(x + 100)[:, 2].any()
    with caplog.at_level(logging.WARNING):
        assert Projection(components=300).fit(x).shape == (50, 6)
    assert "6 of 300" in caplog.text
    assert Projection(components=2).fit(np.ones((3, 4), np.float32)).shape == (3, 2)
