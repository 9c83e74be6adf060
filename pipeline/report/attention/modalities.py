"""How much picture, text and the like decide, of systems that weigh them against each other.

Shapes: n posts, k modalities.
"""

from collections.abc import Mapping

from models.trained import Trained
from pipeline.base.paths import Paths
from pipeline.report.attention.viewer import attention_of

KIND = "modality"


def mean_weights(paths: Paths, systems: Mapping[str, Trained]) -> dict[str, dict[str, float]]:
    """Mean weight of each modality over the test posts of the first target, by system; of the first seed."""
    found = {}
    for name, trained in systems.items():
        modalities = trained.kind.modalities if trained.run and trained.kind.looks else ()
        weights = attention_of(paths, name).get(KIND) if modalities else None  # [n, k]; None without a test post
        if weights is not None:
            found[name] = dict(zip(modalities, weights.mean(axis=0).tolist(), strict=True))
    return found
