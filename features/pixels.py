"""The picture itself, small: what a network that learns from raw pixels is fed."""

from typing import Any, ClassVar

import cv2
import numpy as np

from features.base import ImageFeature
from pipeline.base.ranges import Side


class Pixels(ImageFeature):
    """RGB scaled to one square size, kept as bytes: 12 kB a post at 64 pixels, so no epoch decodes anything.

    Values are uint8 [image_size, image_size, 3], 0 to 255. A post without a picture has zeros and `valid` False.
    The aspect ratio is not kept, as in Zhang et al., Picture or Words, section 3.2 ("resize all input
    images to 64x64 pixels").
    """

    dtype: ClassVar[str] = "uint8"

    def __init__(self, *, image_size: Side = 64):
        """`image_size` in pixels of both sides."""
        self._size = image_size

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._size, self._size, 3)

    def fingerprint(self) -> dict[str, Any]:
        return {"opencv": cv2.__version__, "preprocessing": "area interpolation, RGB"}

    def prepare(self, image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, (self._size, self._size), interpolation=cv2.INTER_AREA)

    def embed(self, prepared: list[np.ndarray]) -> np.ndarray:
        return np.stack(prepared)
