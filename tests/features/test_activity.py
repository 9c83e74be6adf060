"""Posts before a post: counts by hand, and that later posts and those of the same instant are not among them."""

import numpy as np
import pandas as pd

from features.activity import Activity
from tests.features.past import chronological, drawn, seen

POSTS, Y = drawn()
PART = chronological(POSTS)


def told(posts=POSTS, past=POSTS, **arguments):
    feature = seen(Activity(**arguments), past, Y[: len(past)], PART[: len(past)])
    return pd.DataFrame(feature.extract(posts), columns=feature.names)


def test_numbers_are_those_by_hand():
    found = told(windows=[10])
    days = ((POSTS["posted_at"] - POSTS["posted_at"].min()) / pd.Timedelta(days=1)).to_numpy()
    groups = {"user": POSTS["user_id"], "category": POSTS["category"], "everybody": pd.Series("", POSTS.index)}
    for name, group in groups.items():
        for row in range(len(POSTS)):
            before = np.sort(days[(group == group.iloc[row]).to_numpy() & (days < days[row])])
            since = [days[row] - before[-1], days[row] - before[0]] if len(before) else [np.nan, np.nan]
            lately = (before >= days[row] - 10).sum()
            expected = [len(before), *since, lately]
            np.testing.assert_allclose(found.filter(regex=f"^{name}_").iloc[row], expected, rtol=1e-4)


def test_later_posts_change_nothing():
    before = told()
    for row in range(0, len(POSTS), 9):
        kept = POSTS[~(POSTS["posted_at"] >= POSTS["posted_at"].iloc[row])].reset_index(drop=True)
        pd.testing.assert_series_equal(told(past=kept).iloc[row], before.iloc[row])


def test_labels_are_never_read():
    assert Activity().choose_label({"likes": "log2p1"}) is None
    assert Activity().parts == ()


def test_what_is_not_known_of_a_draft_counts_for_nobody():
    alone = told(pd.DataFrame({"post_id": ["0"]})).iloc[0]
    assert (alone.filter(regex="posts") == 0).all()
    assert alone.filter(regex="days_since").isna().all()
