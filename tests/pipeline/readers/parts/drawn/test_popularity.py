import numpy as np
import pytest
from scipy.stats import poisson

from pipeline.base.targets import Transform
from pipeline.readers.parts.drawn import popularity
from pipeline.readers.parts.drawn.world import simulate

PAIRS = [(target, transform) for target in popularity.COUNTS for transform in popularity.TRANSFORMS]


@pytest.fixture(scope="module")
def world():
    return simulate(posts=2500, users=120, seed=3)


@pytest.mark.parametrize("rate", [0.1, 1.0, 30.0, 5000.0])
@pytest.mark.parametrize("plus", [1.0, 7.3])
def test_the_integral_is_the_sum_over_counts(rate, plus):
    counts = np.arange(int(rate + 12 * np.sqrt(rate) + 60))
    expected = np.sum(poisson.pmf(counts, rate) * np.log2(counts + plus))
    found = popularity.expected_log2(np.log2([rate]), 0.0, np.array([plus]))
    assert found == pytest.approx([expected], abs=1e-7)


def days_of(posts):
    gap = np.array(posts["collected_at"], dtype="datetime64[s]") - np.array(posts["posted_at"], dtype="datetime64[s]")
    return gap / np.timedelta64(1, "D")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no explicit representation of timezones:UserWarning")
@pytest.mark.parametrize(("target", "transform"), [*PAIRS, ("score", "identity")])
def test_the_expectation_is_the_conditional_mean(world, target, transform):
    y = Transform(transform).apply(world.posts[target].to_numpy(), days_of(world.posts))
    expected = world.posts[f"expected_{transform}_{target}"].to_numpy()
    if transform == "identity" and target != "score":  # the same statement with noise of one size
        y, expected = y / expected, np.ones(len(y))
    residual = y - expected
    error = residual.std() / np.sqrt(len(y))
    assert abs(residual.mean()) < 4 * error
    for effect in world.effects:  # no effect is left in the residual
        assert abs(np.corrcoef(residual, world.effects[effect])[0, 1]) < 4 / np.sqrt(len(y))


@pytest.mark.slow
@pytest.mark.parametrize("target", popularity.COUNTS)
def test_nobody_who_knows_the_effects_beats_the_ceiling(world, target):
    y = Transform("log2p1").apply(world.posts[target].to_numpy())
    ceiling = world.posts[f"expected_log2p1_{target}"].to_numpy()
    half = len(y) // 2
    x = np.column_stack([np.ones(len(y)), ceiling, world.effects, world.effects**2])
    fitted = x[half:] @ np.linalg.lstsq(x[:half], y[:half], rcond=None)[0]
    worse = (y[half:] - ceiling[half:]) ** 2 - (y[half:] - fitted) ** 2
    assert worse.mean() < 3 * worse.std() / np.sqrt(len(worse))


@pytest.mark.parametrize(("target", "transform"), [("likes", "log2p1"), ("retweets", "log2p1"), ("score", "identity")])
def test_most_but_not_all_is_explained(world, target, transform):
    y = Transform(transform).apply(world.posts[target].to_numpy())
    residual = y - world.posts[f"expected_{transform}_{target}"]
    assert 0.55 < 1 - residual.var() / y.var() < 0.8


def test_each_effect_matters(world):
    for effect in popularity.EFFECTS:
        assert world.effects[effect].std() > 0.2
