import numpy as np
import pandas as pd
import pytest
from PIL import Image

from models.trained import Trained
from pipeline import evaluate, images
from pipeline.base.compute import Compute
from pipeline.base.sections import Packing
from pipeline.report import calibration, charts, panels, plots
from pipeline.storage import store

pytestmark = pytest.mark.slow

NAMES = ["clarity_contrast", "hue_count", "brightness_contrast"]


def drawn(paths):
    evaluate.main(paths)
    return {path.name for path in (paths.results / "plots").iterdir()}


@pytest.fixture
def with_images(trained, tmp_path, picture):
    """A trained project with 8 packed pictures, a post without one, and their measures."""
    paths = trained()
    files = [picture(tmp_path / f"raw/{i}.jpg", brightness=0.3 + i / 20, seed=i) for i in range(8)]
    post_id = [f"post {i}" for i in range(8)]
    posts = pd.DataFrame({"post_id": [*post_id, "none"], "image": [*(f.name for f in files), None]})
    images.pack(posts, tmp_path / "raw", paths.images, Packing(max_side=32), Compute(workers=1))
    values = np.random.default_rng(0).normal(size=(9, 3))
    values[-1] = np.nan
    shape = {"shape": (3,), "dtype": "float32", "names": NAMES, "metadata": {}}
    with store.FeatureWriter(paths.feature("image_stats"), **shape) as writer:
        writer.append(list(posts["post_id"]), values, np.arange(9) < 8)
    return paths


def test_every_picture_of_the_test_part_is_small_and_undated(with_images):
    assert drawn(with_images) == {
        "leaderboard.png",
        "real_vs_predicted_likes.png",
        "ranks_likes.png",
        "error_distribution_likes.png",
        "importance_likes.png",
        "image_stats.png",
    }
    for path in (with_images.results / "plots").glob("*.png"):
        assert path.stat().st_size < 300_000
        with Image.open(path) as image:
            assert image.width <= 1600
            assert set(image.info) <= {"dpi"}


def test_same_numbers_same_bytes(with_images):
    def files():
        evaluate.main(with_images)
        return {p.name: p.read_bytes() for p in with_images.results.rglob("*") if p.is_file()}

    first = files()
    assert len(first) == 14
    assert files() == first


def test_coverage_is_drawn_by_month_and_by_predicted_size(trained, system, predicted, monkeypatch):
    """Over four months of posts; half of the posts of the last one lie outside."""
    paths, frames = trained(n=80), [predicted(20, "validation"), predicted(80)]
    late = np.arange(80) >= 60
    for frame in frames:
        frame["low"], frame["high"] = frame["y"] - 1, frame["y"] + 1
    frames[1].loc[late & (np.arange(80) % 2 == 0), "high"] -= 2.5
    frames[1]["low"] = np.minimum(frames[1]["low"], frames[1]["high"])
    system(paths, "good", frames, level=0.9)
    times = pd.Timestamp("2024-01-05", tz="UTC") + pd.to_timedelta(30 * (np.arange(80) // 20), unit="D")
    store.write_frame(paths.posts, pd.DataFrame({"post_id": frames[1]["post_id"], "posted_at": times}))
    told, panel = [], calibration._panel
    monkeypatch.setattr(calibration, "_panel", lambda axes, *args: [told.append(args), panel(axes, *args)])
    assert "intervals_likes.png" in drawn(paths)
    (by_month, by_size) = ((inside.groupby(groups).mean(), level) for inside, groups, level in told)
    assert by_month[0].to_dict() == {"2024-01": 1, "2024-02": 1, "2024-03": 1, "2024-04": 0.5}
    assert by_month[1] == 0.9
    assert len(by_size[0]) == 10
    assert by_size[0].mean() == pytest.approx(7 / 8)


def test_pictures_of_targets_that_are_gone_go(trained):
    paths = trained()
    (paths.results / "plots").mkdir(parents=True)
    (paths.results / "plots/importance_views.png").write_bytes(b"")
    assert "importance_views.png" not in drawn(paths)


@pytest.mark.parametrize(
    "options",
    [
        {"n": 1, "validation": 0},
        {"n": 1, "constant": True, "systems": {"mean": None}},
        {"constant": True},
        {"systems": {f"a_system_with_a_rather_long_name_{i}": 0.1 * i + 0.1 for i in range(31)}},
        {"targets": ("likes", "views", "score")},
    ],
    ids=["one post", "one system", "constant", "many systems", "three targets"],
)
def test_extremes_are_drawn(trained, options):
    names = drawn(trained(**options))
    assert "leaderboard.png" in names
    for kind in ("real_vs_predicted", "ranks"):
        assert len([n for n in names if n.startswith(kind)]) == len(options.get("targets", ["likes"]))


def test_nothing_to_draw_leaves_an_empty_folder(trained):
    paths = trained(n=0)
    assert drawn(paths) == set()
    assert (paths.results / "points.csv").read_text() == "y,prediction\n"


def test_posts_without_pictures_have_no_picture(trained, tmp_path):
    paths = trained()
    posts = pd.DataFrame({"post_id": ["a", "b"]})
    images.pack(posts, tmp_path, paths.images, Packing(max_side=32), Compute(workers=1))
    shape = {"shape": (3,), "dtype": "float32", "names": NAMES, "metadata": {}}
    with store.FeatureWriter(paths.feature("image_stats"), **shape) as writer:
        writer.append(["a", "b"], np.full((2, 3), np.nan), np.zeros(2, bool))
    assert plots.image_measures(paths) is None


def test_measures_that_were_left_out_have_no_picture(trained, tmp_path):
    paths = trained()
    images.pack(pd.DataFrame({"post_id": ["a"]}), tmp_path, paths.images, Packing(max_side=32), Compute(workers=1))
    nothing = {"shape": (0,), "dtype": "float32", "names": [], "metadata": {}}
    with store.FeatureWriter(paths.feature("image_stats"), **nothing) as writer:
        writer.append(["a"], np.empty((1, 0)), np.zeros(1, bool))
    assert plots.image_measures(paths) is None


def test_points_are_the_best_systems(trained, predicted):
    paths = trained(seeds=(0, 1))
    drawn(paths)
    points = pd.read_csv(paths.results / "points.csv")
    expected = predicted(40, noise=0.5).sort_values("post_id")
    np.testing.assert_allclose(points, expected[["y", "prediction"]], rtol=1e-4)


def test_bars_are_the_rmse_and_the_ceiling_a_line():
    rows = pd.DataFrame({"system": ["top", "ceiling", "low"], "rmse": [1.0, 1.5, 2.0], "n": 9})
    rows = rows.assign(rmse_low=[0.9, 1.4, np.nan], rmse_high=[1.1, 1.6, np.nan])
    [panel] = charts.leaderboard({"likes": rows}, {"ceiling"}).axes
    assert [bar.get_width() for bar in panel.patches] == [1.0, 1.5, 2.0]
    colours = [bar.get_facecolor() for bar in panel.patches]
    assert len(set(colours)) == 3
    assert [t.get_text() for t in panel.get_yticklabels()] == ["top", "ceiling", "low"]
    assert any(list(line.get_xdata()) == [1.5, 1.5] for line in panel.lines)


def test_histograms_hold_every_post():
    y, predictions = np.arange(50.0), {"a": np.arange(50.0) + 3, "b": np.zeros(50)}
    for panel in panels.error_distribution(y, predictions, "likes").axes:
        assert sum(panel.patches[0].get_data().values) == pytest.approx(100)


def test_importance_names_the_rest():
    [panel, _] = charts.importance({"a": {f"input {i:02d}": 1 / 40 for i in range(40)}}).axes
    labels = [t.get_text() for t in panel.get_yticklabels()]
    assert labels[-1] == "28 others"
    assert sum(bar.get_width() for bar in panel.patches) == pytest.approx(100)


def test_inputs_whose_short_names_agree_keep_their_bars():
    long = "category=" + "x" * 40
    [panel, _] = charts.importance({"a": {f"{long}1": 0.7, f"{long}2": 0.3}}).axes
    assert sorted(bar.get_width() for bar in panel.patches) == pytest.approx([30, 70])
    assert len({bar.get_y() for bar in panel.patches}) == 2


def test_ranks_are_percent_and_their_correlation_stands_above():
    y = np.array([1.0, 2.0, 5.0, 9.0])
    found = panels.ranks(y, {"turned": -y, "tied": np.array([0.0, 0.0, 1.0, 1.0]), "flat": np.zeros(4)}, "likes").axes[
        :3
    ]
    assert [panel.get_title().split("\n") for panel in found] == [
        ["turned", "Spearman -1.000"],
        ["tied", "Spearman 0.894"],
        ["flat", "Spearman undefined"],
    ]
    points = [panel.collections[0].get_offsets().tolist() for panel in found]
    assert points[0] == [[12.5, 87.5], [37.5, 62.5], [62.5, 37.5], [87.5, 12.5]]
    assert points[1] == [[12.5, 25], [37.5, 25], [62.5, 75], [87.5, 75]]
    assert points[2] == [[x, 50] for x in (12.5, 37.5, 62.5, 87.5)]


def losses(system, seed=0, validation=(2.5, 1.25), target="likes"):
    rows = {"step": [10, 20], "train": [2.0, 1.0], "validation": validation}
    return pd.DataFrame({"system": system, "target": target, "seed": seed, **rows})


def test_curves_are_a_panel_a_system_and_a_line_a_seed():
    nothing = (np.nan, np.nan)
    frame = pd.concat(
        [losses("b"), losses("b", seed=1), losses("a", validation=nothing), losses("c", validation=(0, 1))]
    )
    found = panels.curves(frame, "likes").axes
    assert [panel.get_title() for panel in found[:3]] == ["b", "a", "c"]
    drawn = [[list(line.get_ydata()) for line in panel.lines] for panel in found[:3]]
    assert drawn[0] == [[2, 1], [2.5, 1.25]] * 2
    assert drawn[1] == [[2, 1], []]
    assert [panel.get_yscale() for panel in found[:3]] == ["log", "log", "linear"]


def test_networks_have_a_picture_of_their_curves(trained):
    paths = trained(targets=("likes", "views"))
    good = Trained.open(paths, "good")
    curve = {"step": [10], "train": [2.0], "validation": [2.5]}
    good.targets["views"].curve[0] = curve
    good.write()
    assert {name for name in drawn(paths) if name.startswith("curves")} == {"curves_views.png"}


def test_too_many_systems_are_counted():
    y = np.arange(5.0)
    figure = panels.real_vs_predicted(y, {f"system {i}": y for i in range(charts.PANELS + 4)}, "likes")
    assert "(36 of 40 systems)" in figure.get_supxlabel()
