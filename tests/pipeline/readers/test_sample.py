import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline import posts, sample
from pipeline.base.errors import UserError
from pipeline.readers.sample import Sample
from pipeline.storage import store

TARGETS = {"likes": "log2p1", "retweets": "log2p1", "views": "log2_per_day_plus_one", "score": "identity"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "sample"
    sample.write(folder, posts=120, users=12, seed=0)
    return folder


def contents(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["sample", str(tmp_path / "again"), "--posts", "120", "--users", "12", "--seed", "0"]
    )
    sample.main()
    assert contents(tmp_path / "again") == contents(folder)
    sample.write(tmp_path / "again", posts=30, users=5, seed=1)  # a sample may be replaced
    assert len(contents(tmp_path / "again")) == 34


def test_the_sample_reads_without_a_loss(folder, project):
    paths = project(dataset={"reader": "sample", "path": str(folder), "targets": TARGETS})
    posts.main(paths)
    frame, audit = store.read_frame(paths.posts), store.read_json(paths.audit)
    assert audit["read"] == audit["kept"] == 120
    assert audit["tagged"] == {}
    assert frame.notna().all().all()
    assert {f"expected_{transform}_{target}" for target, transform in TARGETS.items()} <= set(frame)
    assert len(store.read_frame(paths.interactions)) == audit["interactions"]["kept"] > 100
    assert len(store.read_frame(paths.follows)) == audit["follows"]["kept"] > 10
    assert len(store.read_frame(paths.comments)) == audit["comments"]["kept"] == frame["comments"].map(len).sum()
    assert all(audit[name]["kept"] == audit[name]["read"] for name in ("interactions", "follows", "comments"))


def test_every_post_has_its_picture(folder):
    for path in Sample(path=str(folder)).read(list(TARGETS)).posts["image"]:
        with Image.open(folder / path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (160, 120))


@pytest.mark.slow
def test_pictures_tell_more_than_users_categories_and_hours(tmp_path):
    sample.write(tmp_path / "sample", posts=300, users=10, seed=0)
    raw = Sample(path=str(tmp_path / "sample")).read(list(TARGETS))
    frame = posts.clean(raw, TARGETS)
    images = [np.asarray(Image.open(tmp_path / "sample" / path), dtype=float) for path in frame["image"]]
    seen = np.array([[i.mean(), np.ptp(i, axis=2).mean()] for i in images])
    for measure in seen.T:  # brightness, colourfulness
        assert np.corrcoef(measure, frame["expected_log2p1_likes"])[0, 1] > 0.15
    known = pd.get_dummies(frame[["user_id", "category", "concept"]]).to_numpy(dtype=float)
    y, half = np.log2(frame["likes"].to_numpy() + 1), 200

    def error(x):
        x = np.column_stack([x - x.mean(axis=0), np.ones(len(x))])
        ridge = np.linalg.solve(x[:half].T @ x[:half] + 3 * np.eye(x.shape[1]), x[:half].T @ y[:half])
        return np.mean((y[half:] - x[half:] @ ridge) ** 2)

    assert error(np.column_stack([known, (seen - seen.mean(axis=0)) / seen.std(axis=0)])) < 0.9 * error(known)
    ceiling = np.mean((y - frame["expected_log2p1_likes"])[half:] ** 2)
    assert ceiling < error(known)


def test_other_peoples_files_are_not_replaced(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="not empty and no sample"):
        sample.write(tmp_path, posts=3, users=2, seed=0)
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("change", [{"posts": 0}, {"users": 0}, {"seed": -1}])
def test_numbers_that_make_no_sample_are_named(tmp_path, change):
    with pytest.raises(UserError, match="expected at least"):
        sample.write(tmp_path / "x", **{"posts": 3, "users": 2, "seed": 0, **change})
    assert not (tmp_path / "x").exists()


def test_a_sample_that_was_not_made_says_how_to_make_it(tmp_path):
    with pytest.raises(UserError, match=r"python -m pipeline\.sample"):
        Sample(path=str(tmp_path)).read(["likes"])
