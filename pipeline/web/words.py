"""How the page says numbers and errors."""

import numpy as np

from pipeline.base import targets
from pipeline.base.targets import Transform


def short(number: float) -> str:
    """A count as people say it: three digits at most, and none behind the point from ten on."""
    if not np.isfinite(number):
        return "–"
    number = max(number, 0.0)
    if number < 10:
        return f"{number:.1f}".removesuffix(".0")
    if number < 1000:
        return f"{number:.0f}"
    digits = 10 ** (int(np.log10(number)) - 2)
    return f"{round(number / digits) * digits:,.0f}"


def say(transform: Transform, value: float) -> str:
    """A value of a scale as a count, or as it is where a count needs days."""
    return f"{value:.1f}" if transform.name in targets.PER_DAY else short(float(transform.inverse(value)))


def hundred(share: float) -> str:
    """A share in words."""
    return f"{100 * share:.0f} of 100"


def sentence(error: Exception) -> str:
    """What an error says, as a sentence."""
    text = " ".join(str(error).split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


FILTERS = {"short": short, "hundred": hundred}
