"""Pictures drawn for the benchmarks, in the sizes and with the detail that photographs on the web have."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from pipeline.base.compute import Compute, map_shards

SIZES = [(1024, 768), (1024, 683), (640, 480), (500, 375), (768, 1024), (1600, 1200), (480, 480), (1024, 576)]
"""Width and height, pixels; taken in turn."""


def draw_photo(path: Path, width: int, height: int, seed: int) -> None:
    """A JPEG of smooth colours, edges and grain: about 2 bits a pixel, as a photograph has."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.uniform(0, 255, (12, 16, 3)).astype(np.float32), (width, height), interpolation=3)
    for _ in range(12):
        corners = rng.integers(0, max(width, height), (3, 2)).astype(np.int32)
        cv2.fillPoly(image, [corners], rng.uniform(0, 255, 3).tolist())
    image += rng.normal(0, 5, image.shape).astype(np.float32)
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path, quality=87)


def draw_photos(folder: Path, n: int, compute: Compute, sizes: Sequence[tuple[int, int]] = SIZES) -> pd.DataFrame:
    """Draw `n` photos; returns a frame of one post each."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [list(range(i, min(n, i + 32))) for i in range(0, n, 32)]
    for _ in map_shards(compute, _draw, numbers, folder, sizes, title="drawing"):
        pass
    return pd.DataFrame({"post_id": [str(i) for i in range(n)], "image": [f"{i}.jpg" for i in range(n)]})


def _draw(numbers: list[int], folder: Path, sizes: Sequence[tuple[int, int]]) -> None:
    for i in numbers:
        draw_photo(folder / f"{i}.jpg", *sizes[i % len(sizes)], seed=i)
