"""The user's own column names: none of them is taken for one of the pipeline's."""

import numpy as np
import pandas as pd
import pytest

from pipeline import predict
from pipeline.base import params
from pipeline.storage import store
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

OWN = ["valid", "value", "part", "target", "y", "prediction", "seed", "feature", "index", "valid_"]
TREES = {"n_estimators": 3, "max_depth": 2}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root, posts = tmp_path_factory.mktemp("names"), build_posts(60)
    for i, name in enumerate(OWN):
        posts[name] = np.arange(60) * (i + 1.0)
    write_posts_folder(root / "raw", posts=posts, images=False)
    systems = {
        "xgboost": {"features": ["user_time", "context"], "trees": TREES},
        "catboost": {"features": ["user_time"], "categorical": ["post_id", *OWN], "trees": TREES},
    }
    features = {"user_time": {"columns": OWN}, "context": {"columns": OWN}}
    made = write_params(root, features=features, systems=systems, dataset={"extra_columns": OWN})
    run_stages(made)
    return made


def test_columns_of_any_name_are_features(paths):
    posts = store.read_frame(paths.posts)
    table = store.read_feature(paths.feature("user_time"))
    assert table.names[: len(OWN)] == OWN
    np.testing.assert_array_equal(table.values[:, : len(OWN)], posts[OWN])
    assert table.post_id.tolist() == posts["post_id"].tolist()
    assert table.valid.all()
    assert pd.read_feather(paths.feature("user_time")).shape[1] == 2 + table.values.shape[1]


@pytest.mark.parametrize("system", ["xgboost", "catboost"])
def test_drafts_have_them_too(paths, system):
    drafts = paths.root / "raw/posts.csv"
    scored = predict.predict(paths, params.load(paths.params), system, drafts).set_index("post_id")
    known = store.read_frame(paths.predictions(system)).set_index("post_id")["prediction"]
    np.testing.assert_allclose(scored.loc[known.index, "likes_log2p1"], known, rtol=1e-6)
