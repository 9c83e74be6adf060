"""The model of popularity in the sample, and the expectation of every target under it.

For each target, with weights w of its own (`WEIGHTS`) and all effects in doublings:

    eta   = base + w_user·U + w_category·C + w_words·W + w_moment·M + w_picture·P + w_taste·T
    count ~ Poisson(2^(eta + sigma·e)),  e ~ N(0, 1)          (likes, retweets, views)
    score = eta + sigma·e                                      (score)

    U = 0.6·(log2(followers) - 11)/2 + 0.6·appeal + 0.3·(is_pro ? 1 : -0.5)
    C = category + subcategory + concept, drawn with deviations 0.4, 0.3, 0.3
    W = the adjective's and the closing sentence's (`words.py`)
    M = 0.4·cos(2·pi·(local hour - 20)/24) + (weekend ? 0.25 : -0.1)
    P = 0.6·z(brightness) + 0.5·z(colourfulness) - 0.5·z(offset), z(x) = (x - 1/2)·sqrt(12)
    T = 0.9 if the prop in the picture is the one the user's audience loves, else -0.3

The expectation of log2(count + d) needs no simulation: log(d + N) is the integral over t > 0 of
(exp(-t) - exp(-(d + N)·t))/t, and E exp(-N·t) of a Poisson N is exp(-rate·(1 - exp(-t))).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Weights:
    """How one target follows the effects, and its noise."""

    base: float
    user: float
    category: float
    words: float
    moment: float
    picture: float
    taste: float
    sigma: float


EFFECTS = ("user", "category", "words", "moment", "picture", "taste")
COUNTS = ("likes", "retweets", "views")
TRANSFORMS = ("identity", "log2p1", "log2_per_day_plus_one")
"""Transforms of counts whose expectation has a closed form."""
WEIGHTS = {
    "likes": Weights(6.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "retweets": Weights(4.0, 0.8, 0.8, 1.3, 0.8, 0.8, 1.0, 0.8),
    "views": Weights(9.5, 1.2, 1.0, 0.6, 1.2, 0.9, 0.5, 1.0),
    "score": Weights(6.4, 1.1, 1.2, 0.7, 0.9, 1.2, 0.7, 1.1),
}


def standard(uniform: np.ndarray) -> np.ndarray:
    """A uniform variable on [0, 1] scaled to mean 0 and deviation 1."""
    return (uniform - 0.5) * np.sqrt(12)


def eta(effects: Mapping[str, np.ndarray], target: str) -> np.ndarray:
    """Expected doublings [n] of a target, from the effects [n] each."""
    weights = WEIGHTS[target]
    return weights.base + sum(getattr(weights, name) * np.asarray(effects[name]) for name in EFFECTS)


def draw(effects: Mapping[str, np.ndarray], rng: np.random.Generator) -> pd.DataFrame:
    """Every target once for each post."""
    n, drawn = len(effects["user"]), {}
    for target, weights in WEIGHTS.items():
        level = eta(effects, target) + weights.sigma * rng.standard_normal(n)
        drawn[target] = rng.poisson(np.exp2(level)) if target in COUNTS else np.round(level, 2)
    return pd.DataFrame(drawn)


def expectations(effects: Mapping[str, np.ndarray], days: np.ndarray) -> pd.DataFrame:
    """Columns `expected_{transform}_{target}`: the mean of the transformed target given all but the noise."""
    columns = {"expected_identity_score": eta(effects, "score")}
    one = np.ones_like(days)
    for target in COUNTS:
        level, sigma = eta(effects, target), WEIGHTS[target].sigma
        columns[f"expected_identity_{target}"] = np.exp2(level) * np.exp((sigma * np.log(2)) ** 2 / 2)
        columns[f"expected_log2p1_{target}"] = expected_log2(level, sigma, one)
        columns[f"expected_log2_per_day_plus_one_{target}"] = expected_log2(level, sigma, days) - np.log2(days)
    return pd.DataFrame(columns)


def expected_log2(level: np.ndarray, sigma: float, plus: np.ndarray) -> np.ndarray:
    """E log2(N + plus) [n] of N ~ Poisson(2^(level + sigma·e)), e ~ N(0, 1); `plus` [n] > 0."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(25)
    weights = weights / weights.sum()
    total = np.zeros(len(level))
    for node, weight in zip(nodes, weights, strict=True):
        total += weight * _log2_of_poisson(np.exp2(level + sigma * node), plus)
    return total


def _log2_of_poisson(rate: np.ndarray, plus: np.ndarray) -> np.ndarray:
    """E log2(N + plus) [n] of N ~ Poisson(rate), by the trapezoid rule in log(t), exact to about 1e-8."""
    log_t = np.linspace(-32, 4, 361)
    t = np.exp(log_t)[:, None]  # [361, 1]
    integrand = np.exp(-t) - np.exp(-plus * t + rate * np.expm1(-t))  # [361, n]
    return integrand.sum(axis=0) * (log_t[1] - log_t[0]) / np.log(2)
