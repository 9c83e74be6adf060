"""Which code and columns a system's inputs name."""

import pandas as pd

from models.base import columns_read, make
from pipeline import inputs
from pipeline.base.sections import Entry
from pipeline.storage import store
from tests.models.small import SMALL, nest


def test_columns_are_the_targets_and_the_systems():
    catboost = make(Entry("catboost", "catboost", arguments=nest("catboost", SMALL["catboost"])))
    columns = columns_read(catboost, {"likes": "log2_per_day", "views": "max"})
    assert columns == ["likes", "views", "posted_at", "collected_at", "user_id", "category"]
    assert columns_read(make(Entry("mean", "constant")), {"likes": "max"}) == ["likes"]
    assert columns_read(make(Entry("ceiling", "ceiling")), {"likes": "max"}) == ["likes", "expected_max_likes"]


def test_hash_of_a_column_is_of_its_values_and_their_posts(project):
    paths = project()
    frame = pd.DataFrame({"post_id": ["a", "b"], "user_id": ["x", None], "likes": [1.0, None]})
    store.write_frame(paths.posts, frame)
    before = inputs.hash_columns(paths, ["user_id", "likes"])
    assert len(set(before.values())) == 2
    store.write_frame(paths.posts, frame.assign(likes=[1.0, 2.0]))
    after = inputs.hash_columns(paths, ["user_id", "likes"])
    assert after["user_id"] == before["user_id"]
    assert after["likes"] != before["likes"]
    store.write_frame(paths.posts, frame.iloc[::-1])
    assert inputs.hash_columns(paths, ["user_id"])["user_id"] != before["user_id"]
