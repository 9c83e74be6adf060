from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.asking.similar import similar
from pipeline.base.paths import Paths
from pipeline.storage import store
from pipeline.storage.examples import Examples, FeatureValues


@dataclass
class Reads:
    """As much of a trained system as is looked at."""

    features: dict[str, Any]
    checked: list[Paths] = field(default_factory=list)

    def check_features(self, paths):
        self.checked.append(paths)


@pytest.fixture
def paths(tmp_path):
    found, rng = Paths(tmp_path), np.random.default_rng(0)
    for name, names in (("picture", None), ("words", None), ("numbers", [f"n{i}" for i in range(4)])):
        values = rng.normal(5, 1, (30, 4)).astype(np.float32)
        values[3] = np.nan
        arguments = {"shape": (4,), "dtype": "float32", "names": names, "metadata": {}}
        with store.FeatureWriter(found.feature(name), **arguments) as writer:
            writer.append([f"p{i}" for i in range(30)], values, np.arange(30) != 3)
    return found


def reads(paths, *names):
    return Reads({name: store.feature_metadata(paths.feature(name)) for name in names})


def drafts(paths, rows, names=("picture", "words", "numbers")):
    features = {name: FeatureValues(store.read_feature(paths.feature(name)).values[rows]) for name in names}
    return Examples(pd.DataFrame({"post_id": [str(row) for row in rows]}), features)


def test_a_post_is_most_like_itself(paths):
    trained = reads(paths, "picture", "words")
    found = similar(paths, trained, drafts(paths, [7, 0]), most=3)
    assert [table["post_id"].iloc[0] for table in found] == ["p7", "p0"]
    for table in found:
        assert len(table) == 3
        assert table["similarity"].iloc[0] == pytest.approx(1)
        assert table["similarity"].is_monotonic_decreasing
        assert "p3" not in set(table["post_id"])
    assert trained.checked == [paths]


def test_what_all_posts_have_in_common_does_not_count(paths):
    table = similar(paths, reads(paths, "picture"), drafts(paths, [7]), most=29)[0]
    assert table["similarity"].min() < -0.5  # without the mean all were above zero


def test_a_draft_without_a_picture_is_compared_by_its_words(paths):
    posts = drafts(paths, [7])
    posts.features["picture"] = FeatureValues(np.full((1, 4), np.nan, dtype=np.float32))
    both, words = (similar(paths, reads(paths, *n), posts, most=5)[0] for n in (("picture", "words"), ("words",)))
    pd.testing.assert_frame_equal(both, words)


def test_nothing_is_like_what_has_no_vector(paths):
    assert [len(t) for t in similar(paths, reads(paths, "numbers"), drafts(paths, [1, 2]), most=3)] == [0, 0]
    assert len(similar(paths, reads(paths, "picture"), drafts(paths, [3]), most=3)[0]) == 0
