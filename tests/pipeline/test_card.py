"""The model card says of data and predictions what is true of them."""

import numpy as np
import pandas as pd
import pytest

from pipeline import card
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow
N = 80


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root = tmp_path_factory.mktemp("card")
    write_posts_folder(root / "raw", posts=build_posts(N))
    trees = {"n_estimators": 20, "max_depth": 3}
    systems = {"trees": {"model": "xgboost", "features": ["user_time"], "trees": trees}, "mean": {"model": "constant"}}
    paths = write_params(root, features={"user_time": {}}, systems=systems, split={"ratios": [0.4, 0.1, 0.5]})
    run_stages(paths)
    return paths


def table(text, head):
    """The cells of the first table below a heading."""
    lines = text[text.index("\n|", text.index(f"## {head}\n")) + 1 :].split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return pd.DataFrame(rows[2:], columns=rows[0])


def test_parts_are_those_of_the_data(paths):
    text = (paths.results / "CARD.md").read_text()
    shown = table(text, "Data").set_index("part")
    posts = store.read_frame(paths.posts).merge(store.read_frame(paths.splits), on="post_id")
    train = posts[posts["part"] == "train"]
    for part, own in posts.groupby("part"):
        assert int(shown.loc[part, "posts"]) == len(own)
        new = set(own["user_id"]) - set(train["user_id"])
        assert (int(shown.loc[part, "users"]), int(shown.loc[part, "new users"])) == (
            own["user_id"].nunique(),
            len(new),
        )
        assert shown.loc[part, "from"] == f"{own['posted_at'].min():%Y-%m-%d}"
        assert float(shown.loc[part, "likes, quartiles"].split(", ")[1].replace(",", "")) == pytest.approx(
            own["likes"].median(), rel=1e-3
        )


def test_what_was_predicted_and_what_became_of_it(paths):
    text = (paths.results / "CARD.md").read_text()
    board = pd.read_csv(paths.results / "leaderboard.csv")
    best = board[board["part"] == "test"].sort_values("rmse")["system"].iloc[0]
    assert f"Of `{best}`" in text
    made = store.read_frame(paths.predictions(best)).query("part == 'test'")
    shown = table(text, "Calibration: likes").drop(columns="predicted").astype(float)
    assert shown["n"].sum() == len(made) == 40
    assert len(shown) > 1
    assert shown["predicted, mean"].is_monotonic_increasing
    error = (made["prediction"] - made["y"]).abs()
    for column, values in {"predicted, mean": made["prediction"], "real, mean": made["y"], "MAE": error}.items():
        assert np.average(shown[column], weights=shown["n"]) == pytest.approx(values.mean(), abs=0.01)


def test_a_ceiling_leads_nothing(paths):
    from pipeline.metrics.tasks import POPULARITY
    from pipeline.report.card import best_of

    rows = [("ceiling", 0.1), ("trees", 0.5), ("mean", 0.9)]
    board = pd.DataFrame(rows, columns=["system", "rmse"]).assign(target="likes", part="test")
    assert best_of([(POPULARITY, board)]) == {"likes": "trees"}


def test_without_times_or_users(tmp_path):
    posts = build_posts(30).drop(columns=["posted_at", "user_id"])
    write_posts_folder(tmp_path / "raw", posts=posts)
    systems = {"mean": {"model": "constant"}}
    paths = write_params(tmp_path, features={"category": {}}, systems=systems, split={"method": "random"})
    run_stages(paths)
    text = (paths.results / "CARD.md").read_text()
    assert "No post has a time." in text
    assert "All posts are predicted alike" in text
    assert table(text, "Data").columns.tolist() == ["part", "posts", "likes, quartiles"]


def test_before_anything_was_scored_it_is_one_line(paths, tmp_path):
    (paths.results / "leaderboard.csv").rename(tmp_path / "board")
    with pytest.raises(UserError, match=r"leaderboard\.csv"):
        card.main(paths)
    (tmp_path / "board").rename(paths.results / "leaderboard.csv")
