"""What `amnl` and `amnl_plus` find where friends decide, and where a comment says what to look at."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.base.errors import UserError
from pipeline.storage.examples import FeatureValues
from tests.models.facets import friends, named
from tests.models.feeds import auc, make_feeds
from tests.models.small import make

FEEDS = make_feeds(1)
FEEDS["train"] = FEEDS["train"].take(np.arange(160))
SEEING = {"social": False, "factors": 8, "hidden": 16, "embedding": 8, "space": 8, "learning_rate": 0.1, "epochs": 8}


def fitted(name, feeds, **changes):
    ranker = make(name, **changes)
    ranker.fit(feeds["train"], feeds["validation"])
    return ranker


def on_test(ranker, feeds):
    return auc(ranker.score(*feeds["test"].pairs()), feeds["test"])


def test_friends_tastes_beat_all_that_do_not_know_them():
    feeds, changes = friends(), {"text": False, "factors": 8, "learning_rate": 0.1, "epochs": 10}
    social = on_test(fitted("amnl", feeds, **changes), feeds)
    assert social > 0.85
    assert on_test(fitted("amnl", feeds, social=False, **changes), feeds) < 0.6
    assert on_test(fitted("vbpr", feeds, negatives="lists"), feeds) < 0.6


def test_comments_say_where_to_look():
    feeds, where = named()
    seeing = fitted("amnl_plus", feeds, **SEEING)
    assert on_test(seeing, feeds) > on_test(fitted("amnl_plus", feeds, text=False, **SEEING), feeds) + 0.1
    looked = seeing.attention(feeds["test"].posts)
    at_it = looked["regions"][np.arange(len(where)), :, where]  # [p, m]
    assert at_it.mean() > 2 / 4  # where chance is 1 / 4
    np.testing.assert_allclose(looked["regions"].sum(-1), 1, atol=1e-5)
    assert set(looked["sentences"][:, 0]) == {f"look at the {what}" for what in ("sea", "cat", "cake", "tree")}
    assert not looked["sentences"][:, 1].any()


@pytest.mark.parametrize("name", ["amnl", "amnl_plus"])
def test_without_followees_picture_or_words_there_is_a_number(name):
    ranker = fitted(name, FEEDS)
    users, posts = FEEDS["test"].pairs()
    nobody = replace(posts, posts=posts.posts.assign(text=None, post_id="new " + posts.posts["post_id"]))
    gone = {name: FeatureValues(np.full(v.shape, np.nan, np.float16)) for name, v in posts.features.items()}
    blind = replace(posts, features=gone)
    for pairs in ((users, nobody), (users, blind), (users, replace(nobody, features=gone))):
        assert np.isfinite(ranker.score(*pairs)).all()
    alone = {part: replace(feed, follows=feed.follows[:, :0]) for part, feed in FEEDS.items()}
    assert np.isfinite(fitted(name, alone).score(users, posts)).all()


def test_a_user_whom_training_did_not_touch_has_the_mean_taste():
    ranker = fitted("amnl", FEEDS, social=False)
    _, posts = FEEDS["test"].pairs()
    vectors = ranker._network.preferences.users.table.weight.detach().double().numpy()
    first = posts.take(np.array([0]))
    of_all = [ranker.score(np.array([user], dtype=object), first)[0] for user in FEEDS["train"].users]
    assert len(vectors) == len(of_all)
    new = ranker.score(np.array(["nobody"], dtype=object), first)
    np.testing.assert_allclose(new, np.mean(of_all), rtol=1e-4)


def test_comments_are_read_of_known_posts():
    feeds = {part: replace(feed, comments=feed.comments.assign(text="nothing")) for part, feed in FEEDS.items()}
    changes = {"image": False, "social": False}
    told, untold = (fitted("amnl", own, **changes) for own in (FEEDS, feeds))
    assert "nice" in told._words
    assert "nothing" in untold._words
    assert "nice" not in fitted("amnl", FEEDS, comments=False, **changes)._words


def test_others_are_drawn_anew_only_where_asked():
    curves = [fitted("amnl", FEEDS, resample=again).curve()["train"] for again in (False, True)]
    assert curves[0] != curves[1]


def test_words_start_from_given_vectors(tmp_path):
    file = tmp_path / "vectors.txt"
    file.write_text("nice 1 2 3 4 5 6\nunheard 1 1 1 1 1 1\n")
    ranker = make("amnl", vectors=str(file))
    assert ranker.files() == [file]
    ranker.learn(FEEDS["train"])
    table = ranker.begin().fusion.sentences.words.table.weight
    assert table[ranker._index["nice"]].tolist() == [1, 2, 3, 4, 5, 6]
    assert ranker._known == 1
    assert make("amnl", vectors=str(file), text=False).files() == []
    with pytest.raises(UserError, match=r"vectors: .*none\.txt: no such file"):
        make("amnl", vectors=str(tmp_path / "none.txt")).files()
    with pytest.raises(UserError, match="a vector of the package has 50 numbers, not 6"):
        make("amnl", vectors="package").files()
    assert len(make("amnl", vectors="package", embedding=50).files()) == 2


def test_keys_that_cannot_be():
    with pytest.raises(UserError, match="image, text: at least one"):
        make("amnl", image=False, text=False)
    with pytest.raises(UserError, match=r"features\.image"):
        make("amnl", features={})
    with pytest.raises(UserError, match=r"features\.regions: picture has no square of regions"):
        fitted("amnl_plus", FEEDS, features={"regions": ["picture"]})
    with pytest.raises(UserError, match="validation"):
        make("amnl", patience=2).fit(FEEDS["train"], FEEDS["validation"].take(np.arange(0)))


def test_posts_of_nobody_and_comments_of_no_post_are_no_error():
    comments = pd.DataFrame({"at": [], "text": [], "user": [], "post": np.empty(0, dtype=np.int64)})
    feeds = {part: replace(feed, comments=comments) for part, feed in FEEDS.items()}
    assert np.isfinite(fitted("amnl", feeds).score(*FEEDS["test"].pairs())).all()
