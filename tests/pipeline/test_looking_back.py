"""A system that looks back, through the stages: what the plan asks for, what drafts see, and what it must not see."""

import numpy as np
import pandas as pd
import pytest

from pipeline import plan, posts, predict
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

pytestmark = pytest.mark.slow

N = 60
DSN = {
    "features": {"text": ["sentence"], "user": ["user_vector"]},
    **{"inputs": ["text", "category"], "length": 4, "hidden": 8, "heads": 2},
    "training": {"epochs": 2, "batch_size": 16},
}
COLUMNS = ["post_id", "user_id", "posted_at", "title", "tags", "text", "category", "subcategory", "concept"]


def project(root, posts, **dataset):
    write_posts_folder(root / "raw", posts=posts, images=False)
    features, systems = {"sentence": {}, "user_vector": {"columns": []}}, {"mean": {"model": "constant"}, "dsn": DSN}
    split = {"method": "chronological", "ratios": [0.7, 0.1, 0.2]}
    dataset = {"targets": {"likes": "log2p1"}, **dataset}
    return write_params(root, features=features, systems=systems, dataset=dataset, split=split)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    paths = project(tmp_path_factory.mktemp("back"), build_posts(N))
    run_stages(paths, results=False)
    return paths


@pytest.fixture
def ask(trained, tmp_path):
    """`ask(drafts)`: predictions of a table of drafts."""

    def run(drafts):
        drafts.to_csv(tmp_path / "drafts.csv", index=False)
        return predict.predict(trained, params.load(trained.params), "dsn", tmp_path / "drafts.csv")["likes_log2p1"]

    return run


def of_test_part(paths):
    """Posts of the test part, with their `prediction`."""
    predictions = store.read_frame(paths.predictions("dsn"))
    predictions = predictions[predictions["part"] == "test"]
    frame = store.read_frame(paths.posts)
    frame = frame[[column for column in COLUMNS if column in frame]]
    return predictions.merge(frame, on="post_id", validate="one_to_one")


def as_drafts(paths):
    """The same as somebody would draft them."""
    return of_test_part(paths).drop(columns=["target", "part", "seed", "y", "prediction"])


def test_a_draft_sees_the_posts_before_it(trained, ask):
    """A draft that is a post of the dataset is predicted as that post was; at another time its past is another."""
    known, drafts = of_test_part(trained), as_drafts(trained)
    np.testing.assert_allclose(ask(drafts), known["prediction"], atol=1e-4)
    earlier = ask(drafts.assign(posted_at=drafts["posted_at"] - pd.Timedelta(days=3650)))
    assert not np.allclose(earlier, known["prediction"], atol=1e-4)


def test_drafts_do_not_see_each_other(trained, ask):
    drafts = as_drafts(trained)
    late = drafts.assign(posted_at=drafts["posted_at"].max() + pd.to_timedelta(range(1, len(drafts) + 1), unit="min"))
    together = ask(late)
    np.testing.assert_allclose(ask(late.iloc[[3]]), together.iloc[[3]], atol=1e-4)


def test_drafts_without_times_have_no_past_and_one_without_the_column_is_told(trained, ask):
    drafts = as_drafts(trained)
    assert np.isfinite(ask(drafts.assign(posted_at=None))).all()
    with pytest.raises(UserError, match="posted_at"):
        ask(drafts.drop(columns="posted_at"))


def test_features_of_the_past_must_be_those_of_training(trained, ask):
    path = trained.feature("sentence")
    kept = path.read_bytes()
    table = store.read_feature(path)
    drafts = as_drafts(trained)
    header = {"shape": table.values.shape[1:], "dtype": table.values.dtype.name, "names": table.names}
    values, ids, valid = table.values.copy(), table.post_id.copy(), table.valid.copy()
    with store.FeatureWriter(path, **header, metadata={"another": True}) as writer:
        writer.append(ids, values, valid)
    try:
        with pytest.raises(UserError, match=r"features\.sentence: changed since dsn was trained; run dvc repro first"):
            ask(drafts)
    finally:
        path.write_bytes(kept)


def test_what_was_posted_later_and_every_label_of_the_test_part_change_nothing(trained, tmp_path):
    """The newest quarter of the posts other posts, with other counts: what was trained and what is before them stay."""
    changed = build_posts(N).sort_values("posted_at", ignore_index=True)
    late, of_test = changed.index >= N - 6, changed.index >= int(N * 0.8) + 1
    changed.loc[of_test, "likes"] = np.random.default_rng(0).integers(0, 99, of_test.sum())
    changed.loc[late, "title"] = "something else entirely"
    changed.loc[late, "category"] = changed["category"].iloc[0]
    paths = project(tmp_path, changed)
    run_stages(paths, results=False)
    one, other = of_test_part(trained).set_index("post_id"), of_test_part(paths).set_index("post_id")
    same = one.index.difference(changed.loc[late, "post_id"])
    assert len(same) > 3
    np.testing.assert_array_equal(other.loc[same, "prediction"], one.loc[same, "prediction"])


def test_the_plan_asks_for_times(tmp_path):
    paths = project(tmp_path, build_posts(N).drop(columns=["posted_at", "collected_at"]), missing="drop")
    posts.main(paths)
    plan.main(paths)
    told = store.read_json(paths.plan("systems", "dsn"))
    assert not told["run"]
    assert "posted_at" in told["why"]
