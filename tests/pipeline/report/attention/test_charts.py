import io
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.text import Text
from PIL import Image

from pipeline.report import fonts
from pipeline.report.attention import charts as charts
from pipeline.report.attention.charts import Cell, Sight

GREY = 128


def one(side, row, column):
    weights = np.zeros((side, side))
    weights[row, column] = 1
    return weights


def orange(drawn):
    """How far each pixel [h, w] of an overlay over grey is from grey."""
    return np.abs(drawn.astype(int) - GREY).max(axis=-1)


def plain(height, width):
    return np.full((height, width, 3), GREY, np.uint8)


@pytest.mark.parametrize("size", [(84, 42), (42, 126), (84, 84)])
@pytest.mark.parametrize(("side", "row", "column"), [(2, 0, 1), (3, 2, 0), (7, 3, 5), (14, 13, 2), (14, 6, 6)])
def test_overlay_lights_the_region_and_leaves_the_rest_grey(size, side, row, column):
    height, width = (x * 2 for x in size)
    far = orange(charts.overlay(plain(height, width), one(side, row, column), 3.0))
    h, w = height // side, width // side
    y, x = np.mgrid[:height, :width]
    inside = (y // h == row) & (x // w == column)
    beside = (abs(y + 0.5 - (row + 0.5) * h) < h) & (abs(x + 0.5 - (column + 0.5) * w) < w)
    assert inside.sum() == h * w
    assert far[inside].min() > 0
    assert (far[~beside] == 0).all()
    assert np.unravel_index(far.argmax(), far.shape)[0] // h == row
    assert np.unravel_index(far.argmax(), far.shape)[1] // w == column
    full = round(charts.STRENGTH * np.abs(np.array([213, 94, 0]) - GREY).max())
    assert far[row * h + h // 2, column * w + w // 2] == pytest.approx(full, abs=0.15 * full)
    assert far[~inside].max(initial=0) <= 0.52 * full


def test_overlay_is_even_where_attention_is():
    drawn = charts.overlay(plain(40, 60), np.full((4, 4), 1 / 16), 4.0)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 1
    assert orange(drawn)[0, 0] == pytest.approx(0.25 * charts.STRENGTH * GREY, abs=1)


def test_overlay_keeps_light_and_dark_of_the_picture_and_loses_its_colours():
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:10] = [0, 255, 0]
    drawn = charts.overlay(picture, np.zeros((2, 2)), 3.0)
    assert (drawn[..., 0] == drawn[..., 1]).all()
    assert (drawn[..., 0] == drawn[..., 2]).all()
    assert drawn[0, 0, 0] > drawn[-1, 0, 0]


def test_pictures_smaller_than_their_regions_are_drawn():
    assert charts.overlay(plain(3, 200), np.full((14, 14), 1 / 196), 3.0).shape == (3, 200, 3)


def test_one_share_is_what_each_had_if_all_had_the_same():
    assert charts.equal_shares(np.full((3, 3), 1 / 9)) == pytest.approx(np.ones((3, 3)))
    assert charts.equal_shares(np.array([0.5, 0.25, 0.25, 0.0])).tolist() == [2, 1, 1, 0]


@pytest.mark.parametrize(
    ("weights", "top"),
    [
        ([], 3),
        ([None, np.zeros(0)], 3),
        ([np.full(4, 0.25)], 3),
        ([np.array([1.0]), np.array([0.8, 0.05, 0.05, 0.05, 0.05])], 4),
        ([one(14, 0, 0), None], 6),
    ],
    ids=["none", "absent", "equal", "between", "one region"],
)
def test_scale_is_the_largest_of_all_between_its_limits(weights, top):
    assert charts.scale(weights) == pytest.approx(top)


def test_shades_go_from_white_to_orange_and_no_further():
    assert charts.shade(0, 3) == (1, 1, 1)
    assert charts.shade(9, 3) == charts.shade(3, 3) != charts.shade(2, 3)
    assert all(0 <= c <= 1 for c in charts.shade(9, 3))


NOWHERE = "\U000f0000"
"""A private sign that no font of a system has."""


def test_signs_without_a_glyph_are_escaped_and_lines_one():
    assert charts.drawable("a  b\n\tc\x00") == "a b c\\x00"
    assert charts.drawable(f"Fluß and {NOWHERE}") == "Fluß and \\U000f0000"


def test_words_of_any_script_are_drawn_in_a_font_that_has_them(monkeypatch):
    own, other = (fonts._signs(font_manager.findfont(name)) for name in (fonts.OWN, "STIXGeneral"))
    sign = min(other - own)
    monkeypatch.setattr(fonts, "NO_LETTERS", ())
    listed = [font for font in font_manager.fontManager.ttflist if font.name in (fonts.OWN, "STIXGeneral")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", listed)
    weights = {"visual": np.full((2, 2), 0.25), "textual": np.array([0.5, 0.5]), "inter": np.array([0.5, 0.5])}
    sight = Sight([f"word{sign}", NOWHERE], **weights)
    cells = [Cell(f"title{sign}", plain(8, 8), text=f"text{sign}"), Cell("seen", plain(8, 8), sight=sight)]
    drawn = charts.figure([cells], title=f"all {sign}")
    said = {text.get_text(): text.get_fontfamily() for text in drawn.findobj(Text)}
    assert {f"word{sign}", f"text{sign}", f"title{sign}", f"all {sign}", "\\U000f0000"} <= set(said)
    assert all(said[text] == [fonts.OWN, "STIXGeneral"] for text in said if sign in text)
    assert charts.png(drawn)  # without a warning, which would be an error


def test_what_does_not_fit_ends_in_an_ellipsis():
    assert charts.fitting("boat", 2) == "boat"
    cut = charts.fitting("W" * 50, 1)
    assert cut == "W" * (len(cut) - 1) + "…"
    assert 3 < len(cut) < 15
    assert len(charts.fitting("i" * 50, 1)) > len(cut)
    assert charts.fitting("boat", 0) == "…"
    assert charts.fitting(NOWHERE * 10_000, 1).startswith("\\U000f")


def flow(text="", width=2.2, **sight):
    cell = Cell("", plain(4, 4), text=text, sight=Sight(**sight) if sight else None)
    return charts._flow(cell, width)


def test_words_flow_line_after_line_without_touching():
    words = flow("seen on a quiet day early in the morning by the lake with boats and a dog")
    assert [w.text for w in words][:3] == ["seen", "on", "a"]
    assert {w.line for w in words} == {0, 1}
    for first, second in pairwise(words):
        after = first.x + charts._wide(first.text)
        assert (second.line, second.x) > (first.line, after) if first.line == second.line else second.x == 0
        assert after <= 2.2


def test_more_words_than_lines_are_cut_with_an_ellipsis():
    fitting = " ".join(["boats"] * 4 * charts.LINES)
    per_line = sum(w.line == 0 for w in flow(fitting))
    whole = flow(" ".join(["boats"] * per_line * charts.LINES))
    cut = flow(" ".join(["boats"] * (per_line * charts.LINES + 1)))
    assert {w.text for w in whole} == {"boats"}
    assert [w.text for w in cut][-2:] == ["boats", "…"]
    assert len(cut) == len(whole) == per_line * charts.LINES
    assert max(w.line for w in cut) == max(w.line for w in whole) == charts.LINES - 1
    assert cut[-1].share is None


def test_a_long_word_stays_in_its_cell():
    [word] = flow("x" * 100)
    assert word.text.endswith("…")
    assert charts._wide(word.text) < 2.2


def test_words_carry_their_shares():
    words = flow(words=["boat", "cat"], textual=np.array([0.75, 0.25]))
    assert [(w.text, w.share) for w in words] == [("boat", 1.5), ("cat", 0.5)]
    assert [w.share for w in flow("boat cat", words=["boat"])] == [None]


def example(side=3, title="one"):
    picture = np.random.default_rng(0).integers(0, 255, (30, 50, 3)).astype(np.uint8)
    sight = Sight(["boat", "$x$", "a_b"], one(side, 0, 1), np.array([0.8, 0.1, 0.1]), np.array([0.7, 0.3]))
    cells = [Cell("as it is", picture, "real: 1.00", "A boat, $x$ and \\alpha"), Cell("seen", picture, sight=sight)]
    return charts.figure([cells, cells[:1]], title=title)


def pixels(file):
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.slow
def test_the_same_figure_is_the_same_small_file():
    first, second = charts.png(example()), charts.png(example())
    assert first == second
    assert len(first) < 60_000
    assert charts.png(example(title="another")) != first


@pytest.mark.slow
def test_a_file_has_the_colours_of_the_legend_exactly():
    found = {tuple(c) for c in pixels(charts.png(example())).reshape(-1, 3).tolist()}
    steps = np.rint([np.multiply(charts.shade(i, charts.STEPS), 255) for i in range(charts.STEPS + 1)])
    assert {tuple(c) for c in steps.astype(int).tolist()} <= found
    assert {(0, 114, 178), (156, 201, 227), (0, 0, 0), (255, 255, 255)} <= found


@pytest.mark.slow
def test_no_text_lies_over_another_or_leaves_the_figure():
    long = "猫" * 60
    sight = Sight([long, "W" * 80, *["boats"] * 80], one(3, 0, 1), np.full(82, 1 / 82), np.array([0.7, 0.3]))
    tall, flat = plain(90, 20), plain(20, 90)
    cells = [Cell(f"{long} {i}", p, f"predicted: {1e9:.2f} {long}", sight=sight) for i, p in enumerate([tall, flat])]
    cells.append(Cell("W" * 60, tall, "real: 1.00", " ".join([long, *["boats"] * 80])))
    drawn = charts.figure([cells, cells], title="two rows")
    canvas = charts.FigureCanvasAgg(drawn)
    canvas.draw()
    boxes = [t.get_window_extent() for axes in drawn.axes for t in (*axes.texts, axes.title, axes._left_title)]
    boxes = [b for b in boxes if b.width > 0]
    assert len(boxes) > 60
    for i, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= drawn.bbox.x1
        assert box.y0 >= 0
        assert [b for b in boxes[:i] if _overlap(box, b)] == []


def _overlap(a, b, least=2):
    return min(a.x1, b.x1) - max(a.x0, b.x0) > least and min(a.y1, b.y1) - max(a.y0, b.y0) > least


def test_the_bar_is_the_balance_of_picture_and_words():
    drawn = example()
    [bars] = [axes.patches for axes in drawn.axes if axes.patches]
    picture, words = bars
    assert picture.get_width() / (picture.get_width() + words.get_width()) == pytest.approx(0.7)
    assert any(t.get_text() == "picture 70%, words 30%" for axes in drawn.axes for t in axes.texts)


def test_without_sights_there_is_no_legend_and_without_attention_no_orange():
    cell = Cell("as it is", plain(30, 50), "real: 1.00")
    assert len(charts.figure([[cell]], title="x").axes) == 2
    drawn = pixels(charts.png(charts.figure([[Cell("blind", plain(30, 50), sight=Sight())]], title="x")))
    over = drawn[: drawn.shape[0] // 2].astype(int)
    assert np.abs(over - over.mean(axis=-1, keepdims=True)).max() < 1


@pytest.mark.slow
def test_a_file_looks_as_it_was_drawn():
    drawn = example(side=14)
    canvas = charts.FigureCanvasAgg(drawn)
    canvas.draw()
    whole = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    away = np.abs(whole - pixels(charts.png(drawn))).max(axis=-1)
    assert away.mean() < 4.5
    assert np.quantile(away, 0.999) < 60
