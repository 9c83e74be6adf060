"""What every system must do, over all that are found in models/: a new one is tested the moment it exists."""

import ast
import copy
import inspect
import itertools
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from models.base import System, discover, system_class
from models.parts.boosting import Trees
from models.parts.loop import Training
from tests.models.small import SMALL, make, make_examples, rmse, with_features, with_posts, with_y

SYSTEMS = discover(System)
LEARNERS = [name for name in SYSTEMS if name not in ("ceiling", "constant")]
TRAIN, VALIDATION, TEST = make_examples(300, 1), make_examples(60, 2), make_examples(200, 3)
CALM = {"rtol": 1e-5, "atol": 1e-5}  # float32 sums depend on the size of a batch in their last digits


def trained(names):
    """Names of systems that a test trains; networks take seconds."""
    networks = {name for name in SYSTEMS if "training" in inspect.signature(system_class(name)).parameters}
    return [pytest.param(name, marks=[pytest.mark.slow] * (name in networks)) for name in names]


@pytest.fixture(scope="module")
def fitted():
    """Each system trained once on TRAIN, by name."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = make(name)
            made[name].fit(TRAIN, VALIDATION)
        return made[name]

    return get


def test_systems_are_found_and_each_has_a_small_entry():
    assert {"constant", "user_mean", "xgboost", "lightgbm", "catboost"} <= set(SYSTEMS)
    assert {"xgb_clip_pca", "xgb_mlp", "xgb_conv1d"} <= set(SYSTEMS)
    assert set(discover()) == set(SMALL), "give every system its line in tests/models/small.py"


@pytest.mark.parametrize("name", discover())
def test_says_what_it_is(name):
    cls = system_class(name)
    assert cls.__doc__
    assert sys.modules[cls.__module__].__doc__
    parameters = list(inspect.signature(cls).parameters.values())
    assert all(p.kind is p.KEYWORD_ONLY and p.annotation is not p.empty for p in parameters)
    documented = cls.__init__.__doc__ or ""
    assert all(p.name in documented or p.name in cls.__doc__ for p in parameters), "an argument has no line"


@pytest.mark.parametrize("section", [Training, Trees])
def test_each_key_of_a_section_is_explained(section):
    (cls,) = ast.parse(inspect.getsource(section)).body
    for field, line in itertools.pairwise(cls.body):
        if isinstance(field, ast.AnnAssign):
            assert isinstance(line, ast.Expr) and isinstance(line.value.value, str), field.target.id  # noqa: PT018


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_inputs_stay_as_they_are(name):
    parts = [copy.deepcopy(part) for part in (TRAIN, VALIDATION, TEST)]
    system = make(name)
    system.fit(parts[0], parts[1])
    system.predict(parts[2])
    for part, before in zip(parts, (TRAIN, VALIDATION, TEST), strict=True):
        pd.testing.assert_frame_equal(part.posts, before.posts)
        np.testing.assert_array_equal(part.y, before.y)
        for feature, values in before.features.items():
            np.testing.assert_array_equal(part.features[feature].values, values.values)


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_same_seed_same_result(name, fitted):
    np.random.seed(5)  # noqa: NPY002 (global state must not decide)
    torch.manual_seed(5)
    again = make(name)
    again.fit(TRAIN, VALIDATION)
    np.testing.assert_array_equal(again.predict(TEST), fitted(name).predict(TEST))


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_saved_and_loaded_is_the_same(name, fitted, tmp_path):
    fitted(name).save(tmp_path)
    loaded = make(name)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(TEST), fitted(name).predict(TEST))
    assert loaded.report() == fitted(name).report()
    assert loaded.chosen() == fitted(name).chosen()
    assert loaded.importance() == pytest.approx(fitted(name).importance())
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert file.suffix in (".json", ".parquet", ".safetensors", ".ubj", ".txt", ".cbm", ".skops"), file.name
        assert file.read_bytes()[:1] != b"\x80", f"{file.name} is a pickle"


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_one_row_in_one_row_out(name, fitted):
    together = fitted(name).predict(TEST)
    assert together.shape == (len(TEST),)
    assert np.isfinite(together).all()
    alone = [fitted(name).predict(TEST.take(np.array([i]))) for i in range(5)]
    assert all(row.shape == (1,) for row in alone)
    np.testing.assert_allclose(np.concatenate(alone), together[:5], **CALM)
    assert fitted(name).predict(TEST.take(np.arange(0))).shape == (0,)


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_rows_may_come_in_any_order(name, fitted):
    order = np.random.default_rng(0).permutation(len(TEST))
    np.testing.assert_allclose(fitted(name).predict(TEST.take(order)), fitted(name).predict(TEST)[order], **CALM)


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_order_of_columns_and_further_columns_do_not_matter(name, fitted):
    def turned(part):
        posts = part.posts.assign(another=1.0)[["another", *part.posts.columns[::-1]]]
        return replace(part, posts=posts, features=dict(reversed(part.features.items())))

    system = make(name)
    system.fit(turned(TRAIN), turned(VALIDATION))
    np.testing.assert_array_equal(system.predict(turned(TEST)), fitted(name).predict(TEST))


@pytest.mark.parametrize("name", trained(name for name in SYSTEMS if name != "ceiling"))
def test_constant_target_gives_a_constant(name):
    system = make(name)
    system.fit(with_y(TRAIN, np.full(len(TRAIN), 3.3)), with_y(VALIDATION, np.full(len(VALIDATION), 3.3)))
    np.testing.assert_allclose(system.predict(TEST), 3.3, rtol=1e-6)
    assert all(np.isfinite(value) for value in [*system.report().values(), *system.importance().values()])


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_validation_may_be_empty_and_training_small(name):
    for n in (2, 3, 33):  # 33: one more than a batch of the networks
        system = make(name)
        system.fit(TRAIN.take(np.arange(n)), VALIDATION.take(np.arange(0)))
        assert np.isfinite(system.predict(TEST)).all()


def _nothing(name, values):
    return np.full_like(values, np.nan if values.dtype.kind == "f" else 0)  # words are padded with 0


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_unseen_users_and_gaps_everywhere(name, fitted):
    strange = with_posts(TEST, user_id="nobody", category="unheard of")
    empty = with_features(with_posts(TEST, user_id=None, category=None), _nothing)
    for posts in (strange, empty):
        prediction = fitted(name).predict(posts)
        assert prediction.shape == (len(TEST),)
        assert np.isfinite(prediction).all()


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_unpublished_posts_are_predicted_alike(name, fitted):
    np.testing.assert_array_equal(fitted(name).predict(with_y(TEST, None)), fitted(name).predict(TEST))


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_names_of_users_do_not_matter(name, fitted):
    def renamed(part):
        return with_posts(part, user_id=part.posts["user_id"].str.replace("u", "somebody-"))

    system = make(name)
    system.fit(renamed(TRAIN), renamed(VALIDATION))
    np.testing.assert_allclose(system.predict(renamed(TEST)), fitted(name).predict(TEST), rtol=1e-6)


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_validation_is_not_learned_from(name, fitted):
    """None of the small systems tunes or stops, so another validation part must change nothing at all."""
    rng = np.random.default_rng(0)
    other = with_features(VALIDATION, lambda _, v: rng.normal(50, 9, v.shape).astype(v.dtype))
    other = with_posts(other, user_id=[f"v{i}" for i in range(len(other))], category="unheard of")
    system = make(name)
    system.fit(TRAIN, with_y(other, rng.permutation(VALIDATION.y) * 9))
    np.testing.assert_array_equal(system.predict(TEST), fitted(name).predict(TEST))


@pytest.mark.parametrize("name", trained(LEARNERS))
def test_learns_and_beats_the_mean(name, fitted):
    mean = rmse(np.full(len(TEST), TRAIN.y.mean()), TEST)
    assert rmse(fitted(name).predict(TRAIN), TRAIN) < 0.95 * rmse(np.full(len(TRAIN), TRAIN.y.mean()), TRAIN)
    assert rmse(fitted(name).predict(TEST), TEST) < 0.95 * mean


@pytest.mark.parametrize("name", trained(name for name in SYSTEMS if name != "ceiling"))
def test_targets_decide(name, fitted):
    """A system that ignored its training targets would pass much of the above."""
    system = make(name)
    system.fit(with_y(TRAIN, TRAIN.y + 10), with_y(VALIDATION, VALIDATION.y + 10))
    np.testing.assert_allclose(system.predict(TEST), fitted(name).predict(TEST) + 10, atol=0.6)


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_a_curve_has_a_loss_at_each_step_and_falls(name, fitted):
    curve = fitted(name).curve()
    if curve:
        assert set(curve) == {"step", "train", "validation"}
        assert len({len(losses) for losses in curve.values()}) == 1
        assert curve["step"] == sorted(set(curve["step"]))
        assert curve["train"][-1] < curve["train"][0]
        assert curve["validation"][-1] == pytest.approx(rmse(fitted(name).predict(VALIDATION), VALIDATION) ** 2)


@pytest.mark.slow
def test_networks_have_curves(fitted):
    assert {name for name in SYSTEMS if fitted(name).curve()} >= {"xgb_mlp", "xgb_conv1d", "hybrid_cnn"}


@pytest.mark.parametrize("name", trained(SYSTEMS))
def test_importance_is_shares_of_known_inputs(name, fitted):
    importance = fitted(name).importance()
    if importance:
        assert sum(importance.values()) == pytest.approx(1)
        assert min(importance.values()) >= 0
