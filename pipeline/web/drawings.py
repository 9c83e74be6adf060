"""Geometry of the small drawings; the templates write them as SVG. Units are those of a `WIDTH` wide drawing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 320.0, 72.0
BINS = 32
MARGIN = 6.0


@dataclass(frozen=True)
class Bar:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Tick:
    """A mark below a drawing."""

    x: float
    said: str


@dataclass(frozen=True)
class Histogram:
    """How values are distributed, and where some value lies among them."""

    bars: list[Bar]
    ticks: list[Tick]
    marker: float | None = None
    low: float | None = None
    high: float | None = None
    width: float = WIDTH
    height: float = HEIGHT


def histogram(
    values: np.ndarray,
    say: Callable[[float], str],
    *,
    marker: float | None = None,
    interval: tuple[float, float] | None = None,
) -> Histogram | None:
    """The distribution of values [n], none for no value; `say` names a value, `interval` is around the marker."""
    if not len(values):
        return None
    ends = [values.min(), values.max(), *([marker] if marker is not None else [])]
    low, high = float(min(ends)), float(max(ends))
    high = high if high > low else low + 1
    counts, edges = np.histogram(values, BINS, (low, high))
    tallest = max(int(counts.max()), 1)

    def at(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * float(np.clip((value - low) / (high - low), 0, 1)), 2)

    bars = [
        Bar(at(a), round(HEIGHT * (1 - n / tallest), 2), round(at(b) - at(a) - 0.8, 2), round(HEIGHT * n / tallest, 2))
        for n, a, b in zip(counts.tolist(), edges[:-1], edges[1:], strict=True)
        if n
    ]
    ticks = [Tick(at(value), say(value)) for value in np.linspace(low, high, 4)]
    around = (at(interval[0]), at(interval[1])) if interval else (None, None)
    return Histogram(bars, ticks, None if marker is None else at(marker), *around)


@dataclass(frozen=True)
class Band:
    """A median over time, and the quartiles around it, as points of lines."""

    line: str
    area: str
    ticks: list[Tick]
    levels: list[Tick]
    """Marks of the vertical axis; `x` is their height."""
    width: float = WIDTH
    height: float = HEIGHT


def band(middles: Sequence[tuple[float, float, float]], names: Sequence[str], say: Callable[[float], str]) -> Band:
    """Quartiles (lower, median, upper) of periods called `names`, at least two of them, in their order."""
    values = np.array(middles)
    low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1
    xs = np.linspace(MARGIN, WIDTH - MARGIN, len(values))

    def y(value: float) -> float:
        return round(HEIGHT * (1 - (value - low) / (high - low)), 2)

    upper = [f"{x:.1f},{y(v)}" for x, v in zip(xs, values[:, 2], strict=True)]
    lower = [f"{x:.1f},{y(v)}" for x, v in zip(xs, values[:, 0], strict=True)]
    line = " ".join(f"{x:.1f},{y(v)}" for x, v in zip(xs, values[:, 1], strict=True))
    shown = np.unique(np.linspace(0, len(names) - 1, min(4, len(names))).astype(int))
    ticks = [Tick(round(float(xs[i]), 1), names[i]) for i in shown]
    levels = [Tick(y(value), say(value)) for value in (low, (low + high) / 2, high)]
    return Band(line, " ".join([*upper, *reversed(lower)]), ticks, levels)


def cells(grid: np.ndarray, width: float, height: float, largest: float | None = None) -> list[tuple[Bar, float]]:
    """Weights [s, s] as rectangles over a picture, each with its share of the `largest`, by default of theirs."""
    side, largest = len(grid), largest or float(grid.max(initial=0)) or 1.0
    w, h = width / max(side, 1), height / max(side, 1)
    return [
        (Bar(round(j * w, 2), round(i * h, 2), round(w, 2), round(h, 2)), round(float(grid[i, j]) / largest, 3))
        for i in range(side)
        for j in range(side)
    ]
