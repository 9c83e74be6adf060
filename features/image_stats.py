"""The seven numbers of a picture that the paper `xgb-clip` sets beside its CLIP vector."""

import cv2
import numpy as np

from features.base import ImageFeature
from pipeline.base.ranges import Side

HUES = 20
COLOUR_LEVELS = 8
SOBEL_GAIN = 8.0  # of OpenCV's 3x3 kernel on a ramp of one level a pixel


class ImageStats(ImageFeature):
    """Five measures, seven numbers, none of them learned. The paper names them; the formulas are our reading.

    - `clarity_contrast`: mean length of the luma gradient (Sobel 3x3), luma from 0 to 1, per pixel. **Ours**;
      the paper says "clarity by the contrast of edges".
    - `hue_count`: of 20 bins of hue, how many hold more than 5% of the fullest one, among pixels with
      saturation above 0.2 and value between 0.15 and 0.95 (Ke, Tang and Jing 2006, who give 20 minus this).
      **Ours**; the paper says "diversity of the colours".
    - `brightness_contrast`: width of the range of luma (0 to 1) without its lowest and highest percent of
      pixels (the same source). **Ours**; the paper says "range of brightness".
    - `colour_entropy_bits`: Shannon entropy of the histogram of 8x8x8 RGB cells, 0 to 9 bits. **Ours**;
      the paper gives no cells.
    - `edge_offset_x`, `edge_offset_y`: centroid of the gradient's length from the picture's centre, -1 at the
      left (top) border, 1 at the right (bottom); `edge_distance`: its length over that of a corner, 0 to 1.
      **Ours**: one measure, "deviation of the centroid of the edges from the centre", in three numbers,
      which is how five measures give the paper's seven. Without any edge all three are 0.
    """

    dtype = "float32"
    batch_size = 256

    def __init__(self, *, max_side: Side = 256):
        """`max_side`: pixels; larger pictures are measured at this size, so that all are at one scale."""
        self.max_side = max_side

    @property
    def names(self) -> list[str]:
        return [
            "clarity_contrast",
            "hue_count",
            "brightness_contrast",
            "colour_entropy_bits",
            "edge_offset_x",
            "edge_offset_y",
            "edge_distance",
        ]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        image = _scaled(image, self.max_side)
        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        edges = _gradient_length(luma)
        numbers = [edges.mean(dtype=np.float64), hue_count(image), brightness_contrast(luma), colour_entropy(image)]
        return np.array([*numbers, *edge_centroid(edges)], dtype=np.float32)

    def embed(self, prepared: list[np.ndarray]) -> np.ndarray:
        return np.stack(prepared)


def _scaled(image: np.ndarray, max_side: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _gradient_length(luma: np.ndarray) -> np.ndarray:
    """Length of the gradient [h, w] of luma uint8 [h, w], in shares of full luma per pixel."""
    x, y = (cv2.Sobel(luma, cv2.CV_32F, *order, ksize=3, borderType=cv2.BORDER_REPLICATE) for order in ((1, 0), (0, 1)))
    # Whole numbers up to here, and NumPy's root is exact: OpenCV's magnitude differs in the last bit by where
    # an array lies in memory, and the same picture would not always give the same numbers.
    x *= x
    y *= y
    x += y
    return np.sqrt(x, out=x) / np.float32(255 * SOBEL_GAIN)


def hue_count(image: np.ndarray) -> int:
    """Bins of hue that an RGB image uint8 [h, w, 3] uses."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)  # hue 0 to 179
    vivid = cv2.inRange(hsv, (0, 52, 39), (180, 255, 242))
    counts = cv2.calcHist([hsv], [0], vivid, [HUES], [0, 180])
    return int((counts > 0.05 * counts.max()).sum())


def brightness_contrast(luma: np.ndarray) -> float:
    """Width of the range of luma, uint8 [h, w], that holds all but a percent at either end; 0 to 1."""
    share = np.cumsum(np.bincount(luma.ravel(), minlength=256)) / luma.size
    low, high = np.searchsorted(share, (0.01, 0.99))
    return (high - low) / 255


def colour_entropy(image: np.ndarray) -> float:
    """Entropy, bits, of the colours of an RGB image uint8 [h, w, 3]."""
    cells = image >> 5
    cell = (cells[..., 0].astype(np.uint16) << 6) | (cells[..., 1].astype(np.uint16) << 3) | cells[..., 2]
    counts = np.bincount(cell.ravel(), minlength=COLOUR_LEVELS**3)
    share = counts[counts > 0] / cell.size
    return float(-(share * np.log2(share)).sum()) + 0.0


def edge_centroid(edges: np.ndarray) -> tuple[float, float, float]:
    """Offsets in x and y, and distance, of the centroid of edges [h, w] from the centre."""
    columns, rows = edges.sum(axis=0, dtype=np.float64), edges.sum(axis=1, dtype=np.float64)
    total = columns.sum()
    if total <= 0:
        return 0.0, 0.0, 0.0
    x, y = (2 * (v * np.arange(len(v))).sum() / total - (len(v) - 1) for v in (columns, rows))
    x, y = x / len(columns), y / len(rows)
    return float(x), float(y), float(np.hypot(x, y) / np.sqrt(2))
