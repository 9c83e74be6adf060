"""The folders that `make bench-scale` draws, and what it says of them."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks import scale, smpd_folder
from benchmarks.scale import Cost
from pipeline.base import params
from pipeline.readers.smpd import Smpd


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smpd") / "one"
    smpd_folder.write(folder, 4_000, pictures=1)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_number_of_posts_gives_the_same_bytes(drawn, tmp_path, monkeypatch):
    smpd_folder.write(tmp_path, 4_000, pictures=1)
    assert contents(tmp_path) == contents(drawn)
    assert sum(name.endswith(".jpg") for name in contents(drawn)) == 1


def test_labels_are_distributed_as_the_real_ones(drawn):
    labels = np.loadtxt(drawn / "train_label.txt")
    np.testing.assert_allclose(np.quantile(labels, [0.25, 0.5, 0.75]), smpd_folder.QUARTILES, atol=0.25)
    assert labels.min() >= 1
    assert labels.max() <= 16.56
    assert (labels.mean(), labels.std()) == (pytest.approx(6.406, abs=0.2), pytest.approx(2.473, abs=0.2))


def test_the_reader_takes_all_of_it(drawn, monkeypatch):
    raw = Smpd(path=str(drawn)).read(["score"])
    assert raw.audit.tagged == {}
    lacking = ("timezone (", "first_photo_taken_at")
    assert [name for name in raw.audit.left_out if not name.startswith(lacking)] == []
    assert len(raw.posts) == 4_000
    assert raw.posts["user_id"].nunique() == pytest.approx(4_000 * 69 / 486, rel=0.3)
    assert [raw.posts[c].nunique() for c in ("category", "subcategory")] == [11, 77]
    assert (raw.posts.groupby("subcategory")["category"].nunique() == 1).all()


def test_blocks_are_one_list(tmp_path, monkeypatch):
    monkeypatch.setattr(smpd_folder, "BLOCK", 7)
    smpd_folder.write(tmp_path, 20, pictures=9)
    raw = Smpd(path=str(tmp_path)).read(["score"])
    assert [post.split("/")[1] for post in raw.posts["post_id"]] == [str(i) for i in range(20)]
    assert sum((tmp_path / image).exists() for image in raw.posts["image"]) == 9


def test_its_params_can_be_read(tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(scale.params()), encoding="utf-8")
    p = params.load(tmp_path / "params.yaml")
    assert {*p.features} == {*scale.FEATURES}
    assert {*p.systems} == {*scale.SYSTEMS}
    assert p.systems["xgboost"].arguments["trees"]["n_estimators"] == 50


def test_exponents_are_of_what_grows():
    costs = {n: Cost(0, cpu, 0) for n, cpu in ((1_000, 3.0), (10_000, 12.0), (100_000, 1_002.0), (10**6, 1_002.5))}
    assert scale.exponents(costs, Cost(0, 2.0, 0)) == [" 1.00", " 2.00", " 0.00"]
    assert scale.exponents({1: Cost(0, 2.0, 0), 2: Cost(0, 9.0, 0)}, Cost(0, 1.5, 0)) == ["    –"]
