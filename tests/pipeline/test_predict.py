from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline import predict
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.stages import run_stages

pytestmark = pytest.mark.slow

TREES = {"n_estimators": 10, "max_depth": 2}
SYSTEMS = {
    "user_mean": {},
    "context": {"model": "svr", "features": ["context"]},
    "trees": {"model": "xgboost", "features": ["user_time", "category"], "seeds": 2, "trees": TREES},
    "stack": {
        "model": "xgb_mlp",
        "features": {"base": ["user_time", "category"], "head": ["image_stats"]},
        "trees": TREES,
        "training": {"epochs": 2},
    },
    "catboost": {"features": ["user_time"], "categorical": ["user_id", "category"], "trees": TREES},
    "words": {"model": "svr", "features": ["bow", "tfidf", "glove"], "standardize_target": True},
    "hybrid_cnn": {
        "features": {"image": ["pixels"], "context": ["context"]},
        **{"channels": [2, 2], "hidden": [6, 4], "head": "linear", "standardize": True},
        "training": {"epochs": 2},
    },
    "uhan": {
        "features": {"regions": ["vgg_regions"], "words": ["words"]},
        **{"hidden": 6, "head": [6], "region_layer": "linear"},
        "training": {"epochs": 4, "batch_size": 16, "learning_rate": 0.05},
    },
}
FEATURES = {
    **{"user_time": {}, "category": {}, "image_stats": {}, "context": {}, "pixels": {"image_size": 8}},
    "vgg_regions": {"pretrained": None, "image_size": 32},
    "bow": {"minimum_count": 2},
    "tfidf": {"maximum_words": 12},
    "glove": {"dimensions": 6},
    "words": {"minimum_count": 2, "length": 8},
}
N = 60


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from tests.conftest import build_posts, write_params, write_posts_folder

    root = tmp_path_factory.mktemp("trained")
    posts = build_posts(N)
    posts["collected_at"] = posts["posted_at"] + pd.to_timedelta(7 + 3 * (np.arange(N) % 5), unit="D")
    write_posts_folder(root / "raw", posts=posts)
    paths = write_params(root, features=FEATURES, systems=SYSTEMS, dataset={"targets": {"likes": "log2p1"}})
    run_stages(paths, results=False)
    return paths


@pytest.fixture
def drafts(trained):
    """The posts of the dataset again, as drafts: without likes, beside the same images."""
    table = pd.read_csv(trained.root / "raw/posts.csv").drop(columns="likes")
    path = trained.root / "raw/drafts.csv"
    table.to_csv(path, index=False)
    return path


def run(paths, system, path, **options):
    from pipeline.base import params

    return predict.predict(paths, params.load(paths.params), system, path, **options)


@pytest.mark.parametrize("system", SYSTEMS)
def test_drafts_score_as_the_same_posts_did_in_training(trained, drafts, system):
    scored = run(trained, system, drafts).set_index("post_id")
    known = store.read_frame(trained.predictions(system))
    expected = known.groupby("post_id")["prediction"].mean()
    np.testing.assert_allclose(scored.loc[expected.index, "likes_log2p1"], expected, rtol=1e-5)
    np.testing.assert_allclose(scored["likes"], np.maximum(np.exp2(scored["likes_log2p1"]) - 1, 0), rtol=1e-6)
    assert scored["likes"].std() > 1
    assert len(scored) == N


def test_order_of_drafts_is_kept_and_one_alone_scores_the_same(trained, drafts):
    table = pd.read_csv(drafts)
    all_of_them = run(trained, "stack", drafts).set_index("post_id")
    one = drafts.with_name("one.csv")
    table.iloc[[7]].to_csv(one, index=False)
    alone = run(trained, "stack", one).set_index("post_id")
    assert alone.index.tolist() == [table["post_id"][7]]
    np.testing.assert_allclose(alone["likes"], all_of_them.loc[alone.index, "likes"], rtol=1e-5)
    assert all_of_them.index.tolist() == table["post_id"].tolist()


def test_command_writes_a_table_of_any_ending(trained, drafts):
    for ending, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        out = drafts.with_name(f"scored{ending}")
        predict.main(trained, ["--system", "trees", "--posts", str(drafts), "--out", str(out)])
        assert read(out).columns.tolist() == ["post_id", "likes_log2p1", "likes"]
    predict.main(trained, ["--system", "trees", "--posts", str(drafts)])
    assert drafts.with_name("drafts.predictions.csv").exists()


def test_new_user_new_category_and_a_missing_picture_are_scored_and_said(trained, drafts, caplog):
    table = pd.read_csv(drafts).head(3)
    table.loc[0, ["user_id", "category", "image"]] = ["nobody", "unheard", "images/none.jpg"]
    table.loc[1, "text"] = "مرحبا 😀 " * 1000
    odd = drafts.with_name("odd.csv")
    table.to_csv(odd, index=False)
    scored = run(trained, "stack", odd)
    assert scored["image"].tolist() == ["missing", "ok", "ok"]
    assert np.isfinite(scored["likes"]).all()
    assert "1 of 3 drafts have no usable picture: 1 missing" in caplog.text


@pytest.mark.parametrize(
    ("system", "change", "message"),
    [
        ("trees", lambda t: t.drop(columns="followers"), "bad.csv: no column 'followers'"),
        ("catboost", lambda t: t.drop(columns="category"), "bad.csv: no column 'category', which the system catboost"),
        (
            "words",
            lambda t: t.drop(columns=["title", "text", "tags"]),
            "bad.csv: none of the columns title, text, tags",
        ),
        (
            "uhan",
            lambda t: t.drop(columns=["title", "text"]),
            r"bad.csv: none of the columns title, text, which features.words needs one of",
        ),
        (
            "hybrid_cnn",
            lambda t: t.drop(columns="followers"),
            "bad.csv: no column 'followers', which the feature context",
        ),
        ("nothing", lambda t: t, "not trained here.*trained: .*trees"),
        ("trees", lambda t: t.head(0), "no rows"),
    ],
)
def test_what_cannot_be_scored_is_one_clear_line(trained, drafts, system, change, message):
    path = drafts.with_name("bad.csv")
    change(pd.read_csv(drafts)).to_csv(path, index=False)
    with pytest.raises(UserError, match=message):
        run(trained, system, path)


@pytest.mark.parametrize("system", ["user_mean", "catboost", "uhan"])
def test_drafts_of_nobody_known_score_as_those_of_new_users(trained, drafts, caplog, system):
    table = pd.read_csv(drafts)
    unsaid, new = drafts.with_name("unsaid.csv"), drafts.with_name("new.csv")
    table.drop(columns="user_id").to_csv(unsaid, index=False)
    table.assign(user_id="nobody").to_csv(new, index=False)
    as_new = run(trained, system, new)
    assert "user_id" not in caplog.text
    pd.testing.assert_frame_equal(run(trained, system, unsaid), as_new)
    assert "unsaid.csv: no column 'user_id': all drafts are taken as those of new users" in caplog.text
    assert not np.allclose(as_new["likes_log2p1"], run(trained, system, drafts)["likes_log2p1"])


def test_hours_online_are_the_drafts_own_or_those_asked_for(trained, drafts):
    planned = drafts.with_name("planned.csv")
    table = pd.read_csv(drafts).drop(columns="collected_at")
    table.to_csv(planned, index=False)
    with pytest.raises(
        UserError,
        match=r"planned.csv: no column 'collected_at', which the feature context needs to count .*give --days",
    ):
        run(trained, "context", planned)
    asked = {days: run(trained, "context", planned, days=days)["likes"] for days in (1, 14)}
    assert not np.allclose(asked[1], asked[14])
    day = pd.to_datetime(table["posted_at"]) + pd.Timedelta(days=1)
    table.assign(collected_at=day.astype(str).where(table.index < 30)).to_csv(planned, index=False)
    mixed = run(trained, "context", planned, days=14)["likes"]
    np.testing.assert_allclose(mixed, np.where(table.index < 30, asked[1], asked[14]))
    table.drop(columns="posted_at").to_csv(planned, index=False)
    with pytest.raises(UserError, match=r"no column 'posted_at'.*collected_at or --days"):
        run(trained, "context", planned, days=14)


@pytest.mark.parametrize("days", [0, -3, float("nan"), 1e9])
def test_days_that_cannot_be_are_refused(trained, drafts, days):
    with pytest.raises(UserError, match="--days"):
        run(trained, "user_mean", drafts, days=days)


def test_unknown_ending_is_refused_before_any_work(trained, drafts):
    with pytest.raises(UserError, match="unknown ending"):
        predict.main(trained, ["--system", "trees", "--posts", str(drafts), "--out", "scored.xlsx"])


def test_packing_changed_since_training_is_refused(trained, drafts):
    from pipeline.base import params

    p = params.load(trained.params)
    p = replace(p, images=replace(p.images, max_side=32))
    with pytest.raises(UserError, match="packing changed since training"):
        predict.predict(trained, p, "stack", drafts)


def test_as_many_predictions_as_drafts_in_their_order(trained, drafts):
    table = pd.read_csv(drafts).head(4)
    alone = run(trained, "stack", drafts).head(4)
    table["post_id"] = ["same", None, "same", "last"]
    odd = drafts.with_name("twice.csv")
    table.to_csv(odd, index=False)
    with odd.open("a") as file:
        file.write("torn\n")
    scored = run(trained, "stack", odd)
    assert scored["post_id"].tolist() == ["same", "3", "same", "last", "6"]
    np.testing.assert_allclose(scored["likes"][:4], alone["likes"], rtol=1e-5)
    assert np.isfinite(scored["likes"]).all()


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_users_number_is_the_same_user_however_it_is_spelled(drafts, tmp_path, caplog, ending):
    from tests.conftest import build_posts, write_params, write_posts_folder, write_table

    made = build_posts(40, users=4)
    made["user_id"] = made["user_id"].str[1:].astype(float) + 103
    write_posts_folder(tmp_path / "raw", posts=made, images=False)
    paths = write_params(tmp_path, systems={"user_mean": {}}, dataset={"max_dropped": 0.0})
    run_stages(paths, results=False)
    assert "103.0" in (tmp_path / "raw/posts.csv").read_text()
    likes = {}
    for kind, user in (("whole", 106), ("text", "106"), ("float", 106.0), ("stranger", 7)):
        path = write_table(tmp_path / f"{kind}{ending}", pd.DataFrame({"post_id": ["x"], "user_id": [user]}))
        likes[kind] = run(paths, "user_mean", path)["likes"][0]
    assert likes["whole"] == likes["text"] == likes["float"] != likes["stranger"]
    assert caplog.text.count("1 of 1 drafts are by users never seen in training") == 1
