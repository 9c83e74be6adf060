import numpy as np
import pytest

from pipeline.asking.drafts import read
from pipeline.asking.forecaster import Forecaster
from pipeline.asking.occlusion import SIDE, Mattered
from pipeline.base import params
from pipeline.base.targets import Transform
from pipeline.web.drawings import Bar
from pipeline.web.mattered import COLUMNS, ROWS, Patch, _shown, matters, told
from pipeline.web.sights import Sight

LOG = Transform("log2p1")


def written(text):
    """With blanks where lines must not end."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_parts_are_named_by_what_they_do_and_not_where_they_do_nothing():
    parts = [("cake", 1.0), ("the", 0.001), ("a", 1e-9), ("street", -1.0), ("wild", 2.0), ("of", 0.2), ("by", 0.1)]
    said = "Raised most by wild (× 4.00), cake (× 2.00), of (× 1.15). Lowered most by street (× 0.50)."
    assert written(told(parts, LOG)) == said
    assert told(parts[1:3], LOG) == ""
    assert told(parts[1:3], Transform("identity")) == "Raised most by the (+0.001)."


def test_colours_are_shares_of_the_largest_change_of_picture_and_words():
    grid = np.zeros((SIDE, SIDE))
    grid[0, 4], grid[2, 2] = -1, 0.5
    shown = _shown(Mattered(grid, [("Cake,", 2.0), ("the", 0.0), ("sea", -0.5)], 3), LOG)
    shares = np.array([patch.share for patch in shown.patches]).reshape(SIDE, SIDE)
    np.testing.assert_array_equal(shares, grid / 2)
    assert shown.patches[4].bar == Bar(80, 0, 20, 20)
    said = "Raised most by middle centre (× 1.41). Lowered most by top far right (× 0.50)."
    assert written(shown.of_picture) == said
    assert (shown.words, shown.others) == ([("Cake,", 4), ("the", 0), ("sea", -1)], 3)
    assert written(shown.of_words) == "Raised most by cake (× 4.00). Lowered most by sea (× 0.71)."


def test_rounding_has_no_colour():
    shown = _shown(Mattered(np.full((SIDE, SIDE), 1e-8), [("cake", -1e-8)], 0), LOG)
    assert [patch.share for patch in shown.patches] == [0] * SIDE**2
    assert (shown.words, shown.of_words, shown.of_picture) == ([("cake", 0)], "", "")


def test_every_region_has_a_name_and_a_sign_where_much_changes():
    assert (len(ROWS), len(COLUMNS)) == (SIDE, SIDE)
    bar = Bar(0, 20, 20, 20)
    assert [Patch(bar, share).sign for share in (1.0, -1.0, 0.1)] == ["M7.5 30.0h5M10.0 27.5v5", "M7.5 30.0h5", ""]


@pytest.mark.slow
def test_what_has_attention_is_not_covered(asked):
    p = params.load(asked.params)
    forecaster = Forecaster(asked, p, "trees")
    drafts = forecaster.ask(read(asked, p, asked.root / "raw/posts.csv"))
    sights = [Sight(np.ones((2, 2)), [], [])] * len(drafts.drafts)
    first = matters(forecaster, drafts, sights)[0]
    assert (len(first.patches), len(first.words)) == (0, 11)
    sights = [Sight(None, [("cake", 1.0)], [])] * len(drafts.drafts)
    assert [(len(one.patches), one.words) for one in matters(forecaster, drafts, sights)[:2]] == [(SIDE**2, [])] * 2
