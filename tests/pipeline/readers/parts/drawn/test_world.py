import pandas as pd
import pytest

from pipeline.readers.parts.drawn import words
from pipeline.readers.parts.drawn.world import simulate


@pytest.fixture(scope="module")
def world():
    return simulate(posts=300, users=30, seed=0)


@pytest.mark.slow
def test_the_same_seed_is_the_same_world_and_another_is_not(world):
    again = simulate(posts=300, users=30, seed=0)
    pd.testing.assert_frame_equal(again.posts, world.posts)
    pd.testing.assert_frame_equal(again.interactions, world.interactions)
    assert not simulate(posts=300, users=30, seed=1).posts["likes"].equals(world.posts["likes"])


def test_posts_go_through_a_year_and_are_collected_later(world):
    posted, collected = pd.to_datetime(world.posts["posted_at"]), pd.to_datetime(world.posts["collected_at"])
    assert posted.is_monotonic_increasing
    assert pd.Timedelta(days=300) < posted.max() - posted.min() < pd.Timedelta(days=370)
    assert ((collected - posted) >= pd.Timedelta(days=7)).all()
    assert collected.max() < pd.Timestamp.now("UTC")


def test_categories_are_a_tree_of_three_levels(world):
    for column, parent in (("subcategory", "category"), ("concept", "subcategory")):
        assert world.posts.groupby(column)[parent].nunique().max() == 1
    assert world.posts[["category", "subcategory", "concept"]].nunique().tolist() == [4, 12, 36]


def test_texts_are_sentences_with_enough_words(world):
    for text in world.posts["text"]:
        assert len(text.split()) >= 5
        assert text[0].isupper()
        assert text[-1] in ".?"
        assert not any(f" a {vowel}" in text for vowel in "aeio")
    assert max(len(comments) for comments in world.posts["comments"]) > 1


def test_effects_of_words_have_mean_zero():
    assert sum(words.ADJECTIVES.values()) == pytest.approx(0)
    assert sum(words.CLOSINGS.values()) == pytest.approx(0)


def test_followers_inside_react_after_the_post_and_no_more_than_it_has(world):
    posts = world.posts.set_index("post_id")
    joined = world.interactions.join(
        posts[["user_id", "posted_at", "collected_at"]], on="post_id", suffixes=("", "_author")
    )
    assert (joined["at"] >= joined["posted_at"]).all()
    assert (joined["at"] < joined["collected_at"]).all()
    edges = set(world.follows.itertuples(index=False, name=None))
    assert set(zip(joined["user_id"], joined["user_id_author"], strict=True)) <= edges
    for kind, column in (("retweet", "retweets"), ("like", "likes")):
        inside = world.interactions[world.interactions["kind"] == kind].groupby("post_id").size()
        assert len(inside) > 50
        assert (inside <= posts[column].reindex(inside.index)).all()
    assert not world.interactions.duplicated(["user_id", "post_id", "kind"]).any()


def test_comments_are_those_of_the_posts_by_followers_after_them(world):
    posts = world.posts.set_index("post_id")
    for post_id, of_post in world.comments.groupby("post_id"):
        assert sorted(of_post["text"]) == sorted(posts.loc[post_id, "comments"])
        assert not of_post["user_id"].dropna().duplicated().any()
    joined = world.comments.join(posts[["user_id", "posted_at"]], on="post_id", suffixes=("", "_author"))
    assert (joined["at"] >= joined["posted_at"]).all()
    known = joined.dropna(subset=["user_id"])
    assert len(known) > 100
    edges = set(world.follows.itertuples(index=False, name=None))
    assert set(zip(known["user_id"], known["user_id_author"], strict=True)) <= edges


def test_nobody_follows_themselves(world):
    assert (world.follows["follower_id"] != world.follows["followee_id"]).all()


@pytest.mark.parametrize(("posts", "users"), [(1, 1), (5, 1), (3, 50)])
def test_the_smallest_worlds_exist(posts, users):
    world = simulate(posts=posts, users=users, seed=0)
    assert len(world.posts) == posts
    assert list(world.interactions) == ["user_id", "post_id", "kind", "at"]
