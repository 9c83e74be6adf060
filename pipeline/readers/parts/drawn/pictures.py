"""The pictures of the sample: drawn, and what popularity sees in them is there in the pixels.

The scene behind follows the category, the shape of the subject the subcategory, its colour and number of
corners the concept. Brightness, colourfulness and where the subject stands vary from post to post, and a
small prop lies in one of the corners.
"""

import colorsys
import math

import numpy as np
from PIL import Image, ImageDraw

from pipeline.readers.parts.drawn.words import CONCEPTS, PROPS, TREE

WIDTH, HEIGHT = 160, 120
DARKEST, BRIGHTEST = 50.0, 190.0
"""Mean grey value of pictures of brightness 0 and 1."""

_PROP_COLOURS = {"kite": (230, 40, 40), "flag": (40, 90, 230), "balloon": (250, 210, 30), "lamp": (40, 190, 80)}


def draw(
    rng: np.random.Generator, *, concept: int, brightness: float, colourfulness: float, offset: float, prop: str
) -> Image.Image:
    """One RGB picture; `brightness`, `colourfulness` and `offset` (of the subject from the centre) in [0, 1]."""
    category, subcategory, _ = CONCEPTS[concept]
    image = Image.new("RGB", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(image)
    hue = (concept * 0.381966) % 1  # golden section: neighbouring concepts differ in colour
    _SCENES[category](pen, rng, hue)
    _subject(pen, rng, list(TREE[category]).index(subcategory), concept, hue, offset)
    image = Image.fromarray(_develop(np.asarray(image), rng, brightness, colourfulness))
    _prop(ImageDraw.Draw(image), rng, prop)
    return image


def _colour(hue: float, saturation: float, value: float) -> tuple[int, ...]:
    return tuple(round(255 * x) for x in colorsys.hsv_to_rgb(hue % 1, saturation, value))


def _horizon(pen: ImageDraw.ImageDraw, rng: np.random.Generator, hue: float) -> None:
    line = int(rng.integers(50, 90))
    for y in range(line):
        pen.line((0, y, WIDTH, y), fill=_colour(0.58, 0.5, 0.6 + 0.4 * y / line))
    pen.rectangle((0, line, WIDTH, HEIGHT), fill=_colour(hue + 0.5, 0.5, 0.6))


def _walls(pen: ImageDraw.ImageDraw, rng: np.random.Generator, hue: float) -> None:
    x = 0
    while x < WIDTH:
        width = int(rng.integers(12, 28))
        top = int(rng.integers(5, 60))
        pen.rectangle((x, 0, x + width, top), fill=_colour(0.6, 0.3, 0.9))
        pen.rectangle((x, top, x + width, HEIGHT), fill=_colour(hue + 0.5, 0.3, rng.uniform(0.4, 0.8)))
        x += width


def _plate(pen: ImageDraw.ImageDraw, rng: np.random.Generator, hue: float) -> None:
    pen.rectangle((0, 0, WIDTH, HEIGHT), fill=_colour(hue + 0.5, 0.6, 0.6))
    r = int(rng.integers(45, 58))
    pen.ellipse((WIDTH / 2 - r, HEIGHT / 2 - r, WIDTH / 2 + r, HEIGHT / 2 + r), fill=_colour(0.1, 0.1, 0.95))


def _meadow(pen: ImageDraw.ImageDraw, rng: np.random.Generator, hue: float) -> None:
    pen.rectangle((0, 0, WIDTH, HEIGHT), fill=_colour(0.3, 0.5, 0.6))
    for x, y, r in zip(rng.integers(0, WIDTH, 40), rng.integers(0, HEIGHT, 40), rng.integers(3, 12, 40), strict=True):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=_colour(hue + 0.5, 0.4, 0.5 + r / 30))


_SCENES = {"nature": _horizon, "city": _walls, "food": _plate, "animal": _meadow}


def _subject(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, family: int, concept: int, hue: float, offset: float
) -> None:
    angle = rng.uniform(0, 2 * math.pi)
    x = WIDTH / 2 + offset * 42 * math.cos(angle)
    y = HEIGHT / 2 + offset * 26 * math.sin(angle)
    corners, turn, size = 3 + concept % 3 + family, rng.uniform(0, math.pi), rng.uniform(20, 28)
    inner = (1.0, 0.55, 0.8)[family]  # a polygon, a star, a blossom
    points = []
    for i in range(2 * corners):
        radius = size * (1 if i % 2 else inner)
        points.append(
            (x + radius * math.cos(turn + math.pi * i / corners), y + radius * math.sin(turn + math.pi * i / corners))
        )
    pen.polygon(points, fill=_colour(hue, 0.9, 0.95), outline=(20, 20, 20))


def _develop(pixels: np.ndarray, rng: np.random.Generator, brightness: float, colourfulness: float) -> np.ndarray:
    """Fade the colours, then scale to the mean grey value that `brightness` asks for; uint8 [h, w, 3]."""
    values = pixels + 4 * rng.standard_normal(pixels.shape, dtype=np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + (0.1 + 0.9 * colourfulness) * (values - grey)
    values *= (DARKEST + (BRIGHTEST - DARKEST) * brightness) / values.mean()
    return np.clip(values, 0, 255).astype(np.uint8)


def _prop(pen: ImageDraw.ImageDraw, rng: np.random.Generator, prop: str) -> None:
    x, y = rng.choice((18, WIDTH - 18)), rng.choice((18, HEIGHT - 18))
    fill, r = _PROP_COLOURS[prop], 9
    shapes = {
        "kite": [(x, y - r), (x + r, y), (x, y + r), (x - r, y)],
        "flag": [(x - r, y - r), (x + r, y - r), (x + r, y + 2), (x - r, y + 2)],
        "lamp": [(x, y - r), (x + r, y + r), (x - r, y + r)],
    }
    if prop in shapes:
        pen.polygon(shapes[prop], fill=fill, outline=(255, 255, 255))
    else:
        pen.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=(255, 255, 255))


assert set(_PROP_COLOURS) == set(PROPS)
