"""The lists of candidates: what users saw before, never what did not exist, and nothing lost without a count."""

import numpy as np
import pandas as pd
import pytest

from pipeline import candidates
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.sharing import START, TIME, build_sharing

OPTIONS = {"seed": 0, "ratios": [0.6, 0.1, 0.3], "kinds": [], "negatives": 2, "exposure": "both", "window": None}


def draw(posts, interactions, follows, **options):
    return candidates.draw(posts, interactions, follows, **{**OPTIONS, **options})


def hours(*values):
    return pd.Series([START + pd.Timedelta(hours=v) for v in values]).astype(TIME)


def network(shares, posts, follows):
    """Frames of `(user, post, hour)`, `(post, author, hour)` and `(follower, followee)`."""
    user, post, at = zip(*shares, strict=True)
    ids, authors, posted = zip(*posts, strict=True)
    return (
        pd.DataFrame({"post_id": ids, "user_id": authors, "posted_at": hours(*posted)}),
        pd.DataFrame({"user_id": user, "post_id": post, "kind": None, "at": hours(*at)}),
        pd.DataFrame(follows, columns=["follower_id", "followee_id"]),
    )


def exposures(posts, interactions, follows):
    """{(user, post): since when the user saw it}, the slow way."""
    seen = {}
    for follower, followee in follows.itertuples(index=False):
        own = posts[posts["user_id"] == followee]
        theirs = interactions[interactions["user_id"] == followee]
        for post, at in [*zip(own["post_id"], own["posted_at"]), *zip(theirs["post_id"], theirs["at"])]:  # noqa: B905
            seen[follower, post] = min(at, seen.get((follower, post), at))
    return seen


@pytest.mark.parametrize("exposure", ["both", "negatives"])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_list_holds_what_the_user_saw_before_and_did_not_share(exposure, seed):
    posts, interactions, follows = build_sharing(seed=seed)
    frame, shares, _ = draw(posts, interactions, follows, exposure=exposure, seed=seed)
    seen, author = exposures(posts, interactions, follows), dict(zip(posts["post_id"], posts["user_id"], strict=True))
    posted = dict(zip(posts["post_id"], posts["posted_at"], strict=True))
    order = ["train", "validation", "test"]
    shared = {(r.user_id, r.post_id): r for r in shares.itertuples()}
    assert len(frame) > 90
    for _, one in frame.groupby("list"):
        first, *others = one.itertuples()
        assert first.relevant
        assert (shared[first.user_id, first.post_id].at, shared[first.user_id, first.post_id].part) == (
            first.at,
            first.part,
        )
        assert exposure == "negatives" or seen[first.user_id, first.post_id] < first.at
        assert len(others) == 2
        for other in others:
            assert not other.relevant
            assert seen[other.user_id, other.post_id] < other.at
            assert author[other.post_id] != other.user_id
            later = shared.get((other.user_id, other.post_id))
            assert later is None or order.index(later.part) > order.index(other.part)
        assert all(posted[row.post_id] <= row.at for row in one.itertuples())
        assert one[["user_id", "part", "at"]].drop_duplicates().shape[0] == 1
    assert not frame.duplicated(["user_id", "part", "post_id"]).any()


def test_a_window_leaves_what_was_seen_lately():
    posts, interactions, follows = build_sharing(shares=400)
    frame, _, _ = draw(posts, interactions, follows, window=6)
    events = pd.concat(
        [posts.rename(columns={"posted_at": "at"})[["user_id", "post_id", "at"]], interactions.drop(columns="kind")]
    )
    seen = follows.merge(events, left_on="followee_id", right_on="user_id")[["follower_id", "post_id", "at"]]
    told = frame.merge(
        seen, left_on=["user_id", "post_id"], right_on=["follower_id", "post_id"], suffixes=("", "_seen")
    )
    lately = (told["at_seen"] < told["at"]) & (told["at_seen"] >= told["at"] - pd.Timedelta(days=6))
    assert told[lately].drop_duplicates(["list", "post_id"]).shape[0] == len(frame) > 90
    assert len(draw(posts, interactions, follows)[0]) > len(frame)


def test_parts_are_in_order_of_time_and_as_large_as_their_shares():
    frame, shares, _ = draw(*build_sharing())
    span = shares.groupby("part")["at"].agg(["min", "max", "size"])
    assert span.loc["train", "max"] < span.loc["validation", "min"]
    assert span.loc["validation", "max"] < span.loc["test", "min"]
    assert span["size"]["train"] == pytest.approx(0.6 * len(shares), abs=3)
    assert set(frame["part"]) == {"train", "validation", "test"}


def test_nothing_is_left_out_without_a_count():
    posts, interactions, follows = build_sharing()
    interactions.loc[:4, "at"] = pd.NaT
    frame, shares, audit = draw(posts, interactions, follows)
    assert audit["left_out"]["without a time"] == 5 - interactions[:5].merge(posts, on=["user_id", "post_id"]).shape[0]
    gone = sum(audit["left_out"].values())
    assert audit["shares"] == len(shares) == len(interactions) - gone
    for part in ("train", "validation", "test"):
        told = audit[part]
        assert told["shares"] == (shares["part"] == part).sum()
        left_out = told["not seen before"] + told["too few posts seen and not shared"]
        assert told["lists"] + left_out == told["shares"]
        assert told["lists"] == frame.loc[frame["part"] == part, "list"].nunique()
        assert told["users"] == frame.loc[frame["part"] == part, "user_id"].nunique()
        assert told["users"] + told["users without a list"] == shares.loc[shares["part"] == part, "user_id"].nunique()


def test_the_order_of_rows_changes_nothing():
    tables = build_sharing()
    again = [table.sample(frac=1, random_state=1) for table in tables]
    for one, other in zip(draw(*tables)[:2], draw(*again)[:2], strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert not draw(*tables)[0].equals(draw(*tables, seed=1)[0])


def test_later_shares_of_other_posts_change_nothing_that_is_trained_on():
    posts, interactions, follows = build_sharing()
    frame, shares, _ = draw(posts, interactions, follows)
    tested = shares.index[shares["part"] == "test"]
    keys = set(zip(shares["user_id"], shares["post_id"], strict=True)) | set(
        zip(posts["user_id"], posts["post_id"], strict=True)
    )
    swapped = shares.copy()
    for i, j in zip(tested, tested[::-1], strict=True):  # two users' test shares, each new to the other
        (a, p), (b, q) = swapped.loc[i, ["user_id", "post_id"]], swapped.loc[j, ["user_id", "post_id"]]
        if {(a, q), (b, p)}.isdisjoint(keys):
            swapped.loc[[i, j], "post_id"] = [q, p]
            keys |= {(a, q), (b, p)}
    other, changed, _ = draw(posts, swapped.drop(columns="part").assign(kind="retweet"), follows)
    trained = frame["part"] != "test"
    pd.testing.assert_frame_equal(other[other["part"] != "test"], frame[trained])
    pd.testing.assert_frame_equal(changed[changed["part"] == "train"], shares[shares["part"] == "train"])
    assert not changed.equals(shares)


def test_a_post_that_appears_later_is_in_no_earlier_list():
    shares = [("a", "p0", 5), ("a", "p1", 9), ("b", "p2", 1), ("b", "p3", 2), ("b", "p4", 20), ("a", "p3", 30)]
    posts = [("p0", "b", 0), ("p1", "b", 0), ("p2", "c", 0), ("p3", "c", 0), ("p4", "c", 0), ("p5", "b", 6)]
    frame, _, _ = draw(*network(shares, posts, [("a", "b")]), negatives=1, ratios=[0.5, 0, 0.5])
    lists = frame.groupby("list")["post_id"].agg(list)
    at = frame.groupby("list")["at"].first()
    assert set(lists[at == START + pd.Timedelta(hours=5)].iloc[0]) <= {"p0", "p1", "p2", "p3"}
    assert any("p5" in posts for posts in lists) or len(lists) >= 2


def test_seen_is_strictly_before():
    """A post that a followee shared at the very instant was not seen before it."""
    shares = [("b", "p0", 5), ("a", "p0", 5), ("b", "p1", 1), ("a", "p1", 9)]
    posts = [("p0", "c", 0), ("p1", "c", 0), ("p2", "b", 0), ("p3", "b", 8)]
    _, _, audit = draw(*network(shares, posts, [("a", "b")]), negatives=1, ratios=[0.5, 0, 0.5])
    told = {part: (audit[part].get("not seen before"), audit[part].get("lists")) for part in ("train", "test")}
    assert sum(lists for _, lists in told.values()) == 1


def test_a_user_with_too_few_posts_is_counted_and_left_out():
    shares = [("a", "p0", 5), ("b", "p1", 6)]
    posts = [("p0", "b", 0), ("p1", "a", 0), ("p2", "b", 0)]
    frame, _, audit = draw(*network(shares, posts, [("a", "b"), ("b", "a")]), negatives=1, ratios=[0.5, 0, 0.5])
    assert frame["user_id"].unique().tolist() == ["a"]
    assert audit["test"]["too few posts seen and not shared"] == audit["test"]["users without a list"] == 1


def test_without_times_parts_are_by_chance_and_seen_is_what_training_shared():
    posts, interactions, follows = build_sharing(timed=False)
    posts = posts.drop(columns=["user_id", "posted_at"])
    frame, shares, audit = draw(posts, interactions, follows)
    assert not audit["timed"]
    assert frame["at"].isna().all()
    assert (shares["part"] == "train").mean() == pytest.approx(0.6, abs=0.02)
    followees = follows.groupby("follower_id")["followee_id"].agg(set)
    trained = shares[shares["part"] == "train"]
    for row in frame.itertuples():
        assert trained.loc[trained["post_id"] == row.post_id, "user_id"].isin(followees[row.user_id]).any()
    again = draw(posts, interactions[::-1], follows)[0]
    pd.testing.assert_frame_equal(again, frame)


def test_kinds_say_what_is_a_share_and_the_first_counts():
    posts, interactions, follows = build_sharing()
    liked = interactions.assign(kind="like", at=interactions["at"] - pd.Timedelta(hours=1))
    again = interactions.assign(at=interactions["at"] + pd.Timedelta(days=1))
    frame, _, audit = draw(
        posts, pd.concat([again, liked, interactions], ignore_index=True), follows, kinds=["retweet"]
    )
    pd.testing.assert_frame_equal(frame, draw(posts, interactions, follows)[0])
    assert audit["left_out"]["of another kind"] == audit["left_out"]["shared again"] == len(interactions)


@pytest.mark.parametrize("empty", [1, 2])
def test_without_shares_or_follows_there_are_no_lists(empty):
    tables = list(build_sharing())
    tables[empty] = tables[empty].iloc[:0]
    frame, shares, _ = draw(*tables)
    assert frame.empty
    assert {c: str(t) for c, t in frame.dtypes.items()} == candidates.COLUMNS
    assert len(shares) == (0 if empty == 1 else len(shares))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratios": [0.5, 0.5]}, r"ranking\.ratios: \[0\.5, 0\.5\]: expected the shares of train, validation and test"),
        ({"ratios": [0.9, 0.2, 0.1]}, "they sum to 1"),
    ],
)
def test_ratios_that_are_none_are_named(options, message):
    with pytest.raises(UserError, match=message):
        draw(*build_sharing(), **options)


def test_too_few_times_are_one_line():
    shares = [("a", "p0", 5), ("b", "p1", 5)]
    with pytest.raises(
        UserError, match=r"ranking\.ratios: 1 distinct times or shares cannot be split into train, test"
    ):
        draw(*network(shares, [("p0", "b", 0), ("p1", "a", 0)], [("a", "b")]), ratios=[0.5, 0, 0.5])


def test_the_stage_draws_only_where_something_ranks(project):
    paths = project(ranking={"ratios": [0.6, 0.1, 0.3]})
    tables = build_sharing()
    for path, table in zip((paths.posts, paths.interactions, paths.follows), tables, strict=True):
        store.write_frame(path, table)
    sizes = []
    for run in (False, True):
        store.write_json(paths.plan("candidates", "ranking"), {"run": run})
        candidates.main(paths)
        sizes.append(len(store.read_frame(paths.candidates)))
        assert store.columns_of(paths.candidates) == list(candidates.COLUMNS)
    assert sizes[0] == 0 < sizes[1]
    pd.testing.assert_frame_equal(store.read_frame(paths.candidates), draw(*tables)[0], check_dtype=False)
    assert store.read_json(paths.drawn)["shares"] == len(store.read_frame(paths.shares))


def test_a_share_before_its_post_shows_nobody_a_post_that_is_not_there():
    """The stage `posts` mends such times; candidates do not rely on it."""
    posts, interactions, follows = build_sharing()
    interactions["at"] = interactions["at"] - pd.Timedelta(days=10)
    frame, _, _ = draw(posts, interactions, follows)
    others = frame[~frame["relevant"]].merge(posts, on="post_id", suffixes=("", "_author"))
    assert (others["posted_at"] <= others["at"]).all()
    assert np.isin(frame["part"], ["train", "validation", "test"]).all()
