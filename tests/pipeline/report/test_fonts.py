"""Names that matplotlib's own font lacks: another font, or an escape; never a box, never a warning."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from pipeline.report import charts, fonts, panels
from pipeline.report.plots import save

NOWHERE = "\U000f0000"
"""A private sign that no font of a system has."""
NAMES = ["category=日本", "größe", "emoji 😀", "$x_{", "line\nbreak", NOWHERE]


def test_a_font_of_the_system_is_taken_where_it_has_the_sign(monkeypatch):
    own, other = (fonts._signs(font_manager.findfont(name)) for name in (fonts.OWN, "STIXGeneral"))
    sign = min(other - own)
    assert fonts.families(["a", sign]) == [fonts.OWN]  # formulas are no letters
    monkeypatch.setattr(fonts, "NO_LETTERS", ())
    listed = [font for font in font_manager.fontManager.ttflist if font.name in (fonts.OWN, "STIXGeneral")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", listed)
    assert fonts.families(["a", sign]) == [fonts.OWN, "STIXGeneral"]
    with mpl.rc_context({"font.family": [fonts.OWN, "STIXGeneral"]}):
        assert fonts.readable(sign) == sign


def test_what_no_font_has_is_escaped():
    assert fonts.families(["größe", NOWHERE]) == [fonts.OWN]
    assert fonts.readable(f"größe {NOWHERE}") == "größe \\U000f0000"
    assert fonts.readable("a\nb") == "a\\nb"


def test_a_font_that_cannot_be_read_is_none(tmp_path):
    (tmp_path / "x.ttf").write_bytes(b"no font")
    assert fonts._signs(str(tmp_path / "x.ttf")) == frozenset()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_pictures_of_any_names_are_drawn_without_a_warning(name, tmp_path):
    rows = pd.DataFrame({"system": [name], "rmse": [1.0], "rmse_low": [0.5], "rmse_high": [1.5], "n": [3]})
    losses = pd.DataFrame({"system": name, "seed": 0, "step": [1, 2], "train": [2.0, 1.0], "validation": [2.0, 1.0]})
    y = np.arange(3.0)
    with mpl.rc_context({**charts.STYLE, "font.family": fonts.families([name])}):
        figures = [
            charts.leaderboard({fonts.readable(name): rows}, []),
            charts.importance({name: {name: 1.0}}),
            panels.ranks(y, {name: y}, fonts.readable(name)),
            panels.curves(losses, fonts.readable(name)),
        ]
        for figure in figures:
            assert isinstance(figure, Figure)
            save(figure, tmp_path / "x.png")
