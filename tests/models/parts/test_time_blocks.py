"""The contexts of DTCN: against the oracle's loop, and on calendars made by hand."""

import numpy as np
import pandas as pd
import pytest

from models.parts.time_blocks import Chosen, choose, steps_in_time
from pipeline.storage.earlier import in_order
from pipeline.storage.examples import Examples
from tests.oracles import dtcn as oracle

CONTEXTS = ("neighbouring", "periodic")


def examples(times, users=None, zone="UTC"):
    """Posts at instants, all of one user where no others are named, and themselves as their past."""
    local = pd.to_datetime(pd.Series(times), format="ISO8601").dt.tz_localize(zone)
    posted = local.dt.tz_convert("UTC").dt.as_unit("us")
    users = ["anna"] * len(posted) if users is None else users
    posts = pd.DataFrame({"post_id": np.arange(len(posted)).astype(str), "user_id": users, "posted_at": posted})
    return Examples(posts, past=Examples(posts.iloc[in_order(posts)].reset_index(drop=True)))


def contexts_of(target, earlier, zone="UTC"):
    """The instants of the posts that are the contexts of a post, as they were written."""
    posts = examples([*earlier, target], zone=zone)
    ids = posts.past.posts["post_id"].astype(int).to_numpy()
    rows = choose(posts.take(np.array([len(earlier)])), CONTEXTS, steps=9, days=18)
    return tuple([earlier[ids[row]] for row in rows[context][0] if row >= 0] for context in CONTEXTS)


def drawn(n, seed):
    """Posts of few users in a month, many at the same instant, some without a time or a user."""
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2024-02-20") + pd.to_timedelta(rng.integers(0, 30 * 48, n) * 30, unit="min")
    users = pd.Series(rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1]), dtype="str")
    posts = examples(times, users.where(rng.random(n) > 0.05)).posts
    posts["posted_at"] = posts["posted_at"].where(rng.random(n) > 0.05)
    return posts


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_loop_of_the_oracle(seed):
    posts, drafts = drawn(200, seed), drawn(40, seed + 50)
    past = posts.iloc[in_order(posts)].reset_index(drop=True)
    seconds = past["posted_at"].dt.as_unit("s").astype(np.int64)
    for asked in (posts, drafts.assign(posted_at=drafts["posted_at"] + pd.Timedelta(days=5))):
        rows = choose(Examples(asked, past=Examples(past)), CONTEXTS, steps=9, days=18)
        for i, post in enumerate(asked.itertuples()):
            own = np.flatnonzero(past["user_id"] == post.user_id) if pd.notna(post.posted_at) else np.empty(0, int)
            now = post.posted_at.timestamp() if len(own) else 0
            for context, places in zip(CONTEXTS, oracle.time_blocks(seconds[own].to_numpy(), now), strict=True):
                assert rows[context][i].tolist() == [-1] * (9 - len(places)) + own[places].tolist()
    assert max((rows[context] >= 0).sum() for context in CONTEXTS) > 20


def test_from_22_to_2_is_one_block_across_midnight():
    night = ["2024-05-10 21:59", "2024-05-10 22:00", "2024-05-11 00:00", "2024-05-11 01:59", "2024-05-11 02:00"]
    neighbouring, periodic = contexts_of("2024-05-12 01:00", night)
    assert neighbouring == ["2024-05-10 21:59", "2024-05-11 01:59", "2024-05-11 02:00"]
    assert periodic == ["2024-05-11 01:59"]
    # of 23 and of 1 o'clock the night is the same, and so none of the posts of an earlier one
    assert contexts_of("2024-05-11 01:59:30", night[:-1]) == (["2024-05-10 21:59", "2024-05-11 01:59"], [])


def test_the_newest_of_the_own_block_is_before_the_post():
    day = ["2024-05-10 14:00", "2024-05-10 15:00", "2024-05-10 16:00", "2024-05-10 17:00"]
    assert contexts_of("2024-05-10 16:30", day) == (["2024-05-10 16:00"], [])


def test_posts_of_the_same_instant_are_not_before_each_other():
    day = ["2024-05-09 16:00", "2024-05-10 15:00", "2024-05-10 16:00", "2024-05-10 16:00"]
    assert contexts_of("2024-05-10 16:00", day) == (["2024-05-09 16:00", "2024-05-10 15:00"], ["2024-05-09 16:00"])
    # of two at once, which are both before it, there is one
    assert len(contexts_of("2024-05-10 16:01", day)[0]) == 2


def test_the_last_days_are_to_the_second():
    assert contexts_of("2024-05-19 15:00", ["2024-05-01 15:00:00"])[0]
    assert not contexts_of("2024-05-19 15:00", ["2024-05-01 14:59:59"])[0]


@pytest.mark.parametrize(("clock", "same"), [("14:30", True), ("15:30", False)])
def test_where_summer_time_begins_hours_are_those_of_utc(clock, same):
    """Who posts at one hour of Berlin's clock: 13:30 and 12:30 UTC are of one block, 14:30 and 13:30 are not."""
    days = [f"2024-03-{day} {clock}" for day in (29, 30)]  # summer time from the 31st
    neighbouring, periodic = contexts_of(f"2024-03-31 {clock}", days, zone="Europe/Berlin")
    assert neighbouring == days
    assert periodic == (days if same else [])
    # at the other end an hour comes twice, of which the second is later
    twice = ["2024-10-27 00:30", "2024-10-27 01:30"]  # UTC; 2:30 by the clock, both
    assert contexts_of("2024-10-27 02:30", twice) == (["2024-10-27 01:30"], [])


def test_other_users_are_in_no_context():
    posts = examples(["2024-05-10 10:00", "2024-05-10 11:00", "2024-05-11 11:00"], ["anna", "ben", "anna"])
    rows = choose(posts, CONTEXTS, steps=2, days=18)
    assert rows["neighbouring"].tolist() == [[-1, -1], [-1, -1], [-1, 0]]
    assert rows["periodic"].tolist() == [[-1, -1], [-1, -1], [-1, 0]]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_context_may_be_short_and_a_past_empty(steps):
    posts = examples(["2024-05-10 10:00", "2024-05-11 10:00"])
    for past, last in ((posts.past, [[-1], [0]]), (posts.past.take(np.arange(0)), [[-1], [-1]])):
        rows = choose(Examples(posts.posts, past=past), CONTEXTS, steps=steps, days=18)
        assert {context: of.tolist() for context, of in rows.items()} == {
            context: last if steps else [[], []] for context in CONTEXTS
        }


def test_weights_are_those_of_the_oracle_and_nothing_else_counts():
    posts = examples(["2024-05-09 01:00", "2024-05-10 14:00", "2024-05-10 20:00", "2024-05-11 03:00"])
    rows = np.array([[-1, -1, -1], [-1, -1, 0], [-1, 0, 1], [0, 1, 2]])
    weights, known = steps_in_time(posts, rows, 2)
    seconds = posts.posts["posted_at"].dt.as_unit("s").astype(np.int64).to_numpy()
    for i in range(4):
        there = oracle.time_weights(seconds[: i + 1])
        np.testing.assert_allclose(weights[i], [0] * (3 - i) + there.tolist(), rtol=1e-6)
    np.testing.assert_allclose(known[0], [0, 0, 0])
    np.testing.assert_allclose(known[2], [2 / 3, 43 / 48, np.exp(-6 * 3600 / 1e5)], rtol=1e-6)


def test_weights_of_posts_without_a_time_are_those_of_posts_alone():
    posts = examples(["2024-05-09 01:00"])
    weights, known = steps_in_time(
        Examples(posts.posts.assign(posted_at=pd.NaT), past=posts.past), np.array([[-1, -1]]), 18
    )
    assert weights.tolist() == [[0, 0, 1]]
    assert known.tolist() == [[0, 0, 0]]


def test_other_choices_have_another_digest():
    one = Chosen(np.array([[0, 1], [3, 2]]))
    assert one.rows(np.array([1, 0]), 1).tolist() == [[2], [1]]
    digests = {of.digest() for of in (one, Chosen(one.chosen.T), Chosen(one.chosen.reshape(1, 4)))}
    assert len(digests) == 3
