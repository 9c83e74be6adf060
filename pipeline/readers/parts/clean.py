"""Values as found to values of one kind; what cannot be is emptied and its rows are named.

Each function takes n values of any type and gives n clean ones and, by problem, a mask [n].

| kind | stored as |
| --- | --- |
| id | string; a whole number is its digits, whatever tool wrote it |
| string, path, tags | string |
| comments | list of strings |
| number, measure, count | float64; a count is not negative, a measure never in thousands |
| bool | float64: 1, 0, or missing |
| time | UTC, to the microsecond |
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import ftfy
import numpy as np

from pipeline.readers.parts import listed
from pipeline.readers.parts.numerals import counts, measures, numbers
from pipeline.readers.parts.times import TimeForm, times
from pipeline.readers.parts.values import NOTHING, Cleaned, each, is_missing

MAX_CHARACTERS = 20_000
"""Longer strings are cut here: far beyond any caption, and small enough for every text model's tokeniser."""
HALF = "half a character, replaced"
MOJIBAKE = "UTF-8 read as another encoding (CafÃ©), undone"
LOST_DIGITS = "an id whose last digits a spreadsheet rounded away"
SEVERAL = "several pictures, the first is taken"

_TRUE, _FALSE = ("1", "true", "yes", "t", "y", "1.0"), ("0", "false", "no", "f", "n", "0.0")
_BROKEN = re.compile("[\u00c2-\u00f4][\u0080-\u00bf" + bytes(range(0x80, 0xA0)).decode("cp1252", "ignore") + "]")
"""The first two bytes of a letter in UTF-8, read as Latin-1 or Windows-1252; only then is it worth a closer look."""
_PROTECTED = re.compile(r"""="([^"]+)"|'(\d+)""")
"""How tools keep a spreadsheet from taking an id for a number."""
_WHOLE = re.compile(r"(\d+)\.0*")
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d*))?[eE]\+?(\d{1,2})")
_EXACT = 2**53
"""Whole numbers that a float tells apart."""


def ids(values: Sequence[Any]) -> Cleaned:
    """What tells users and posts apart: text, where `103`, `103.0`, 103 and 103.0 are one."""
    return each(values, _id)


def strings(values: Sequence[Any]) -> Cleaned:
    """Text; numbers become their digits, empty text is missing, half a surrogate pair and mojibake are mended."""
    return each(values, _text)


def paths(values: Sequence[Any]) -> Cleaned:
    """Names of files, letter by letter as they are; of a list the first."""
    return each(values, _path)


def tags(values: Sequence[Any]) -> Cleaned:
    """Tags, from one string, from lists, or from lists written as text, joined by spaces and without '#'."""
    return each(values, _tags)


def comments(values: Sequence[Any]) -> Cleaned:
    """Lists of strings, from lists, lists written as text, or one comment a line."""
    return each(values, _comments)


def bools(values: Sequence[Any]) -> Cleaned:
    """1.0, 0.0, or NaN."""
    cleaned, problems = each(values, _bool)
    return cleaned.astype(np.float64), problems


KINDS: dict[str, Callable[[Sequence[Any]], Cleaned]] = {
    "id": ids,
    "string": strings,
    "path": paths,
    "tags": tags,
    "comments": comments,
    "number": numbers,
    "measure": measures,
    "count": counts,
    "bool": bools,
    "time": times,
}


def kinds(form: TimeForm) -> Mapping[str, Callable[[Sequence[Any]], Cleaned]]:
    """`KINDS`, times in the form that the dataset's parameters name."""
    return {**KINDS, "time": partial(times, form=form)}


def mended(text: str) -> str:
    """The text with each half of a surrogate pair, which no file can hold, replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _id(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, float) and abs(value) >= _EXACT:
        return _string(value)[0], LOST_DIGITS
    text, problem = _string(value)
    if text is not None and text[0] in "='" and (protected := _PROTECTED.fullmatch(text)):
        text = protected[1] or protected[2]
    if text is None or not text[0].isdecimal() or text.isdecimal():
        return text, problem
    whole, scientific = _WHOLE.fullmatch(text), _SCIENTIFIC.fullmatch(text)
    if scientific:
        first, rest, power = scientific[1], scientific[2] or "", int(scientific[3])
        if len(rest.rstrip("0")) > power:
            return text, problem
        exact = len(rest) >= power or power < _SHOWN
        return (first + rest.ljust(power, "0")[:power], problem) if exact else (None, LOST_DIGITS)
    return (whole[1] if whole else text), problem


_SHOWN = 6
"""Below this power a spreadsheet shows all digits of a number and none is rounded away."""


def _text(value: Any) -> tuple[str | None, str | None]:
    text, problem = _string(value)
    if text is None or text.isascii() or problem == HALF or not _BROKEN.search(text):
        return text, problem
    fixed = ftfy.fix_encoding(text)
    return (text, problem) if fixed == text else (fixed, MOJIBAKE)


def _string(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # what a whole number becomes in a column with gaps
    if isinstance(value, list | dict | bytes):
        return None, "no text"
    text, problem = str(value).strip(), None
    try:
        text.encode()
    except UnicodeEncodeError:
        text, problem = mended(text), HALF
    if len(text) > MAX_CHARACTERS:
        text, problem = text[:MAX_CHARACTERS], f"cut at {MAX_CHARACTERS} characters"
    return text.replace("\0", "") or None, problem


def _path(value: Any) -> tuple[str | None, str | None]:
    found = listed.from_text(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        return _string(value)
    named = [listed.word(one) for one in found if not is_missing(one)]
    if not named:
        return None, None
    text, problem = _string(named[0])
    return text, problem or (SEVERAL if len(named) > 1 else None)


def _tags(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, str):
        value = found if (found := listed.from_text(value)) is not None else value
    if isinstance(value, list):
        words = [listed.word(tag) for tag in value]
        value = " ".join("_".join(str(tag).split()) for tag in words if not is_missing(tag))
    if not isinstance(value, str):
        return _string(value)
    return _text(" ".join(re.sub(r"[#,;|]", " ", value).split()))


def _comments(value: Any) -> tuple[list[str] | None, str | None]:
    if isinstance(value, str):
        found = listed.from_text(value)
        value = value.splitlines() if found is None else found
    if not isinstance(value, list):
        return None, "no list of comments"
    cleaned = [_text(listed.word(comment)) for comment in value if not is_missing(comment)]
    return [text for text, _ in cleaned if text], next((problem for _, problem in cleaned if problem), None)


def _bool(value: Any) -> tuple[float | None, str | None]:
    text = str(value).strip().lower()
    if text in NOTHING:
        return None, None
    return (1.0, None) if text in _TRUE else (0.0, None) if text in _FALSE else (None, "neither yes nor no")
