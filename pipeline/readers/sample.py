"""The embedded dataset: the folder that the stage `sample` makes.

The folder is one any person could have made: posts.jsonl, images/, follows.csv, interactions.csv,
comments.csv. What it has beside is the truth: `expected_{transform}_{target}`, the mean of each transformed target
under the model of `pipeline/readers/parts/drawn/popularity.py`, which no system can beat by more than luck.
"""

from collections.abc import Collection

from pipeline.base.errors import UserError
from pipeline.readers.base import Raw
from pipeline.readers.parts.drawn import popularity
from pipeline.readers.table import Table

EXPECTED = [f"expected_{transform}_{target}" for target in popularity.COUNTS for transform in popularity.TRANSFORMS]
EXPECTED += ["expected_identity_score"]


class Sample(Table):
    """Reads that folder, with the expectations."""

    def __init__(self, *, path: str):
        """`path` of the folder, from the project's root."""
        super().__init__(path=path, extra_columns=EXPECTED)

    def read(self, targets: Collection[str] | None) -> Raw:
        if not (self.path / "posts.jsonl").is_file():
            raise UserError(f"{self.path}: no sample there; make it: python -m pipeline.sample {self.path}")
        return super().read(targets)
