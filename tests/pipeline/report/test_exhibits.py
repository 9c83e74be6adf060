"""What is shown of the data itself, as two of the papers show theirs."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from models.trained import Learned, Trained
from pipeline import evaluate, images
from pipeline.base import params
from pipeline.base.compute import Compute
from pipeline.base.sections import Entry, Packing
from pipeline.report import charts, exhibits, notes, plots
from pipeline.report.attention.charts import png
from pipeline.storage import store

BOTH = {"retweets": "max", "likes": "max"}


@pytest.fixture
def with_counts(project):
    """`with_counts(retweets, likes, **sections)`: a project whose posts have both counts."""

    def build(retweets, likes, **sections):
        paths = project(dataset={"targets": BOTH}, **sections)
        store.write_frame(
            paths.posts, pd.DataFrame({"post_id": map(str, range(len(likes))), **counted(retweets, likes)})
        )
        return paths

    return build


def counted(retweets, likes):
    return {"retweets": np.asarray(retweets, dtype=float), "likes": np.asarray(likes, dtype=float)}


def test_the_correlation_is_pearsons_of_posts_with_both_counts(with_counts):
    paths = with_counts([1, 2, 3, np.nan, 10], [2, 1, 5, 7, 9])
    expected = np.corrcoef([1, 2, 3, 10], [2, 1, 5, 9])[0, 1]
    assert exhibits.pearson(exhibits.counts(paths)) == pytest.approx(expected)
    assert exhibits.of_data(paths, params.load(paths.params))["pearson"] == f"{expected:.3f}"


def test_a_constant_count_has_no_correlation(with_counts):
    paths = with_counts([1, 2, 3], [5, 5, 5])
    assert "pearson" not in exhibits.of_data(paths, params.load(paths.params))
    [title] = [text.get_text() for text in exhibits.two_counts(paths, BOTH).texts if "Pearson" in text.get_text()]
    assert title == "3 posts; Pearson's correlation of retweets and likes: undefined"


def test_both_counts_are_drawn_where_both_are_targets(with_counts):
    paths = with_counts([1, 2, 40], [5, 7, 90])
    panels = exhibits.two_counts(paths, BOTH).axes
    assert [panel.get_xlabel() for panel in panels] == ["retweets", "likes"]
    assert [sum(bar.get_height() for bar in panel.patches) for panel in panels] == [3, 3]
    assert exhibits.two_counts(paths, {"likes": "max"}) is None


def test_without_posts_there_is_nothing_to_show(project):
    paths = project()
    assert exhibits.counts(paths) is None
    assert exhibits.popular(paths, "likes") is None
    assert exhibits.of_data(paths, params.load(paths.params)) == {}


@pytest.fixture
def with_pictures(trained, tmp_path, picture):
    """A trained project of four users with 9, 8, 8 and 1 posts, two of which share a picture."""
    paths = trained(systems={"uhan": 0.5}, features={"words": {}})
    users = ["a"] * 9 + ["b"] * 8 + ["c"] * 8 + ["d"]
    files = [picture(tmp_path / f"raw/{i}.jpg", brightness=0.2 + i / 40, seed=i) for i in range(len(users))]
    posts = pd.DataFrame(
        {
            "post_id": [f"p{i}" for i in range(len(users))],
            "user_id": users,
            "image": [file.name for file in files],
            "likes": np.arange(len(users), dtype=float),
            "posted_at": pd.date_range("2007-03-01", periods=len(users), freq="100D", tz="UTC").as_unit("us"),
        }
    )
    posts.loc[1, "image"] = posts.loc[0, "image"]
    posts.loc[24, "image"] = None
    store.write_frame(paths.posts, posts)
    images.pack(posts[["post_id", "image"]], tmp_path / "raw", paths.images, Packing(max_side=32), Compute(workers=1))
    metadata = {"state": {"vocabulary": ["sea", "town", "sky"]}}
    with store.FeatureWriter(
        paths.feature("words"), shape=(2,), dtype="int32", names=None, metadata=metadata
    ) as writer:
        writer.append(["p0"], np.zeros((1, 2), dtype=np.int32), np.ones(1, dtype=bool))
    return paths


def test_three_users_with_most_pictures_from_most_to_least_popular(with_pictures, monkeypatch):
    shown = []
    monkeypatch.setattr(charts, "gallery", lambda rows, _: shown.append(rows))
    exhibits.popular(with_pictures, "likes")
    [rows] = shown
    # a's post 0 has the picture of post 1, which is more popular; c's 24 has none, so b has most beside a
    assert {user: [count for count, _ in pictures] for user, pictures in rows} == {
        "a": ["8", "7", "5", "4", "2", "1"],
        "b": ["16", "15", "13", "12", "10", "9"],
        "c": ["23", "22", "21", "19", "18", "17"],
    }
    brightness = [int(picture[0, 0, 1]) for _, picture in rows[1][1]]
    assert brightness == sorted(brightness, reverse=True)  # as they were drawn, post by post


def test_any_name_can_be_drawn(with_pictures):
    posts = store.read_frame(with_pictures.posts)
    names = {"a": "$\U000f0000$", "b": "größe", "c": "$\\x"}
    store.write_frame(with_pictures.posts, posts.assign(user_id=posts["user_id"].replace(names)))
    drawn = exhibits.popular(with_pictures, "likes")
    assert png(drawn)
    assert [panel.get_ylabel() for panel in drawn.axes if panel.get_ylabel()] == ["$\\U000f0000$", "größe", "$\\x"]


@pytest.mark.slow
def test_the_picture_is_drawn_the_same_every_time(with_pictures):
    def drawn():
        evaluate.main(with_pictures)
        return (with_pictures.results / "plots/popular.png").read_bytes()

    first = drawn()
    assert first == drawn()
    with Image.open(with_pictures.results / "plots/popular.png") as image:
        assert image.width <= 1600
    assert not (with_pictures.results / "plots/counts.png").exists()


def test_the_papers_table_of_the_data_stands_in_uhan_md(with_pictures, monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda *_, **__: None)
    evaluate.main(with_pictures)
    text = (with_pictures.results / "tables/uhan.md").read_text(encoding="utf-8")
    assert text.index("## Table 1: the dataset") < text.index("### Table 2")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    assert rows[0] == ["of all posts", "published", "measured"]
    assert rows[2:6] == [
        ["images", "179,686", "25"],
        ["words", "70,170", "3"],
        ["users", "128", "4"],
        ["time span", "2007-2013", "2007-2014"],
    ]


def test_the_correlation_stands_below_the_table(with_counts, system, predicted, monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda *_, **__: None)
    paths = with_counts([1, 2, 3, 10], [2, 1, 5, 9], systems={"bow_svr": {"model": "svr", "features": ["category"]}})
    frames = [predicted(20, target=target) for target in BOTH]
    system(paths, "bow_svr", frames, targets=tuple(BOTH))
    evaluate.main(paths)
    text = " ".join((paths.results / "tables/picture-or-words.md").read_text(encoding="utf-8").split())
    correlation = np.corrcoef([1, 2, 3, 10], [2, 1, 5, 9])[0, 1]
    assert f"Pearson's correlation of retweets and likes, over all posts: {correlation:.3f}; published: 0.631" in text


def test_what_is_approximated_is_named(tmp_path):
    def svr(name, *methods):
        learned = Learned({}, chosen={i: {"method": method} for i, method in enumerate(methods)})
        return Trained(tmp_path, Entry(name, "svr"), True, targets={"score": learned})

    systems = {"large": svr("large", "nystroem"), "small": svr("small", "exact"), "other": svr("other")}
    [said] = notes.approximated(systems)
    assert said.startswith("Approximated: the kernel of `large`, by Nyström's method")
    assert list(notes.approximated({"small": systems["small"]})) == []
    assert said in list(notes.of_systems(systems))


def test_labels_that_features_tell_of_are_named(tmp_path):
    state = {"label": {"target": "likes", "transform": "log2p1"}}
    features = {
        "after": {"state": state, "arguments": {"validation": True}, "untrained": False},
        "history": {"state": state, "arguments": {}, "untrained": False},
        "activity": {"state": {"label": None}, "arguments": {}, "untrained": False},
    }
    system = Trained(tmp_path, Entry("one", "lightgbm"), True, features=features)
    said = list(notes.of_systems({"one": system, "two": system}))
    assert said == [
        "`after`: labels (likes) of earlier posts of the training and validation parts, never of the test part.",
        "`history`: labels (likes) of earlier posts of the training part, never of the test part.",
    ]


def test_losses_and_what_was_refitted_are_named(tmp_path):
    def booster(name, **chosen):
        return Trained(tmp_path, Entry(name, "lightgbm"), True, targets={"score": Learned({}, chosen={0: chosen})})

    told = {"plain": {}, "one": {"loss": "absolute error"}, "two": {"loss": "absolute error", "refit": "all of it"}}
    said = list(notes.of_systems({name: booster(name, **chosen) for name, chosen in told.items()}))
    assert said[0].startswith("Loss: `one`, `two` learned to make small: absolute error;")
    assert said[1].startswith("Refitted: `two` learned from all of it")


def test_rows_of_a_paper_that_cannot_be_are_named():
    said = list(notes.contradictions("xgb-clip"))
    assert [one.split("`")[1] for one in said] == ["xgboost", "xgb_clip_pca"]
    assert "RMSE squared is 1.533, the error's variance and its mean squared are 1.770 together." in said[1]
    assert list(notes.contradictions("uhan")) == []
