"""How sure a difference between systems is: bootstrap intervals, paired tests, Holm's correction.

Shapes: n posts, m sets of predictions (a system and a seed each), b resamples.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.metrics.resampled import TWINS, Posts, Resamples
from pipeline.metrics.shared import Metric

_NUMBERS_AT_ONCE = 2**18
MANY = 5_000
"""Posts from which on they are counted and not copied: the same resamples, and scores that differ by rounding."""


def bootstrap(
    metrics: Mapping[str, Metric], y: np.ndarray, predictions: np.ndarray, *, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Each metric on resamples of the posts: `y` [n] and `predictions` [m, n] to [m, b] by name.

    All sets of predictions are scored on the same resamples. Posts are drawn, not seeds.
    """
    rng = np.random.default_rng(seed)
    twins = {name: TWINS[metric] for name, metric in metrics.items() if metric in TWINS and len(y) >= MANY}
    copied = {name: metric for name, metric in metrics.items() if name not in twins}
    posts = Posts(y, predictions) if twins else None
    step = max(1, _NUMBERS_AT_ONCE // (predictions.size if copied else len(y)))
    scores: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    for start in range(0, resamples, step):
        rows = rng.integers(0, len(y), (min(step, resamples - start), len(y)))
        found = {name: metric(y[rows], predictions[:, rows]) for name, metric in copied.items()}
        if posts is not None:
            drawn = Resamples.of(posts, rows)
            found |= {name: twin(drawn) for name, twin in twins.items()}
        for name, of_rows in found.items():
            scores[name].append(of_rows)
    return {name: np.concatenate(parts, axis=1) for name, parts in scores.items() if parts}


def interval(scores: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentile interval of the scores [b] of one metric; resamples where it is undefined do not count."""
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return float("nan"), float("nan")
    low, high = np.quantile(scores, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def paired_t_test(a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p-value that the mean of `a` - `b` [n] is zero, as `scipy.stats.ttest_rel`.

    One where both are the same throughout; NaN for fewer than two posts.
    """
    from scipy import stats  # a second to import, and every stage imports this module

    difference = a - b
    n = len(difference)
    if n < 2:
        return float("nan")
    error = np.std(difference, ddof=1) / np.sqrt(n)
    if error == 0:
        return 0.0 if difference[0] else 1.0
    return float(2 * stats.t.sf(abs(np.mean(difference)) / error, n - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values after Holm's correction for testing several; NaN stays NaN and does not count."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN sorts last
    corrected = np.full(len(p), np.nan)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return corrected.tolist()
