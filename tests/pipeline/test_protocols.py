"""Runs under several protocols side by side: a table each, places counted by hand, and what cannot be compared."""

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from pipeline import protocols
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.report import charts, leaderboard, slopes
from tests.conftest import write_params

RMSE = {"random": {"a": 1.0, "b": 2.0, "c": 3.0, "best": 0.5}, "users": {"a": 2.0, "b": 1.5, "c": 3.0, "best": 0.4}}
RMSE["chronological"] = {"c": 1.0, "b": 1.5, "a": 1.7, "best": 0.4, "new": 0.9}


def write_board(folder, method, rmse, **columns):
    """A leaderboard.csv with the validation part beside the test part, which has other numbers."""
    rows = [
        {"system": name, "target": "likes", "part": part, "seeds": 1, "n": 7, "dataset": "d", "rmse": value + away}
        for part, away in (("test", 0), ("validation", 50))
        for name, value in rmse.items()
    ]
    frame = pd.DataFrame(rows).assign(protocol=f"{method} 60:20:20 seed 0 log2p1", differs=None, **columns)
    ends = [f"{name}_{end}" for name in leaderboard.POPULARITY.metrics for end in ("low", "high", "spread")]
    folder.mkdir(parents=True)
    frame.reindex(columns=[*frame, *ends, "p_holm"]).to_csv(folder / "leaderboard.csv", index=False)
    return str(folder)


@pytest.fixture
def runs(tmp_path):
    return [write_board(tmp_path / name, name, rmse) for name, rmse in RMSE.items()]


@pytest.fixture
def compared(tmp_path):
    """`compared(runs)`: protocols.md, as text, and the folder it lies in."""

    def compared(runs, paths=None):
        protocols.main(paths or Paths(tmp_path), [*runs, "--out", str(tmp_path / "out")])
        return (tmp_path / "out/protocols.md").read_text(encoding="utf-8"), tmp_path / "out"

    return compared


def test_a_table_for_each_protocol_and_none_with_two(runs, compared):
    text, folder = compared(runs)
    blocks = [block for block in text.split("\n\n") if block.startswith("| system")]
    heads = [line for line in text.splitlines() if line.startswith("d, ")]
    assert [head.split()[1] for head in heads] == ["random", "users", "chronological"]
    assert [len(block.splitlines()) - 2 for block in blocks] == [4, 4, 5]
    assert all("n = 7. Lowest RMSE first." in head for head in heads)
    assert "| a      | 1.000 |" in blocks[0]
    assert "| a      | 2.000 |" in blocks[1]
    assert "5" not in text.replace("0.5", "").replace("1.5", ""), "a number of the validation part"
    assert len(pd.read_csv(folder / "protocols.csv")) == 13


def test_places_are_of_the_systems_in_every_run(runs, compared):
    boards = {run: protocols.board(Paths(), run) for run in runs}
    found = slopes.places(protocols.together(boards), ceilings=["best"])
    assert [name.split()[0] for name in found] == ["random", "users", "chronological"]
    assert found.T.to_numpy().tolist() == [[1, 2, 3], [2, 1, 3], [3, 2, 1]]
    assert [round(tau, 3) for tau in slopes.agreement(found).values()] == [0.333, -0.333]


def test_equal_systems_stand_in_the_order_of_names(tmp_path):
    run = write_board(tmp_path / "tie", "random", {"z": 1.0, "a": 1.0, "m": 0.5})
    found = slopes.places(protocols.board(Paths(), run))
    assert found.iloc[:, 0].to_dict() == {"a": 2, "m": 1, "z": 3}


def test_the_ceiling_of_the_project_takes_no_part(runs, compared, tmp_path):
    paths = write_params(tmp_path / "project", systems={"best": {"model": "ceiling"}, "a": {"model": "constant"}})
    text, _ = compared(runs, paths)
    assert "left out: best, new." in text
    assert "Places of 3 systems" in text
    assert "left out: new." in compared(runs)[0]


def test_the_picture_is_there_and_the_same_for_the_same_numbers(runs, compared):
    _, folder = compared(runs)
    before = (folder / "ranks_likes.png").read_bytes()
    compared(runs)
    assert (folder / "ranks_likes.png").read_bytes() == before
    with Image.open(folder / "ranks_likes.png") as image:
        assert image.width <= 1600
    compared([runs[1], runs[0], runs[2]])
    assert (folder / "ranks_likes.png").read_bytes() != before


def test_names_in_the_picture_do_not_touch():
    methods = {"chronological_shuffled": range(1, 31), "users": range(30, 0, -1)}
    found = pd.DataFrame({f"{name} 70:10:20 seed 0 log2_per_day_plus_one": places for name, places in methods.items()})
    found.index = [f"a_system_of_a_rather_long_name_{i}" for i in range(30)]
    with mpl.rc_context(charts.STYLE):
        figure = slopes.draw(found, "likes")
        FigureCanvasAgg(figure).draw()
        [panel] = figure.axes
        boxes = [text.get_window_extent() for text in (*panel.texts, *panel.get_xticklabels(), panel.title)]
    for i, box in enumerate(boxes):
        assert figure.bbox.containsx(box.x0)
        assert figure.bbox.containsx(box.x1)
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_one_run_is_a_table_without_a_picture(runs, compared):
    text, folder = compared(runs[:1])
    assert "Kendall" not in text
    assert not list(folder.glob("*.png"))


@pytest.mark.parametrize(
    ("method", "columns", "message"),
    [
        ("random", {}, "are both of the protocol random 60:20:20 seed 0 log2p1"),
        ("users", {"dataset": "other"}, "runs of several datasets: d, other"),
    ],
)
def test_runs_that_cannot_be_compared_are_one_clear_line(runs, tmp_path, compared, method, columns, message):
    again = write_board(tmp_path / "again", method, {"a": 1.0}, **columns)
    with pytest.raises(UserError, match=message):
        compared([runs[0], again])


def test_what_is_no_run_is_one_clear_line(runs, tmp_path, compared):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no leaderboard.csv there"):
        compared([str(tmp_path / "empty")])
    with pytest.raises(UserError, match="nowhere: neither a folder nor an experiment or revision"):
        compared(["nowhere"])
    (tmp_path / "empty/leaderboard.csv").write_text("system,rmse\na,1\n")
    with pytest.raises(UserError, match="none of this project's, without target, dataset, protocol"):
        compared([str(tmp_path / "empty")])
