"""The heat map of DSN's residual ratios: which entries belong together, and what stands in the cells."""

from dataclasses import replace
from pathlib import Path

import matplotlib.colors as colours
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from models.trained import Trained
from pipeline import evaluate
from pipeline.base.sections import Entry
from pipeline.report import charts, ratios

FEATURES = {"image": ["clip_image"], "text": ["clip_text"], "user": ["user_vector"]}


def trained_as(**entries):
    """Systems of these arguments, `model` among them; DSN where it is not."""
    systems = {}
    for name, given in entries.items():
        module = given.pop("model", "dsn")
        arguments = given if module != "dsn" else {"features": FEATURES, **given}
        systems[name] = Trained(Path(), Entry(name, module, 1, arguments), True)
    return systems


def mae(**values):
    return pd.DataFrame({"system": list(values), "mae": list(values.values())})


def test_a_family_differs_in_the_two_ratios_alone():
    systems = trained_as(
        dsn={},
        kept={"alpha": 1, "beta": 1.0, "training": {"epochs": 10}, "length": 8},
        short={"length": 4, "alpha": 0.0},
        shorter={"length": 4, "beta": 0.0},
        longer={"training": {"epochs": 11}},
        again={"alpha": 0.2},
        svr={"model": "svr"},
        unmeasured={"alpha": 0.8},
    )
    values = {"dsn": 1.0, "kept": 2.0, "short": 3.0, "shorter": 4.0, "longer": 5.0, "again": 6.0, "svr": 7.0}
    assert ratios.families(systems, values) == {
        "dsn": {(0.2, 0.6): 1.0, (1.0, 1.0): 2.0},
        "short": {(0.0, 0.6): 3.0, (0.2, 0.0): 4.0},
    }


@pytest.mark.parametrize(
    "systems", [{}, {"dsn": {}}, {"dsn": {}, "other": {"length": 4}}, {"dsn": {}, "again": {"beta": 0.6}}]
)
def test_one_cell_is_no_picture(systems):
    systems = trained_as(**systems)
    assert ratios.draw(systems, mae(**dict.fromkeys(systems, 1.0))) is None


def test_cells_have_their_number_and_the_others_are_hatched():
    figure = ratios.heat_maps({"dsn": {(0.2, 0.6): 1.192, (0.3, 1.0): 1.5, (1.0, 0.0): 1.3}})
    [panel] = figure.axes
    assert [t.get_text() for t in panel.get_xticklabels()] == ["0", "0.2", "0.3", "0.4", "0.6", "0.8", "1"]
    assert [t.get_text() for t in panel.get_yticklabels()] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert {t.get_position(): t.get_text() for t in panel.texts} == {
        (1, 3): "1.192",
        (2, 5): "1.500",
        (6, 0): "1.300",
    }
    cells = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    assert sum(cell.get_hatch() is not None for cell in cells) == 7 * 6 - 3
    light = {cell.get_xy(): sum(colours.to_rgb(cell.get_facecolor())) for cell in cells if not cell.get_hatch()}
    assert light[0.5, 2.5] > light[5.5, -0.5] > light[1.5, 4.5]


def test_families_beyond_what_is_shown_are_counted():
    found = {f"kind {i}": {(0.0, 0.0): 1.0, (1.0, 1.0): 1.0} for i in range(8)}
    figure = ratios.heat_maps(found)
    assert [panel.get_title() for panel in figure.axes] == list(found)[:6]
    assert figure.get_supxlabel().endswith(charts.left_out(6, 8, "kinds of entries"))


@pytest.mark.slow
def test_the_picture_is_made_of_what_was_run(trained):
    paths = trained(systems={"dsn": 0.5, "kept": 0.9, "good": 0.3}, targets=("score", "likes"))
    for name, at in (("dsn", {}), ("kept", {"alpha": 1.0, "beta": 1.0})):
        system = Trained.open(paths, name)
        replace(system, entry=Entry(name, "dsn", 1, {"features": FEATURES, **at})).write()
    evaluate.main(paths)
    drawn = {path.name for path in (paths.results / "plots").glob("ratios_*")}
    assert drawn == {"ratios_score.png", "ratios_likes.png"}
