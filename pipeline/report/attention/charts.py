"""Attention drawn: orange over a grey picture and behind words, a figure a grid of cells.

The more orange, the more attention, on one scale for all pictures of a figure and one for all its words; over
grey it is told apart by every eye, and where there is no attention the picture stays grey.

Shapes: h x w pixels, s x s regions, k words.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from pipeline.report import fonts
from pipeline.report.charts import BLUE, LIGHT, ORANGE

SCALE = (3.0, 6.0)
"""Full orange stands for the largest attention of its kind, in equal shares, kept between these."""
STRENGTH = 0.8
"""Share of orange where it is fullest."""
DPI = 100
SIZE, TITLE_SIZE, LINE, LINES = 7.5, 8, 0.155, 9
"""Points of the words' letters and of a title's; inches a line of words; lines of them a cell has at most."""
SPACE, SHADED = 0.04, 0.07
"""Inches between words, and between words with a colour behind them."""
LONGEST = 200
"""Signs of one text that are looked at."""
MARGIN, TITLE, BAR, GAP = 0.12, 0.24, 0.36, 0.16
"""Inches around a figure, over a picture, of balance and caption, and between cells."""
COLOURS = 256
"""Of a file: with more it is several times as large and looks the same."""
STEPS = 24
"""Of the legend, whose colours every file has."""


@dataclass(frozen=True)
class Sight:
    """What one system looked at in one post; None for what it does not have.

    `visual` [s, s] and `textual` [k] sum to one, or are zero for what the post lacks; `inter` is the weights of
    picture and words.
    """

    words: Sequence[str] = ()
    visual: np.ndarray | None = None
    textual: np.ndarray | None = None
    inter: np.ndarray | None = None


class Tops(NamedTuple):
    """What full orange stands for, in equal shares."""

    picture: float
    words: float


@dataclass(frozen=True)
class Cell:
    """A picture, uint8 RGB [h, w, 3], as it is with its text, or as a system saw it.

    `share` is how much attention the whole of it had, among those beside it; `boxed` puts it in a box.
    """

    title: str
    picture: np.ndarray
    caption: str = ""
    text: str = ""
    sight: Sight | None = None
    share: float | None = None
    boxed: bool = False


def figure(rows: Sequence[Sequence[Cell]], *, title: str, width: float = 2.2) -> Figure:
    """All cells, `width` inches wide each, and below them what the colour means.

    In fonts of the system that have the signs of all its texts.
    """
    words = (word for row in rows for cell in row if cell.sight for word in cell.sight.words)
    texts = [title, *words, *(text for row in rows for cell in row for text in (cell.title, cell.caption, cell.text))]
    with mpl.rc_context({"font.family": fonts.families(texts)}):
        return _figure(rows, title, width)


def _figure(rows: Sequence[Sequence[Cell]], title: str, width: float) -> Figure:
    columns, sights = max(map(len, rows)), [c.sight for row in rows for c in row if c.sight]
    tops = Tops(scale([s.visual for s in sights]), scale([s.textual for s in sights]))
    texts = [[_flow(cell, width) for cell in row] for row in rows]
    heights = [TITLE + 0.75 * width + LINE * max(map(_lines, row)) + BAR + GAP for row in texts]
    size = (2 * MARGIN + columns * (width + GAP) - GAP, 2 * MARGIN + TITLE + sum(heights) + 0.5)
    drawn = Figure(figsize=size, layout="none", dpi=DPI)
    drawn.text(MARGIN / size[0], 1 - MARGIN / size[1], drawable(title), va="top", fontsize=9, parse_math=False)
    y = size[1] - MARGIN - TITLE
    for row, flowed, height in zip(rows, texts, heights, strict=True):
        for i, (cell, words) in enumerate(zip(row, flowed, strict=True)):
            _cell(drawn, cell, words, (MARGIN + i * (width + GAP), y, width, height), tops)
        y -= height
    there = {"picture": any(s.visual is not None for s in sights), "words": any(s.textual is not None for s in sights)}
    for i, (what, top) in enumerate((what, top) for what, top in tops._asdict().items() if there[what]):
        _legend(_axes(drawn, (MARGIN + i * (width + GAP), MARGIN + 0.2, 1.2, 0.1)), top, what)
    return drawn


def png(drawn: Figure) -> bytes:
    """A figure as a small PNG, the same bytes for the same figure."""
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    drawn_pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # [h, w, 3]
    pixels = Image.fromarray(drawn_pixels)
    exact = [to_rgb(BLUE), to_rgb(LIGHT), (0, 0, 0), *(shade(i, STEPS) for i in range(STEPS + 1))]
    fixed = np.rint(255 * np.asarray(exact)).astype(np.uint8)  # [f, 3]
    # An octree, the fastest, and with the smallest of large errors.
    free = pixels.quantize(COLOURS - len(fixed), Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    numbers = np.asarray(free) + np.uint8(len(fixed))  # [h, w]
    whole, exactly = _one_number(drawn_pixels), _one_number(fixed)
    for i, colour in enumerate(exactly):
        numbers[whole == colour] = i
    small, file = Image.fromarray(numbers, "L"), io.BytesIO()
    small.putpalette([*fixed.ravel().tolist(), *(free.getpalette() or [])])
    small.save(file, "PNG")
    return file.getvalue()


def _one_number(colours: np.ndarray) -> np.ndarray:
    """Each colour of uint8 [..., 3] as a number of its own, [...]: comparing these is several times as fast."""
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue


def scale(weights: Sequence[np.ndarray | None]) -> float:
    """How many equal shares full orange stands for."""
    shares = [equal_shares(w).max() for w in weights if w is not None and w.size]
    return float(np.clip(max(shares, default=0), *SCALE))


def equal_shares(weights: np.ndarray) -> np.ndarray:
    """Weights so that one is what each would have if all had the same."""
    return weights * weights.size


def overlay(picture: np.ndarray, weights: np.ndarray, top: float) -> np.ndarray:
    """The picture in grey, orange where the weights [s, s] are; region (i, j) is the part in row i, column j."""
    height, width = picture.shape[:2]
    filled = np.clip(equal_shares(weights) / top, 0, 1).astype(np.float32)  # [s, s]
    # Linear: splines swing, and light up regions that have nothing. Filled first: what is beyond full stays inside.
    orange = STRENGTH * cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]  # [h, w, 1]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    colour = 255 * np.asarray(to_rgb(ORANGE), dtype=np.float32)
    return np.rint((1 - orange) * grey + orange * colour).astype(np.uint8)


def shade(share: float, top: float) -> tuple[float, ...]:
    """Colour behind a word, or in the legend, from white to orange; one that eight bits a channel hold."""
    orange = STRENGTH * float(np.clip(share / top, 0, 1))
    return tuple((np.rint(255 * (1 - orange * (1 - np.asarray(to_rgb(ORANGE))))) / 255).tolist())


def drawable(text: str) -> str:
    """The text in one line, what no font in use has escaped."""
    return fonts.readable(" ".join(text.split()))


def _wide(word: str, size: float = SIZE) -> float:
    """Inches a word takes."""
    return _renderer().get_text_width_height_descent(word, font_manager.FontProperties(size=size), False)[0] / DPI


@cache
def _renderer() -> Any:
    return FigureCanvasAgg(Figure(dpi=DPI)).get_renderer()


def fitting(text: str, width: float, size: float = SIZE) -> str:
    """The text in signs the font has, cut with an ellipsis where it is wider than `width` inches."""
    text = drawable(text)
    cuts = (f"{text[:n]}…" for n in range(min(len(text), LONGEST) - 1, 0, -1))
    return text if _fits(text, width, size) else next((cut for cut in cuts if _fits(cut, width, size)), "…")


def _fits(text: str, width: float, size: float) -> bool:
    return len(text) <= LONGEST and _wide(text, size) <= width


@dataclass(frozen=True)
class _Word:
    """A word, the line it stands on, where in it in inches, and its equal shares of attention."""

    text: str
    line: int
    x: float
    share: float | None


def _flow(cell: Cell, width: float) -> list[_Word]:
    """The words of a cell line by line."""
    sight = cell.sight
    words = cell.text.split() if sight is None else sight.words
    weights = None if sight is None or sight.textual is None else equal_shares(sight.textual)
    flowed: list[_Word] = []
    x, line = 0.0, 0
    for i, word in enumerate(words):
        text = fitting(word, width - SHADED)
        wide = _wide(text) + (SPACE if weights is None else SHADED)
        if x and x + wide > width:
            x, line = 0.0, line + 1
        if line == LINES:
            return [*flowed[:-1], _Word("…", LINES - 1, flowed[-1].x, None)]
        flowed.append(_Word(text, line, x, None if weights is None else float(weights[i])))
        x += wide
    return flowed


def _lines(words: Sequence[_Word]) -> int:
    return words[-1].line + 1 if words else 0


def _axes(drawn: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Axes of inches: left, bottom, width, height."""
    width, height = drawn.get_size_inches()
    return drawn.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))


def _cell(drawn: Figure, cell: Cell, words: list[_Word], box: tuple[float, float, float, float], tops: Tops) -> None:
    """One cell; `box` is its left, top, width and height in inches."""
    x, y, width, height = box
    upper = _axes(drawn, (x, y - TITLE - 0.75 * width, width, 0.75 * width))
    upper.imshow(_seen(cell, tops.picture), interpolation="antialiased")
    upper.set_anchor("SW")
    upper.set_axis_off()
    title = fitting(cell.title, width, TITLE_SIZE)
    upper.set_title(title, fontsize=TITLE_SIZE, loc="left", pad=3, parse_math=False)
    below = height - TITLE - 0.75 * width
    lower = _axes(drawn, (x, y - height, width, below))
    lower.set(xlim=(0, width), ylim=(below, 0))
    lower.set_axis_off()
    for word in words:
        back = {} if word.share is None else {"backgroundcolor": shade(word.share, tops.words)}
        at = (word.x + 0.03, 0.1 + LINE * word.line)
        text = lower.text(*at, word.text, fontsize=SIZE, va="center", parse_math=False, **back)
        if text.get_bbox_patch():
            text.get_bbox_patch().set_boxstyle("square", pad=0.12)
    _below(lower, cell, 0.1 + LINE * _lines(words), width)
    if cell.boxed:
        _box(drawn, box)


def _box(drawn: Figure, box: tuple[float, float, float, float]) -> None:
    """A line around a cell, in the gap beside it."""
    x, y, width, height = box
    whole_width, whole_height = drawn.get_size_inches()
    corner = ((x - GAP / 4) / whole_width, (y - height) / whole_height)
    size = {"width": (width + GAP / 2) / whole_width, "height": height / whole_height}
    drawn.add_artist(Rectangle(corner, **size, fill=False, edgecolor=BLUE, linewidth=1.5))


def _seen(cell: Cell, top: float) -> np.ndarray:
    if cell.sight is None:
        return cell.picture
    return overlay(cell.picture, np.zeros((1, 1)) if cell.sight.visual is None else cell.sight.visual, top)


def _below(axes: Axes, cell: Cell, y: float, width: float) -> None:
    """Balance of picture and words as a bar, and the caption."""
    caption = cell.caption
    if cell.sight is not None and cell.sight.inter is not None:
        picture, text = (float(x) for x in cell.sight.inter)
        axes.barh(y, width * picture, height=0.06, color=BLUE)
        axes.barh(y, width * text, left=width * picture, height=0.06, color=LIGHT)
        caption = (f"{caption}; " if caption else "") + f"picture {picture:.0%}, words {text:.0%}"
    if cell.share is not None:
        axes.barh(y, width * cell.share, height=0.06, color=ORANGE)
        caption = (f"{caption}; " if caption else "") + f"attention {cell.share:.0%}"
    axes.text(0.03, y + 0.13, fitting(caption, width), fontsize=SIZE, va="center", parse_math=False)


def _legend(axes: Axes, top: float, what: str) -> None:
    colours = ListedColormap([shade(i, STEPS) for i in range(STEPS + 1)])
    axes.imshow(np.linspace(0, 1, STEPS + 1)[None], cmap=colours, aspect="auto", extent=(0, top, 0, 1))
    axes.set_yticks([])
    most = f"{top:.2g}" + (" or more" if top == SCALE[1] else "")
    axes.set_xticks([0, 1, top], ["0", "1", most], fontsize=SIZE)
    axes.set_title(f"attention to {what}, in equal shares", fontsize=SIZE, loc="left", pad=3)
