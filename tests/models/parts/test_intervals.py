"""Intervals on drawn posts whose noise is known: they hold what they promise, by group, and read no other labels."""

import numpy as np
import pandas as pd
import pytest

from models.parts import intervals, out_of_fold
from models.parts.folds import folds
from models.parts.intervals import MINIMUM, Conformal, Scored, quantile
from pipeline.base.errors import UserError
from pipeline.base.sections import Entry, Intervals
from pipeline.storage.examples import Examples, FeatureValues
from tests.models.small import make_examples, nest

DEEP = {"n_estimators": 60, "max_depth": 8, "learning_rate": 0.2, "threads": 1}
BOOSTERS = ["lightgbm", "xgboost", "catboost"]
U = "user_id"
N = {"train": 800, "validation": 600, "test": 2000}


def drawn(n, seed):
    """Posts with y = x and noise that grows from .1 to 2 with x; users u0 to u2, in `seed` 1 (training) alone."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 1)).astype(np.float32)
    user = [None if u > 3 else f"u{u}" if seed == 1 or u < 3 else "stranger" for u in rng.integers(0, 5, n)]
    known = np.array([u in ("u0", "u1", "u2") for u in user])
    deviation = (0.1 + 1.9 * x[:, 0]) * np.where(known, 1, 2)
    posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(n)], "user_id": pd.Series(user, dtype="str")})
    y = 10 + x[:, 0] + deviation * rng.normal(size=n)
    return Examples(posts, {"x": FeatureValues(x, ["x"])}, y, "likes", "log2p1")


PARTS = {part: drawn(n, seed) for seed, (part, n) in enumerate(N.items(), 1)}


def entry(method="cqr", by=None, module="lightgbm", level=0.8, **arguments):
    given = {"features": ["x"], "trees": DEEP, **arguments}
    return Entry("name", module, arguments=given, intervals=Intervals(level=level, method=method, by=by))


def calibrated(asked, parts=PARTS, prediction=10.5):
    made = intervals.make(asked, seed=0)
    made.fit(parts["train"], parts["validation"], np.full(len(parts["validation"]), prediction))
    return made


def inside(made, posts, prediction=10.5):
    low, high = made.interval(posts, np.full(len(posts), prediction))
    assert (low <= prediction).all()
    assert (prediction <= high).all()
    return (low <= posts.y) & (posts.y <= high), high - low


def bound(level, *sizes):
    """Three deviations of a share that is measured on samples of these sizes."""
    return 3 * np.sqrt(level * (1 - level) * sum(1 / n for n in sizes))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("module", [*BOOSTERS, "constant width"])
def test_covers_what_it_promises(module, level):
    asked = entry("constant", level=level) if module == "constant width" else entry(module=module, level=level)
    held, _ = inside(calibrated(asked), PARTS["test"])
    assert abs(held.mean() - level) < bound(level, N["validation"], N["test"])


def test_without_calibration_deep_trees_would_not(monkeypatch):
    monkeypatch.setattr(Conformal, "_margin", lambda self, posts, seen: np.zeros(len(posts)))
    held, _ = inside(calibrated(entry()), PARTS["test"])
    assert held.mean() < 0.8 - bound(0.8, N["validation"], N["test"])


def test_quantiles_are_as_wide_as_the_noise_and_a_constant_is_not():
    calm = PARTS["test"].matrix(["x"])[:, 0] < 0.3
    shallow = {**DEEP, "max_depth": 3, "learning_rate": 0.05}
    for method, fits in (("cqr", True), ("constant", False)):
        held, width = inside(calibrated(entry(method, trees=shallow)), PARTS["test"])
        apart = held[calm].mean() - held[~calm].mean()
        assert (abs(apart) < 0.12) == fits, method
        assert (width[calm].mean() < 0.5 * width[~calm].mean()) == fits


@pytest.mark.parametrize("method", ["cqr", "constant"])
def test_groups_are_calibrated_apart(method):
    """New users and posts without one are twice as noisy, which no feature says."""
    known = PARTS["test"].posts["user_id"].isin(["u0", "u1", "u2"]).to_numpy()
    together, _ = inside(calibrated(entry(method)), PARTS["test"])
    apart, width = inside(calibrated(entry(method, by="user_id")), PARTS["test"])
    assert together[known].mean() - together[~known].mean() > 0.1
    assert abs(apart[known].mean() - apart[~known].mean()) < 0.1
    assert width[~known].mean() > 1.3 * width[known].mean()


def test_a_group_of_few_is_calibrated_with_all():
    few = {**PARTS, "validation": PARTS["validation"].take(np.arange(MINIMUM - 1))}
    made, alone, together = (calibrated(entry("constant", by=by), p) for by, p in ((U, PARTS), (U, few), (None, few)))
    whole = calibrated(entry("constant"))
    posts = PARTS["test"].take(np.arange(3))
    for user in ("u0", "stranger", None):
        asked = Examples(posts.posts.assign(user_id=pd.Series([user] * 3, dtype="str")), posts.features)
        assert inside_width(made, asked) != inside_width(whole, asked)
        assert inside_width(alone, asked) == inside_width(together, asked)
    unsaid = Examples(posts.posts.drop(columns="user_id"), posts.features)
    assert inside_width(made, unsaid) == inside_width(made, asked)


def inside_width(made, posts):
    low, high = made.interval(posts, np.full(len(posts), 10.5))
    return float((high - low)[0])


@pytest.mark.parametrize("method", ["cqr", "constant"])
def test_ends_where_counts_do_and_holds_its_prediction(method):
    parts = {k: Examples(v.posts, v.features, np.maximum(v.y - 10, 0), "likes", "log2p1") for k, v in PARTS.items()}
    made = calibrated(entry(method), parts, 0.2)
    low, high = made.interval(PARTS["test"], np.linspace(0, 30, N["test"]))
    assert low.min() == 0
    assert (high >= np.linspace(0, 30, N["test"])).all()


@pytest.mark.parametrize(("transform", "moved"), [("identity", 10), ("log2_per_day", 9)])
def test_ends_nowhere_where_counts_do_not(transform, moved):
    """A score may be negative, and so may the logarithm of a count per day."""
    parts = {k: Examples(v.posts, v.features, v.y - moved, "score", transform) for k, v in PARTS.items()}
    if transform == "log2_per_day":
        parts["train"] = Examples(*[*vars(parts["train"]).values()][:2], abs(parts["train"].y), "score", transform)
    assert calibrated(entry("constant"), parts, 0.2).interval(PARTS["test"], np.zeros(N["test"]))[0].min() < 0


@pytest.mark.parametrize("asked", [entry(by="user_id"), entry("constant", by="user_id"), entry(module="catboost")])
def test_saved_and_loaded_is_the_same(asked, tmp_path):
    made, again = calibrated(asked), intervals.make(asked, seed=0)
    made.save(tmp_path / "intervals")
    again.load(tmp_path / "intervals")
    prediction = np.linspace(8, 12, N["test"])
    np.testing.assert_array_equal(again.interval(PARTS["test"], prediction), made.interval(PARTS["test"], prediction))


def test_margins_of_several_scored_posts_by_hand():
    """Scores 1 to 4 of users seen where they were predicted and 5 to 9 of others: a group's own, or of all."""

    def scored(errors, seen, users):
        posts = pd.DataFrame({"post_id": [str(e) for e in errors], "user_id": pd.Series(users, dtype="str")})
        zeros = np.zeros(len(errors))
        return Scored(Examples(posts, y=np.array(errors, dtype=float)), zeros, zeros, zeros, np.array(seen))

    others = scored([9.0, 8.0, 7.0, 6.0, 5.0] * 20, [False] * 100, ["a"] * 100)
    own = scored([1.0, 2.0, 3.0, 4.0] * 25, [True] * 100, ["b"] * 100)
    made = Conformal(level=0.5, by="user_id")
    made.calibrate([others, own], known=["a", "b"], bounded=False)
    posts, zeros = pd.DataFrame({"user_id": pd.Series(["a", "b", "c"], dtype="str")}), np.zeros(3)
    high = made.around(posts, zeros, zeros, zeros)[1]
    assert high.tolist() == [5.0, 3.0, 7.0]  # of all 200 the 101st, of 100 the 51st; few were seen that are not b
    unseen = made.around(posts, zeros, zeros, zeros, np.zeros(3, dtype=bool))[1]
    assert unseen.tolist() == [7.0] * 3


@pytest.mark.parametrize("method", ["cqr", "constant"])
@pytest.mark.parametrize("column", ["posted_at", "user_id", None])
def test_folds_cover_what_they_promise_where_the_validation_part_is_small(method, column):
    """The share of test posts inside is as near as the posts of all folds allow, not those of 40."""
    rng = np.random.default_rng(5)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.permutation(840), unit="h")
    every = Examples(
        PARTS["train"].posts.assign(posted_at=times[:800]), PARTS["train"].features, PARTS["train"].y, "likes", "log2p1"
    )
    watched = PARTS["validation"].take(np.arange(400))
    asked = entry(method)
    cut = folds(every, watched if column != "posted_at" else watched.take(np.arange(150)), by=column, count=5, seed=0)
    scored = out_of_fold.score(asked, cut, lambda one, two: Flat(), seed=0)
    made, n = intervals.make(asked, seed=0), sum(len(one.posts) for one in scored)
    few = watched.take(np.arange(40))
    made.fit(every, few, np.full(40, 10.5), scored)
    held, _ = inside(made, PARTS["test"])
    assert n >= 450
    assert abs(held.mean() - 0.8) < bound(0.8, n + 40, N["test"])


class Flat:
    """A system that always says the same."""

    def report(self):
        return {}

    def refit(self, train, validation):
        pass

    def predict(self, posts):
        return np.full(len(posts), 10.5)


def test_users_that_a_fold_has_not_seen_are_new_there():
    asked, train = entry("constant", by=U), PARTS["train"]
    cut = folds(train, PARTS["validation"].take(np.arange(200)), by=U, count=4, seed=0)
    scored = out_of_fold.score(asked, cut, lambda one, two: Flat(), seed=0)
    for fold, one in zip(cut, scored, strict=True):
        known = {*fold.train.posts[U].dropna(), *fold.validation.posts[U].dropna()}
        assert one.seen.tolist() == [user in known for user in fold.posts.posts[U]]
    assert not all(one.seen.all() for one in scored)


def test_calibration_posts_teach_no_quantile_model():
    """With early stopping, too: other validation labels give other margins and the same models."""
    stops = entry(trees={**DEEP, "early_stopping": 5})
    other = {**PARTS, "validation": Examples(*[*vars(PARTS["validation"]).values()][:2], PARTS["validation"].y + 50)}
    one, two = calibrated(stops), calibrated(stops, other)
    raw = [np.stack(made._raw(PARTS["test"], np.zeros(N["test"]))) for made in (one, two)]
    np.testing.assert_array_equal(*raw)
    assert two._margins["all"] > one._margins["all"] + 40


def test_any_system_has_quantiles_from_its_features():
    asked = Entry("net", "xgb_mlp", arguments=nest("xgb_mlp", {"features": {"base": ["tabular"], "head": ["clip"]}}))
    one = intervals.of_quantile(asked, 0.1)
    assert (one.module, one.arguments["features"]) == ("lightgbm", ["tabular", "clip"])
    made = intervals.make(Entry("net", "xgb_mlp", arguments=asked.arguments, intervals=Intervals()), seed=0)
    train, validation, test = make_examples(300, 1), make_examples(60, 2), make_examples(60, 3)
    made.fit(train, validation, validation.y)
    low, high = made.interval(test, test.y)
    assert (low < high).all()


def test_what_a_search_found_is_what_quantiles_are_grown_with():
    asked = entry(trees={**DEEP, "grid": {"max_depth": [2, 8]}}, module="catboost", categorical=["user_id"])
    one = intervals.of_quantile(asked, 0.25, {"max_depth": 2, "validation_rmse": 1.0, "trees": 7})
    expected = {**DEEP, "max_depth": 2, "grid": None, "loss": "quantile", "quantile": 0.25}
    assert one.arguments["trees"] == expected
    assert one.arguments["categorical"] == ["user_id"]


@pytest.mark.parametrize("strangers", [False, True])
def test_where_users_are_new_quantile_models_have_the_trees_that_the_system_stopped_at(strangers):
    asked = entry(trees={**DEEP, "early_stopping": 5})
    one = intervals.of_quantile(asked, 0.1, {"trees": 7}, strangers=strangers).arguments["trees"]
    assert (one["n_estimators"], one["early_stopping"]) == ((7, None) if strangers else (60, 5))
    roles = nest("xgb_mlp", {"features": {"base": ["tabular"], "head": ["clip"]}})
    net = intervals.of_quantile(Entry("net", "xgb_mlp", arguments=roles), 0.1, {"base_trees": 7}, strangers=strangers)
    assert net.arguments["trees"]["early_stopping"] == 30


def test_what_cannot_be_is_one_clear_line():
    with pytest.raises(UserError, match=r"systems\.m\.intervals\.method: cqr needs features"):
        intervals.make(Entry("m", "constant", intervals=Intervals()))
    nothing = {**PARTS, "validation": PARTS["validation"].take(np.arange(0))}
    with pytest.raises(UserError, match="calibrated on validation posts"):
        calibrated(entry(), nothing)


@pytest.mark.parametrize(("n", "level", "place"), [(9, 0.8, 8), (4, 0.8, 4), (3, 0.8, 3), (99, 0.9, 90), (10, 0.5, 6)])
def test_margin_is_the_finite_sample_quantile(n, level, place):
    scores = np.random.default_rng(0).permutation(n) + 1.0
    assert quantile(scores, level) == place
