"""Work on a Dask cluster of processes, some of which are killed on the way, against the same work here."""

from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from distributed import Client, default_client

from features.parts import embedding
from models.base import system_class
from models.parts import boosting
from pipeline import features, images, plan, posts, split, train
from pipeline.base import params
from pipeline.base.compute import AHEAD, LOCAL, Compute, map_shards
from pipeline.base.errors import UserError
from pipeline.storage import examples
from tests.clusters import running
from tests.conftest import write_params, write_posts_folder
from tests.models.small import make, make_examples, rmse, with_features

pytestmark = pytest.mark.slow

POSTS, WORKERS = 60, 2
MANY, VALIDATION, TEST = make_examples(900, 4), make_examples(200, 2), make_examples(200, 3)
SYSTEM = {"features": ["user_time", "net"], "trees": {"n_estimators": 20, "max_depth": 3}}
PARAMS = {
    "images": {"max_side": 64, "shard_images": 4},
    "features": {
        "user_time": {},
        "net": {"model": "timm_image", "network": "mobilenetv3_small_050", "pretrained": None, "image_size": 32},
    },
    "systems": {"xgboost": SYSTEM, "light": {"model": "lightgbm", **SYSTEM}},
}
MADE = ["data/images/*.parquet", "data/features/*", "data/predictions/*", "data/models/*/likes/*/model.*"]


def run(root, monkeypatch, **compute):
    """All stages up to the training of the systems; returns the bytes of what they made, by file."""
    write_posts_folder(root / "raw", n=POSTS)
    write_params(root, **PARAMS, compute=compute)
    monkeypatch.chdir(root)
    for stage in (posts, plan, images, split):
        stage.main()
    p = params.load(Path("params.yaml"))
    for name in p.features:
        features.run(features.Paths(), p, name)
    for name in p.systems:
        train.train(train.Paths(), p, name)
    return {str(path): path.read_bytes() for pattern in MADE for path in Path().glob(pattern)}


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """A scheduler and its workers."""
    with running(tmp_path_factory.mktemp("cluster"), WORKERS) as cluster:
        yield cluster


@pytest.fixture
def cluster(processes):
    """The same, with as many workers as there should be."""
    processes.fill(WORKERS)
    return processes


@pytest.fixture
def far(monkeypatch):
    """Both workers have their share of posts, and nothing grows in this process."""
    monkeypatch.setattr(boosting, "ROWS", 300)
    monkeypatch.setattr(examples, "BLOCK", 96)
    for library in (xgboost, lightgbm):
        monkeypatch.setattr(library, "train", lambda *_, **__: pytest.fail("grown here"))


def fitted(name, train, **options):
    system = make(name, **options)
    system.fit(train, VALIDATION)
    return system


def coarse(posts):
    """The same posts with few different numbers, each of which has a bin of its own."""
    return with_features(posts, lambda name, values: np.round(values, 1) if name == "tabular" else values)


def test_xgboost_finds_the_trees_that_it_finds_here(cluster, request, tmp_path):
    """Stopped early, and fitted again on both parts."""
    train, options = coarse(MANY), {"categorical": ["user_id"], "refit": True}
    options |= {"n_estimators": 400, "learning_rate": 0.3, "early_stopping": 5}
    here, again = (fitted("xgboost", train, **options) for _ in range(2))
    again.refit(train, VALIDATION)
    request.getfixturevalue("far")
    there = fitted("xgboost", train, scheduler=cluster.address, **options)
    assert_same_trees(there, here)
    there.refit(train, VALIDATION)
    assert_same_trees(there, again)
    there.save(tmp_path)
    loaded = make("xgboost", **options)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST), there.predict(TEST))


def assert_same_trees(there, here):
    """The same splits of the same trees; leaves but for the order of sums."""
    assert there.report()["trees"] == here.report()["trees"] < 400
    splits = [system._model.trees_to_dataframe()[["Tree", "Node", "Feature", "Split"]] for system in (here, there)]
    pd.testing.assert_frame_equal(*splits)
    np.testing.assert_allclose(there.predict(TEST), here.predict(TEST), rtol=1e-4)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_trees_of_two_workers_are_as_good_as_those_grown_here(cluster, request, name, tmp_path):
    grid = {"learning_rate": [0.15, 0.001]}
    here = fitted(name, MANY, grid=grid)
    request.getfixturevalue("far")
    there = fitted(name, MANY, grid=grid, scheduler=str(cluster.file))
    assert not np.array_equal(there.predict(TEST), here.predict(TEST))
    assert rmse(there.predict(TEST), TEST) < 1.1 * rmse(here.predict(TEST), TEST)
    assert there.report() == pytest.approx(here.report(), rel=0.1)
    there.save(tmp_path)
    loaded = make(name)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST), there.predict(TEST))
    assert not [file for file in tmp_path.iterdir() if b"127.0.0.1" in file.read_bytes()]


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_worker_that_dies_with_its_posts_is_a_line(cluster, far, name, monkeypatch):
    grow = system_class(name)._grow_there

    def killing(*arguments):
        cluster.kill(len(cluster.workers) - 1)
        return grow(*arguments)

    monkeypatch.setattr(system_class(name), "_grow_there", killing)
    with pytest.raises(UserError, match=r"^compute\.scheduler: it is gone, or a worker with data that no other has; "):
        fitted(name, MANY, scheduler=cluster.address)


def test_what_is_of_the_user_stays_open(cluster):
    with Client(cluster.address) as user:
        done = dict(map_shards(Compute(scheduler=cluster.address), abs, [-1, -2], title="test"))
        assert done == {0: 1, 1: 2}
        assert default_client() is user
        assert user.submit(abs, -3).result(timeout=30) == 3
        assert len(user.scheduler_info()["workers"]) == WORKERS
    assert cluster.scheduler.poll() is None


def killing(cluster, killed):
    """`map_shards`, but that a worker is killed, and another started, as soon as the first shard is done."""

    def of_shards(compute, function, shards, *arguments, **options):
        for i, done in enumerate(map_shards(compute, function, shards, *arguments, **options)):
            if not i:
                assert len(shards) > 2 * AHEAD * WORKERS  # there are more than what workers have in hand
                cluster.kill(len(cluster.workers) - WORKERS)
                killed.append(options["title"])
                if len(killed) == 1:
                    cluster.add()
            yield done

    return of_shards


def test_a_cluster_that_loses_workers_makes_the_same(cluster, tmp_path, monkeypatch, one_thread):
    here = run(tmp_path / "here", monkeypatch, scheduler=LOCAL)
    assert len([name for name in here if "model." in name]) == 2
    killed = []
    for module in (images, embedding):
        monkeypatch.setattr(module, "map_shards", killing(cluster, killed))
    there = run(tmp_path / "there", monkeypatch, scheduler=str(cluster.file))
    assert killed == ["images", "net"]
    assert sorted(there) == sorted(here)
    assert [name for name in here if there[name] != here[name]] == []
