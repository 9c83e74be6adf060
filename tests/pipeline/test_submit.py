"""The file of the challenge: its form, whose scores are in it, and what cannot be submitted."""

import json

import pandas as pd
import pytest

from pipeline import predict, submit
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.conftest import smpd_tables, write_params, write_smpd_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

N = 60
TREES = {"n_estimators": 9, "learning_rate": 0.3}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A folder of SMPD, and beside it one with the files of its test part, in which nothing is known of labels."""
    root = tmp_path_factory.mktemp("challenge")
    tables = smpd_tables(N)
    write_smpd_folder(root / "raw", tables=tables)
    hidden = {name.replace("train_", "test_"): t for name, t in tables.items() if name != "train_label.txt"}
    write_smpd_folder(root / "hidden", images=False, tables=hidden)
    dataset = {"reader": "smpd", "targets": {"score": "identity"}}
    trees = {"model": "xgboost", "features": ["user_time", "category"], "trees": TREES, "seeds": 2}
    systems = {"trees": trees, "words": {"model": "svr", "features": ["sentence"]}}
    features = {"user_time": {}, "category": {}, "sentence": {}}
    paths = write_params(root, dataset=dataset, features=features, systems=systems)
    run_stages(paths, results=False)
    return paths


@pytest.fixture
def submitted(paths, tmp_path):
    def submitted(*arguments, system="trees"):
        out = tmp_path / "submission.json"
        submit.main(paths, ["--system", system, "--out", str(out), *map(str, arguments)])
        return json.loads(out.read_text(encoding="utf-8"))

    return submitted


def test_the_form_is_the_challenges(submitted):
    content = submitted()
    assert list(content) == ["version", "result", "external_data"]
    assert content["version"] == "VERSION 1.2"
    assert content["external_data"] == {"used": "false", "details": ""}
    for row in content["result"]:
        assert list(row) == ["post_id", "popularity_score"]
        assert row["post_id"].removeprefix("post").isdecimal()
        assert type(row["popularity_score"]) is float


def test_without_posts_it_has_the_test_part(paths, submitted):
    said = store.read_frame(paths.predictions("trees"))
    said = said[said["part"] == "test"].groupby("post_id", sort=False)["prediction"].mean()
    found = pd.DataFrame(submitted()["result"])
    assert found["post_id"].tolist() == [f"post{name.split('/')[1]}" for name in said.index]
    assert found["popularity_score"].tolist() == pytest.approx(said.tolist(), abs=1e-6)


def test_a_folder_of_the_test_files_is_predicted_in_its_order(paths, submitted):
    found = pd.DataFrame(submitted("--posts", paths.root / "hidden")["result"])
    lines = (paths.root / "hidden/test_img_filepath.txt").read_text().split()
    assert found["post_id"].tolist() == [f"post{line.split('/')[2].removesuffix('.jpg')}" for line in lines]
    said = predict.predict(paths, params.load(paths.params), "trees", paths.root / "hidden")
    assert found["popularity_score"].tolist() == pytest.approx(said["score_identity"].tolist(), abs=1e-6)
    known = dict(zip(said["post_id"], found["popularity_score"], strict=True))
    again, _ = submit.score(paths, params.load(paths.params), "trees", None)
    assert [known[name] for name in again.index] == pytest.approx(again.tolist(), abs=1e-5)
    assert again.nunique() > 3


def test_posts_of_one_pid_are_all_there_and_said(paths, submitted, caplog):
    """SMPD's Pids are unique for each user; the form has no place for whose a post is."""
    submitted("--posts", drafts(paths, post_id=["1/7", "1/8"], text=["a", "b"]), system="words")
    assert "Pid" not in caplog.text
    found = submitted("--posts", drafts(paths, post_id=["1/7", "2/7"], text=["a", "b"]), system="words")["result"]
    assert [row["post_id"] for row in found] == ["post7", "post7"]
    assert "2 posts of several users have a Pid together" in caplog.text


def test_data_from_elsewhere_is_told(submitted):
    assert submitted(system="words")["external_data"] == {"used": "true", "details": "sentence: sentence"}
    assert submitted("--external", "tea leaves")["external_data"] == {"used": "true", "details": "tea leaves"}


def test_what_is_not_the_challenges_score_is_said(make_posts, tmp_path, caplog):
    from tests.conftest import write_posts_folder

    write_posts_folder(tmp_path / "raw", posts=make_posts(30), images=False)
    two = {"likes": "log2p1", "followers": "identity"}
    paths = write_params(tmp_path, systems={"user_mean": {}}, dataset={"targets": two})
    run_stages(paths, results=False)
    out = ["--out", str(tmp_path / "it.json")]
    with pytest.raises(UserError, match="user_mean was trained on followers, likes; name one of them"):
        submit.main(paths, ["--system", "user_mean", *out])
    submit.main(paths, ["--system", "user_mean", "--target", "followers", *out])
    assert "the challenge scores" not in caplog.text
    submit.main(paths, ["--system", "user_mean", "--target", "likes", *out])
    assert "the challenge scores log2(views / days) + 1, and these are predictions of log2(likes + 1)" in caplog.text


def drafts(paths, **columns):
    path = paths.root / "drafts.csv"
    pd.DataFrame({"user_id": ["1@N01"] * 2, **columns}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"post_id": ["7", None], "text": ["a", "b"]}, "drafts.csv: 1 posts have no post_id"),
        ({"post_id": ["1/7", "1/7"], "text": ["a", "b"]}, "post_id 1/7 stands more than once"),
    ],
)
def test_what_cannot_be_told_apart_is_one_clear_line(paths, submitted, columns, message):
    with pytest.raises(UserError, match=message):
        submitted("--posts", drafts(paths, **columns), system="words")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--system", "trees", "--out", "it.csv"], "--out it.csv: unknown ending; use .json"),
        (["--from", "packed"], "--from: a packed system has no test part; give --posts"),
        (["--system", "tree"], "--system tree: not trained here"),
    ],
)
def test_what_cannot_be_submitted_is_one_clear_line(paths, arguments, message):
    with pytest.raises(UserError, match=message):
        submit.main(paths, arguments)
