"""Drafts in order for a user, and followers in order for drafts, by rankers as the stages leave them."""

import numpy as np
import pandas as pd
import pytest

from pipeline import rank
from pipeline.base import params
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.stages import run_stages

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

QUICK = {"descent": {"epochs": 20, "patience": None}}
SYSTEMS = {
    "mean": {"model": "constant"},
    "popularity": {},
    "followees": {},
    "famf": QUICK,
    "vbpr": {"features": {"image": ["image_stats"]}, "seeds": 2, **QUICK},
    "citing": {"columns": ["title", "text"], **QUICK},
}
RANKERS = [name for name in SYSTEMS if name != "mean"]
N, USERS = 60, 8


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Everybody follows everybody but `u0`, whom `u1` and `u2` follow alone; shares come within days of a post."""
    from tests.conftest import build_posts, write_params, write_posts_folder

    root, rng = tmp_path_factory.mktemp("rank"), np.random.default_rng(0)
    posts = build_posts(N, USERS)
    write_posts_folder(root / "raw", posts=posts)
    names = [f"u{i}" for i in range(USERS)]
    pairs = [(a, b) for a in names for b in names if a != b and (b != "u0" or a in ("u1", "u2"))]
    pd.DataFrame(pairs, columns=["follower_id", "followee_id"]).to_csv(root / "raw/follows.csv", index=False)
    what = rng.integers(0, N, 300)
    at = posts["posted_at"].iloc[what] + pd.to_timedelta(rng.integers(1, 200, 300), unit="h")
    shares = {"user_id": rng.choice(names, 300), "post_id": posts["post_id"].iloc[what], "at": at.astype(str)}
    pd.DataFrame(shares).to_csv(root / "raw/interactions.csv", index=False)
    paths = write_params(root, features={"image_stats": {}}, systems=SYSTEMS, ranking={"ratios": [0.6, 0.1, 0.3]})
    run_stages(paths, results=False)
    return paths


@pytest.fixture
def drafts(trained):
    """`drafts(name, **columns)`: the posts of the dataset again, without likes, some columns another."""
    table = pd.read_csv(trained.root / "raw/posts.csv").drop(columns="likes")

    def build(name="drafts", rows=slice(None), without=(), **columns):
        path = trained.root / f"raw/{name}.csv"
        table.assign(**columns).drop(columns=list(without)).iloc[rows].to_csv(path, index=False)
        return path

    return build


def for_user(paths, system, path, user="u1"):
    return rank.for_user(paths, params.load(paths.params), system, path, user)


def for_followers(paths, system, path, author="u0"):
    return rank.for_followers(paths, params.load(paths.params), system, path, author)


@pytest.mark.parametrize("system", RANKERS)
def test_posts_of_the_dataset_score_as_they_did_in_training(trained, drafts, system):
    known = store.read_frame(trained.predictions(system))
    user = known["user_id"].mode()[0]
    expected = known[known["user_id"] == user].groupby("post_id")["score"].mean()
    scored = for_user(trained, system, drafts(), user).set_index("post_id")
    np.testing.assert_allclose(scored.loc[expected.index, "score"], expected, rtol=1e-4, atol=1e-6)
    assert scored["score"].std() > 0
    assert len(scored) == N


@pytest.mark.parametrize("system", RANKERS)
def test_rank_counts_what_scores_higher(trained, drafts, system):
    scored = for_user(trained, system, drafts())
    assert ("image" in scored) == (system == "vbpr")
    above = [(scored["score"] > score).sum() for score in scored["score"]]
    assert scored["rank"].tolist() == [1 + n for n in above]
    assert list(scored.drop(columns="image", errors="ignore")) == ["post_id", "score", "rank"]


@pytest.mark.parametrize("system", RANKERS)
def test_new_posts_get_what_the_ranker_knows_without_them(trained, drafts, system):
    new = for_user(trained, system, drafts("new", post_id=[f"new{i}" for i in range(N)]))
    assert (new["score"].std() == 0) == (system in ("popularity", "famf"))
    if system != "citing":  # of posts it knows the words alone
        assert not np.allclose(new["score"], for_user(trained, system, drafts())["score"])


def test_numbers_of_rows_and_ids_that_stand_twice_are_no_posts_of_the_dataset(trained, drafts):
    numbered = for_user(trained, "famf", drafts("numbered", without=["post_id"]))
    twice = for_user(trained, "famf", drafts("twice", slice(2), post_id="p0003"))
    once = for_user(trained, "famf", drafts("once", slice(1), post_id="p0003"))
    assert numbered["post_id"].tolist()[:2] == ["2", "3"]
    assert twice["post_id"].tolist() == ["p0003", "p0003"]
    assert twice["score"].tolist() == numbered["score"].tolist()[:2] != once["score"].tolist() * 2


@pytest.mark.parametrize("system", RANKERS)
def test_followers_score_as_when_asked_one_by_one(trained, drafts, system, monkeypatch):
    monkeypatch.setattr(rank, "PAIRS", 3)
    path = drafts("three", slice(3))
    found = for_followers(trained, system, path)
    assert list(found) == ["post_id", "user_id", "score", "rank"]
    assert found["post_id"].tolist() == np.repeat(pd.read_csv(path)["post_id"], 2).tolist()
    assert found.groupby("post_id")["user_id"].agg(set).tolist() == [{"u1", "u2"}] * 3
    for post, user, score, place in found.itertuples(index=False):
        alone = for_user(trained, system, path, user).set_index("post_id")["score"]
        assert alone[post] == pytest.approx(score, rel=1e-5)
        assert place == 1 + (found.loc[found["post_id"] == post, "score"] > score).sum()
    assert found.groupby("post_id")["rank"].agg(lambda ranks: ranks.is_monotonic_increasing).all()


def test_drafts_of_nobody_are_those_of_the_user_whose_followers_are_asked(trained, drafts):
    """Both follow `u0`; that counts in no draft which is said to be somebody's whom nobody follows."""
    new = {"post_id": "new"}
    unsaid = for_followers(trained, "followees", drafts("unsaid", slice(1), ["user_id"], **new))
    said = for_followers(trained, "followees", drafts("said", slice(1), user_id="u0", **new))
    other = for_followers(trained, "followees", drafts("other", slice(1), user_id="nobody", **new))
    pd.testing.assert_frame_equal(unsaid, said)
    assert unsaid["score"].tolist() == [1, 1]
    assert other["score"].tolist() == [0, 0]


@pytest.mark.parametrize("system", RANKERS)
def test_a_new_user_is_ranked_for_and_said_once(trained, drafts, system, caplog):
    scored = for_user(trained, system, drafts(), "stranger")
    assert np.isfinite(scored["score"]).all()
    assert [r.getMessage().split(":")[0] for r in caplog.records if r.levelname == "WARNING"] == ["--user stranger"]
    caplog.clear()
    for_user(trained, system, drafts(), "u1")
    assert "--user" not in caplog.text


def test_missing_pictures_are_said_and_scored_as_none(trained, drafts, caplog):
    scored = for_user(trained, "vbpr", drafts("blind", slice(3), image=["none.jpg"] * N))
    assert scored["image"].tolist() == ["missing"] * 3
    assert "3 of 3 drafts have no usable picture: 3 missing" in caplog.text
    assert np.isfinite(scored["score"]).all()


def test_command_writes_a_table(trained, drafts):
    path = drafts()
    asked = ["--system", "vbpr", "--posts", str(path)]
    rank.main(trained, [*asked, "--user", "u1"])
    written = pd.read_csv(path.with_name("drafts.ranking.csv"))
    assert list(written) == ["post_id", "image", "score", "rank"]
    rank.main(trained, [*asked, "--followers-of", "u0", "--out", str(path.with_name("who.jsonl"))])
    assert len(pd.read_json(path.with_name("who.jsonl"), lines=True)) == 2 * N


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--system", "mean", "--user", "u1"], "--system mean: it predicts counts and ranks nothing"),
        (["--system", "nothing", "--user", "u1"], "not trained here.*trained: .*vbpr"),
        (["--system", "vbpr"], "one of the arguments --user --followers-of is required"),
        (["--system", "vbpr", "--user", "u1", "--followers-of", "u0"], "not allowed with argument"),
        (["--system", "vbpr", "--followers-of", "stranger"], "--followers-of stranger: nobody in the dataset follows"),
        (["--system", "vbpr", "--user", "u1", "--out", "who.xlsx"], "unknown ending"),
        (["--system", "citing", "--user", "u1"], "mute.csv: no column 'text', which the system citing needs"),
    ],
)
def test_what_cannot_be_ranked_is_one_clear_line(trained, drafts, arguments, message):
    path = drafts("mute", without=["text"])
    with pytest.raises(UserError, match=message):
        rank.main(trained, [*arguments, "--posts", str(path)])


def test_a_users_number_is_the_same_user_however_it_is_spelled():
    assert [rank._cleaned(user) for user in ("103", "103.0", " u1 ")] == ["103", "103", "u1"]
