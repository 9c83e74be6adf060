"""Colour statistics of a picture: the plain visual feature of `uhan_svr`."""

from typing import Any

import cv2
import numpy as np

from features.base import ImageFeature

CHANNELS = ("red", "green", "blue", "saturation", "value")
MOMENTS = ("mean", "deviation", "skewness")
LEVELS = np.arange(256) / 255
_ANGLES = np.arange(256) * (2 * np.pi / 256)
HUES = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])  # of OpenCV's full hue, [2, 256]


class Colour(ImageFeature):
    """Colour moments (Stricker and Orengo 1995), 17 numbers, none of them learned.

    **Ours**: the paper says "basic visual features such as color", after Khosla et al. 2014, and gives none.

    - `<channel>_mean`, `_deviation` and `_skewness` of red, green, blue, and of HSV's saturation and value, as
      shares of full scale. The skewness is the cube root of the third central moment, in the same unit, and 0
      where a channel has one level.
    - `hue_cosine`, `hue_sine`: mean over the pixels of the point on the colour circle (red at 1, 0; green at
      120 degrees) at the distance of the saturation, as hue has no mean of its own.
    """

    dtype = "float32"
    batch_size = 256

    @property
    def names(self) -> list[str]:
        return [f"{channel}_{moment}" for channel in CHANNELS for moment in MOMENTS] + ["hue_cosine", "hue_sine"]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    def fingerprint(self) -> dict[str, Any]:
        return {"opencv": cv2.__version__}

    def prepare(self, image: np.ndarray) -> np.ndarray:
        hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL))
        numbers = [moments(channel) for channel in (*cv2.split(image), saturation, value)]
        chroma = HUES @ np.bincount(hue.ravel(), saturation.ravel(), minlength=256) / (255 * hue.size)  # [2]
        return np.concatenate([*numbers, chroma]).astype(np.float32)

    def embed(self, prepared: list[np.ndarray]) -> np.ndarray:
        return np.stack(prepared)


def moments(channel: np.ndarray) -> tuple[float, float, float]:
    """Mean, deviation and cube root of the third central moment of a channel, uint8 [h, w], as shares of 255."""
    share = np.bincount(channel.ravel(), minlength=256) / channel.size  # [256]
    mean = share @ LEVELS
    away = LEVELS - mean  # [256]
    return mean, np.sqrt(share @ away**2), np.cbrt(share @ away**3)
