"""Labels of the posts most like a post: the numbers by hand, what is compared, and that nothing leaks."""

import json

import numpy as np
import pandas as pd
import pytest

from features.parts import nearest
from features.parts.likeness import LENGTH, of_vectors, products
from features.retrieval import Retrieval
from pipeline.base.errors import UserError
from tests.conftest import build_posts
from tests.features.past import by_users, chronological, drawn, seen

WHAT = ["known", "mean", "spread", "similarity"]
SIMILAR = ["sentence", "tags", "category"]
COLUMNS = [f"similar_{name}_likes_log2p1_{what}" for name in SIMILAR for what in WHAT]


def posts_of(n=70):
    """Posts as `drawn` has them, with tags and what `sentence` would say of them."""
    posts, y = drawn(n)
    rng = np.random.default_rng(3)
    posts["tags"] = build_posts(n)["tags"].where(rng.random(n) < 0.9, None)
    vectors = rng.normal(0.3, 1, (n, 512)).astype(np.float16)
    posts["sentence"] = pd.Series([None if lost else v for v, lost in zip(vectors, rng.random(n) < 0.1, strict=True)])
    return posts.assign(title="a"), y


POSTS, Y = posts_of()
PART = chronological(POSTS)


def told(part=PART, y=Y, posts=POSTS, *, own_posts=True, **arguments):
    feature = seen(Retrieval(similar=SIMILAR, **{"posts": 5, **arguments}), posts, y, part, own=own_posts)
    return pd.DataFrame(feature.extract(posts), columns=feature.names, index=posts["post_id"].to_numpy())


def cosines(name, train):
    """Of all pairs of POSTS [n, n], written from the definitions."""
    if name == "category":
        category = POSTS["category"].to_numpy(dtype=object)
        return np.array([[float(a == b and a is not None) for b in category] for a in category])
    if name == "sentence":
        vectors = np.array([np.zeros(512) if v is None else np.array(v, float) for v in POSTS["sentence"]])
    else:
        words = [set(tags.split()) if isinstance(tags, str) else set() for tags in POSTS["tags"]]
        df = {w: sum(w in words[row] for row in np.flatnonzero(train)) for w in sorted(set().union(*words))}
        n = sum(bool(words[row]) for row in np.flatnonzero(train))
        idf = {w: np.log((1 + n) / (1 + count)) + 1 for w, count in df.items() if count}
        vectors = np.array([[idf[w] * (w in its) for w in idf] for its in words])
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors @ vectors.T / np.maximum(np.outer(lengths, lengths), 1e-12)


@pytest.mark.parametrize("name", SIMILAR)
def test_numbers_are_those_by_hand(name):
    """Of the five most similar training posts strictly before, by others; the later ones of those that tie."""
    found, train = told(matched=False).filter(like=f"similar_{name}_"), PART == "train"
    like, time, user = cosines(name, train), POSTS["posted_at"], POSTS["user_id"].to_numpy(dtype=object)
    assert list(found) == [column for column in COLUMNS if f"_{name}_" in column]
    for row in range(len(POSTS)):
        others = train & (time < time.iloc[row]).to_numpy() & ((user != user[row]) | (user[row] is None))
        rows = np.flatnonzero(others & (like[row] > 1e-9))
        best = sorted(rows, key=lambda other: (like[row, other].round(6), time.iloc[other], Y[other]))[-5:]
        expected = [len(best), *[np.nan] * 3]
        if best:
            spread = Y[best].std() if len(best) > 1 else np.nan
            expected = [len(best), Y[best].mean(), spread, like[row, best].mean()]
        np.testing.assert_allclose(found.iloc[row], expected, rtol=2e-3, atol=2e-3)


def test_products_of_units_are_cosines_and_the_same_however_they_are_multiplied():
    vectors = np.random.default_rng(0).normal(size=(40, 1280)) * np.geomspace(1e-3, 1e3, 40)[:, None]
    units = of_vectors([*vectors, None, np.full(1280, np.nan)], 1280)
    found = products(units, units)
    exact = units.astype(np.int64) @ units.astype(np.int64).T
    np.testing.assert_array_equal(found, exact)
    assert exact.max() < 2**24
    of = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(found[:40, :40] / LENGTH**2, of @ of.T, atol=5e-4)
    assert not found[40:].any()


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("matched", [True, False])
@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("split", [chronological, by_users])
def test_labels_that_may_not_be_known_change_nothing(matched, validation, own, split):
    """Those of the test part, those of a later post, those of the same instant, the post's own, the user's."""
    options, part = {"matched": matched, "validation": validation, "own": own}, split(POSTS)
    before = told(part, **options)
    hidden = np.isin(part, ["test", "unused"] if validation else ["test", "validation", "unused"])
    permuted = np.where(hidden, np.random.default_rng(0).permutation(Y), Y)
    pd.testing.assert_frame_equal(told(part, permuted, **options), before)
    user = POSTS["user_id"].to_numpy(dtype=object)
    for row in range(0, len(POSTS), 17):
        now = POSTS["posted_at"].iloc[row]
        other = (POSTS["posted_at"] >= now) | (POSTS.index == row)
        if not own and user[row] is not None:
            other |= user == user[row]
        pd.testing.assert_series_equal(told(part, np.where(other, -99.0, Y), **options).iloc[row], before.iloc[row])


def test_permuted_future_labels_change_no_earlier_row():
    before, now = told(), POSTS["posted_at"].median()
    later = (POSTS["posted_at"] >= now).to_numpy()
    permuted = Y.copy()
    permuted[later] = np.random.default_rng(0).permutation(Y[later])
    found = told(y=permuted)
    pd.testing.assert_frame_equal(found[~later], before[~later])
    assert not found[later].equals(before[later]), "or nothing would be seen, whatever leaked"


def test_labels_that_may_be_known_change_something():
    other = np.where(PART == "train", -99.0, Y)
    means = [column for column in COLUMNS if column.endswith("_mean")]
    assert (told(y=other)[means] < 0).mean().min() > 0.4
    of_validation = np.where(PART == "validation", -99.0, Y)
    assert (told(y=of_validation, validation=True)[means] < 0).any().all()
    assert not told(own=True).equals(told())
    assert (
        told(matched=False)["similar_category_likes_log2p1_known"] > told()["similar_category_likes_log2p1_known"]
    ).any()


def test_words_are_weighed_by_the_training_part_alone():
    other = POSTS.assign(tags=POSTS["tags"].where(PART == "train", "lake lake sea"))
    rows = PART == "train"
    pd.testing.assert_frame_equal(told(posts=other)[rows], told()[rows])


def test_users_of_the_test_part_unseen_in_training_hide_those_of_training():
    """Or a training post would see labels of users that a test post's user is never like."""
    part, own = by_users(POSTS), POSTS["user_id"].to_numpy(dtype=object)
    found = told(part, own=True)
    for user in ("u0", "u1"):
        rows = (own == user) & (part == "train")
        pd.testing.assert_frame_equal(told(part, np.where(own == user, -99.0, Y), own=True)[rows], found[rows])


def test_the_latest_alone_are_compared():
    found = told(latest=3, matched=False, own=True)
    assert found[[column for column in COLUMNS if column.endswith("_known")]].max(axis=None) == 3
    row = np.flatnonzero(PART == "test")[-1]
    before = POSTS.assign(y=Y)[PART == "train"].sort_values(["posted_at", "y"]).tail(3)
    same = before[before["category"] == POSTS["category"].iloc[row]]
    assert found["similar_category_likes_log2p1_known"].iloc[row] == len(same)


def test_the_same_whatever_the_order_and_piece_by_piece(monkeypatch):
    feature = seen(Retrieval(similar=SIMILAR), POSTS, Y, PART)
    expected = feature.extract(POSTS)
    order = np.random.default_rng(1).permutation(len(POSTS))
    turned = POSTS.iloc[order].reset_index(drop=True)
    np.testing.assert_array_equal(
        seen(Retrieval(similar=SIMILAR), turned, Y[order], PART[order]).extract(turned), expected[order]
    )
    np.testing.assert_array_equal(feature.extract(POSTS.iloc[5:9].reset_index(drop=True)), expected[5:9])
    monkeypatch.setattr(nearest, "ROWS", 3)
    np.testing.assert_array_equal(feature.extract(POSTS), expected)


def test_drafts_have_no_label_of_their_own_and_see_all_that_is_before_them():
    """A draft without a time comes last; without words, or of a new user, it is a post of which that is unknown."""
    drafts = seen(Retrieval(similar=SIMILAR), POSTS, Y, PART, own=False)
    asked = PART == "test"
    np.testing.assert_array_equal(
        drafts.extract(POSTS)[asked], seen(Retrieval(similar=SIMILAR), POSTS, Y, PART).extract(POSTS)[asked]
    )
    one = POSTS[asked].head(1).reset_index(drop=True)
    timeless = pd.Series(drafts.extract(one.assign(posted_at=pd.NaT, user_id=None))[0], drafts.names)
    train = POSTS[PART == "train"]
    same = (train["category"] == one["category"].iloc[0]).sum()
    assert timeless["similar_category_likes_log2p1_known"] == min(same, 50)
    bare = pd.Series(drafts.extract(one[["post_id", "posted_at"]])[0], drafts.names)
    np.testing.assert_array_equal(bare, [0, np.nan, np.nan, np.nan] * 3)


def test_nothing_to_be_alike_by_in_training():
    posts = POSTS.assign(tags=POSTS["tags"].where(PART == "test", None))
    assert (told(posts=posts)["similar_tags_likes_log2p1_known"] == 0).all()


def test_the_posts_before_must_be_those_of_training():
    feature = seen(Retrieval(similar=SIMILAR), POSTS, Y, PART)
    restored = Retrieval(similar=SIMILAR)
    restored.restore(json.loads(json.dumps(feature.state())))
    with pytest.raises(UserError, match=r"features\.retrieval: the posts before, or their labels, changed"):
        seen(restored, POSTS.assign(tags="x"), Y, PART)


def test_what_cannot_be():
    with pytest.raises(UserError, match=r"similar: \['tags', 'tags'\] must be some of sentence, .*, each once"):
        Retrieval(similar=["tags", "tags"])
    assert Retrieval(similar=["tags"]).missing(["posted_at", "category"]) == ["tags"]
    assert Retrieval(similar=["tags"]).missing(["tags"]) == ["posted_at"]
    assert Retrieval().missing(["posted_at", "category"]) == []
