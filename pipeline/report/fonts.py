"""Fonts for names of any script: matplotlib's own, then those of the system that have what it lacks.

A sign that no font has is escaped as Python escapes it. matplotlib would draw a box, and warn.
"""

from collections.abc import Iterable
from functools import cache

import matplotlib as mpl
from matplotlib import font_manager

OWN = "DejaVu Sans"
NO_LETTERS = ("Last Resort", "STIX", "cm")
"""Beginnings of the names of fonts that have boxes for everything, or parts of formulas."""


def families(texts: Iterable[str]) -> list[str]:
    """Names of the fonts that have the signs of `texts`, as far as any has: the value of `font.family`."""
    lacking, found = {sign for text in texts for sign in text} - _signs(_file(OWN)), [OWN]
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        plain = font.style == "normal" and font.weight == 400 and not font.name.startswith(NO_LETTERS)
        if lacking and plain and font.name not in found and (has := lacking & _signs(_file(font.name))):
            found.append(font.name)
            lacking -= has
    return found


def readable(text: str) -> str:
    """The text with signs escaped that none of the fonts in use has."""
    known = frozenset().union(*(_signs(_file(name)) for name in mpl.rcParams["font.family"]))
    return "".join(sign if sign in known else sign.encode("unicode_escape").decode() for sign in text)


def _file(name: str) -> str:
    return font_manager.findfont(font_manager.FontProperties(family=[name]))


@cache
def _signs(file: str) -> frozenset[str]:
    """What a font file can draw at any size; nothing where it cannot be read."""
    try:
        font = font_manager.get_font(file)
        return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):
        return frozenset()
