import numpy as np
import pytest

from pipeline.asking.drafts import read
from pipeline.asking.forecaster import Forecaster, names
from pipeline.base import params
from pipeline.base.errors import UserError
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root = tmp_path_factory.mktemp("asked")
    write_posts_folder(root / "raw", posts=build_posts(40))
    trees = {"n_estimators": 5, "max_depth": 2}
    systems = {"trees": {"model": "xgboost", "features": ["user_time", "image_stats"], "seeds": 2, "trees": trees}}
    features = {"user_time": {}, "image_stats": {}}
    paths = write_params(root, features=features, systems=systems)
    run_stages(paths, results=False)
    return paths


def test_opened_once_it_answers_many_times(paths):
    p = params.load(paths.params)
    forecaster = Forecaster(paths, p, "trees")
    drafts = read(paths, p, paths.root / "raw/posts.csv")
    first = forecaster(drafts)
    away = paths.model("trees").rename(paths.root / "away")
    again = forecaster(drafts)
    away.rename(paths.model("trees"))
    assert len(first) == len(drafts) == 40
    np.testing.assert_array_equal(first["likes_log2p1"], again["likes_log2p1"])


def test_each_seed_has_its_share(paths):
    p = params.load(paths.params)
    forecaster = Forecaster(paths, p, "trees")
    posts = forecaster.ask(read(paths, p, paths.root / "raw/posts.csv")).examples["likes"]
    alone = [forecaster.trained.system("likes", seed).predict(posts) for seed in forecaster.trained.seeds]
    np.testing.assert_allclose(forecaster.predict(posts), np.mean(alone, axis=0))


def test_names_and_a_system_that_is_none(paths):
    assert names(paths) == ["trees"]
    with pytest.raises(UserError, match=r"--system trees2: not trained here; run dvc repro \(trained: trees\)"):
        Forecaster(paths, params.load(paths.params), "trees2")
