"""The best anyone can do, where the truth is known."""

from pathlib import Path

import numpy as np

from models.base import System
from pipeline.storage import store
from pipeline.storage.examples import Examples


class Ceiling(System):
    """Predicts the true expectation of the target, a column that only made data have; learns nothing."""

    def reads(self, target: str, transform: str) -> tuple[str, ...]:
        return (f"expected_{transform}_{target}",)

    def fit(self, train: Examples, validation: Examples) -> None:
        pass

    def predict(self, posts: Examples) -> np.ndarray:
        (column,) = self.reads(posts.target, posts.transform)
        return posts.posts[column].to_numpy(dtype=np.float64)

    def save(self, folder: Path) -> None:
        store.write_json(folder / "ceiling.json", {"learned": "nothing"})

    def load(self, folder: Path) -> None:
        store.read_json(folder / "ceiling.json")
