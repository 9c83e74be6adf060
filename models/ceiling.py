"""The best anyone can do, where the truth is known."""

from pathlib import Path

import numpy as np

from models.base import System
from pipeline.storage import store
from pipeline.storage.examples import Examples

COLUMN = "expected_{transform}_{target}"


class Ceiling(System):
    """Predicts the true expectation of the target, a column that only made data have; learns nothing."""

    columns = (COLUMN,)

    def fit(self, train: Examples, validation: Examples) -> None:
        pass

    def predict(self, posts: Examples) -> np.ndarray:
        column = COLUMN.format(transform=posts.transform, target=posts.target)
        return posts.posts[column].to_numpy(dtype=np.float64)

    def save(self, folder: Path) -> None:
        store.write_json(folder / "ceiling.json", {"column": COLUMN})

    def load(self, folder: Path) -> None:
        store.read_json(folder / "ceiling.json")
