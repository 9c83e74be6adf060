"""Where a system looked in drafts, as far as it has attention.

Shapes: n posts, s regions a side, w words.
"""

from dataclasses import dataclass

import numpy as np

from models.base import flat
from pipeline.asking.forecaster import Asked, Forecaster
from pipeline.report.attention.viewer import RARE, grid, words_of
from pipeline.storage.examples import PADDING


@dataclass(frozen=True)
class Sight:
    """One draft: weights over its picture, over its words, and of what it consists of."""

    picture: np.ndarray | None
    """[s, s]"""
    words: list[tuple[str, float]]
    """Each word with its share of the largest weight."""
    modalities: list[tuple[str, float]]


def sights(forecaster: Forecaster, asked: Asked) -> list[Sight | None]:
    """Of each draft [n], by the first target and the first seed; None where the system does not look."""
    if not forecaster.trained.kind.looks:
        return [None] * len(asked.drafts)
    target, posts = next(iter(asked.examples.items()))
    system = forecaster.first(target)
    weights = system.attention(posts)
    roles = forecaster.trained.entry.arguments["features"]
    names = list(system.modalities) or (["picture", "words"] if "inter" in weights else [])
    modal = weights.get("modality", weights.get("inter"))
    has_words = "textual" in weights and isinstance(roles, dict) and "words" in roles
    feature = flat(roles["words"])[0] if has_words else ""
    vocabulary = words_of(forecaster.trained, feature) if has_words else {}
    found = []
    for i in range(len(asked.drafts)):
        words = _words(vocabulary, posts.features[feature][[i]][0], weights["textual"][i]) if has_words else []
        shares = [] if modal is None else list(zip(names, modal[i].tolist(), strict=False))
        found.append(Sight(_picture(weights, i), words, shares))
    return found


def _picture(weights: dict[str, np.ndarray], row: int) -> np.ndarray | None:
    if "visual" not in weights or not weights["visual"][row].any():
        return None
    return grid(weights["visual"][row])


def _words(vocabulary: dict[int, str], numbers: np.ndarray, weights: np.ndarray) -> list[tuple[str, float]]:
    there = numbers > PADDING  # [w]
    largest = float(weights[there].max(initial=0.0)) or 1.0
    named = (vocabulary.get(int(number), RARE) for number in numbers[there])
    return [(word, round(float(w) / largest, 3)) for word, w in zip(named, weights[there], strict=True)]
