"""One image file to the upright RGB JPEG that is packed, or the reason why not.

Packed pictures are JPEG at `quality`, whatever the original was: one fast decoder serves all later stages.
Colour is kept in full, but for originals that are JPEG themselves (4:2:0, as those mostly are). An original
that already is an upright RGB JPEG within `max_side` is kept byte for byte.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from pipeline.base.errors import UserError
from pipeline.base.sections import Packing
from pipeline.storage import formats

# The size of a picture is checked against `max_pixels` before it is decoded.
Image.MAX_IMAGE_PIXELS = None
# Broken EXIF, odd palettes: the picture is what counts. Once and for all, for threads share their filters.
QUIET: dict[str, Any] = {"action": "ignore", "module": r"PIL\."}
warnings.filterwarnings(**QUIET)

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "QOI", "PSD")
"""What Pillow decodes and whose header, which it reads first, says how large the picture is."""
BYTES_PER_PIXEL = 8
"""The most an uncompressed picture takes (four channels of 16 bits); bigger files are not read."""
ORIENTATION = 0x0112


class Unusable(Exception):  # noqa: N818 - a status, not an error
    """A file that gives no picture; the argument is its status in the index."""


def read(path: str, size: int, packing: Packing) -> bytes:
    """Bytes of an original. Raises `Unusable`: `empty`, `too large`, `missing`, `unreadable`."""
    if size == 0:
        raise Unusable("empty")
    if size > BYTES_PER_PIXEL * packing.max_pixels + 2**20:
        raise Unusable("too large")
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise Unusable("missing") from None
    except OSError:
        raise Unusable("unreadable") from None


def pack(data: bytes, packing: Packing) -> tuple[bytes, int, int]:
    """JPEG bytes to keep, and width and height of the upright original.

    What is broken beside the pixels, such as a colour profile, is no fault: the file is tried again without it.
    Raises `Unusable`: `truncated`, `too large`, `unreadable`, or `unreadable: HEIC`, where the format is known.
    """
    try:
        return _open(data, packing)
    except Unusable as reason:
        bare = formats.bare(data)
        if bare == data or str(reason) == "too large":
            raise
    return _open(bare, packing)


def _open(data: bytes, packing: Packing) -> tuple[bytes, int, int]:
    Image.init()  # once; else Pillow knows only some of the formats
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _pack(image, data, packing)
    except Unusable:
        raise
    except UnidentifiedImageError:
        raise Unusable(_unreadable(data)) from None
    except Exception as error:  # decoders raise whatever they like on broken files
        raise Unusable("truncated" if _is_truncation(error) else _unreadable(data)) from None


def _unreadable(data: bytes) -> str:
    name = formats.name(data)
    return f"unreadable: {name}" if name else "unreadable"


def _is_truncation(error: Exception) -> bool:
    return isinstance(error, EOFError) or any(word in str(error).lower() for word in ("truncated", "unexpected end"))


def _pack(image: Image.Image, data: bytes, packing: Packing) -> tuple[bytes, int, int]:
    width, height = image.size
    if width * height > packing.max_pixels:
        raise Unusable("too large")
    scale = min(1.0, packing.max_side / max(width, height))
    if scale == 1.0 and (image.format, image.mode) == ("JPEG", "RGB") and _turn(image) is None:
        image.draft(None, (1, 1))  # reads the whole stream, computes an eighth of the pixels
        image.load()
        return data, width, height
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    image.draft(None, target)  # JPEG: decodes at the smallest of 1, 1/2, 1/4, 1/8 that holds `target`
    image.load()
    rgb = _shrink(to_rgb(image), target)
    turn = _turn(image)  # after loading: TIFF is upright by then
    if turn is not None:
        rgb = rgb.transpose(turn)
        width, height = (height, width) if turn in _SWAPS else (width, height)
    buffer = io.BytesIO()
    subsampling = "4:2:0" if image.format == "JPEG" else "4:4:4"
    rgb.save(buffer, "JPEG", quality=packing.quality, subsampling=subsampling)
    return buffer.getvalue(), width, height


def _shrink(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """RGB scaled down to `target`: means of whole blocks, then at least half of that by linear interpolation."""
    block = min(image.width // target[0], image.height // target[1])
    if block > 1:
        image = image.reduce(block)
    if image.size == target:
        return image
    return Image.fromarray(cv2.resize(np.asarray(image), target, interpolation=cv2.INTER_LINEAR_EXACT))


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF, whatever Pillow raises there: the picture is upright as far as anybody knows
        return None


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS = [_TURNS[i] for i in (5, 6, 7, 8)]


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to 8-bit RGB: 16 bits scaled, transparency on white, the first frame of several."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        values = values / 257.0 if image.mode != "F" else values * (255.0 if values.max(initial=0) <= 1 else 1.0)
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def decode(data: bytes, where: str = "a packed picture") -> np.ndarray:
    """Packed JPEG bytes to uint8 RGB [h, w, 3]. Raises `UserError`, beginning with `where`, for damaged ones."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise UserError(f"{where} is damaged; remove data/images and run dvc repro again")
    return pixels
