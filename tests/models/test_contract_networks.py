"""What every system that learns step by step must do: stop, go on after a kill, and heed each of its arguments."""

import inspect
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from torch.optim.optimizer import register_optimizer_step_pre_hook

from models.base import Ranker, discover, system_class
from models.parts import sharing
from models.parts.loop import Training
from models.parts.sharing import by_rows
from pipeline.storage.feed import Feed
from tests.models import small
from tests.models.feeds import auc, make_feeds
from tests.models.small import make_examples, with_y

pytestmark = pytest.mark.slow

STEPS = 4  # an epoch: 120 rows in batches of 32


@cache
def parts(name):
    """What a system, or a ranker, learns from, is stopped on and is asked."""
    if not issubclass(system_class(name), Ranker):
        return make_examples(120, 1), make_examples(60, 2), make_examples(40, 3)
    feeds = make_feeds(1)
    train = feeds["train"]
    fewer = {"shares": train.shares[:, :300], "shared_at": train.shared_at[:300]}
    return replace(train.take(np.arange(120)), **fewer), feeds["validation"], feeds["test"].take(np.arange(40))


def having(argument):
    """Systems that take an argument."""
    return [name for name in discover() if argument in inspect.signature(system_class(name)).parameters]


def make(name, **changes):
    """A small untrained system; of stacked ones few trees, for it is the network that is looked at."""
    return small.make(name, **{**({"trees": TREES} if "trees" in small.SMALL[name] else {}), **changes})


TREES = {**small.TREES, "n_estimators": 5}
NETWORKS = having("checkpoint")
KNOBS = [knob.name for knob in fields(Training)]
OTHER = {
    "alpha": 0.9,
    "attention": "softmax",
    "beta": 0.1,
    "category": "first",
    "category_dropout": 0.5,
    "comparison": "additive",
    "contexts": ["periodic"],
    "contrast": 0.5,
    "days": 0.5,
    "dense": [8, 6],
    "dense_inputs": True,
    "dense_user": True,
    "feed_forward": False,
    "fill": "zero",
    "heads": 4,
    "inputs": ["image"],
    "length": 2,
    "levels": ["category", "user_id"],
    "long_term": False,
    "padding": "zeros",
    "residual": False,
    "short_term": False,
    "first_weights": "keras",
    "batch_size": 50,
    "channels": [3, 5],
    "components": 3,
    "dropout": 0.6,
    "epochs": 3,
    "folds": 2,
    "head": [5],
    "hidden": [10, 7],
    "image": False,
    "image_window": 2,
    "inter": False,
    "intra": False,
    "kernel": 1,
    "layers": 2,
    "learning_rate": 0.03,
    "optimizer": "adagrad",
    "penalty": 0.1,
    "pooling": "mean",
    "rank": 7,
    "region_layer": "tanh",
    "seed": 1,
    "shortcut": False,
    "softmax": "renormalised",
    "space": 5,
    "stack": "in_sample",
    "standardize": False,
    "temperature": 0.5,
    "text": False,
    "text_window": 2,
    "trees": {**TREES, "max_depth": 1},
    "user": False,
    "validate_every": 3,
    **{"columns": ["text", "text"], "comments": False, "embedding": 9, "factors": 5, "followees": 2, "margin": 0.1},
    **{"maximum_words": 4, "resample": True, "sentences": 1, "social": False, "window": 2},
    "weight_decay": 0.2,
}
"""A value of each argument that is another than `SMALL` has."""
OWN = {
    ("uhan", "hidden"): 7,
    ("dmf", "hidden"): 7,
    ("dual_att", "hidden"): 7,
    ("dsn", "hidden"): 12,
    ("dtcn", "hidden"): 7,
    ("multi_view", "hidden"): 12,
    ("ttc_vlt", "hidden"): 12,
    ("att_mlp", "hidden"): 12,
    **{
        (name, argument): value
        for name in ("amnl", "amnl_plus")
        for argument, value in {"hidden": 7, "length": 3, "learning_rate": 0.03, "optimizer": "adam"}.items()
    },
}
"""The same where systems mean different things by an argument."""
GIVEN = {"features", "device", "scheduler", "training"}
TESTED_APART = {"accumulate", "checkpoint", "decayed", "patience", "vectors"}
ARGUMENTS = [
    (name, argument)
    for name in NETWORKS
    for argument in [*inspect.signature(system_class(name)).parameters, *KNOBS]
    if argument not in GIVEN | TESTED_APART and (name, argument) != ("hybrid_cnn", "head")
]


@contextmanager
def counted(stop_after=None):
    """The list of all steps that any optimiser takes inside; `stop_after` so many, a kill."""
    taken = []

    def count(*_):
        if len(taken) == stop_after:
            raise KeyboardInterrupt
        taken.append(len(taken))

    hook = register_optimizer_step_pre_hook(count)
    try:
        yield taken
    finally:
        hook.remove()


def steps_of(name, system, validation=None):
    train, learnable, _ = parts(name)
    with counted() as taken:
        system.fit(train, learnable if validation is None else validation)
    return len(taken)


def noise(name):
    """The validation part with targets, or with firsts of lists, that nothing explains."""
    part, rng = parts(name)[1], np.random.default_rng(0)
    if isinstance(part, Feed):
        return replace(part, lists=rng.permuted(part.lists, axis=1))
    return with_y(part, rng.permutation(part.y))


def ask(system, part):
    return system.score(*part.pairs()) if isinstance(part, Feed) else system.predict(part)


def test_networks_are_found():
    assert {"xgb_mlp", "xgb_conv1d", "hybrid_cnn", "uhan", "dmf", "dual_att"} <= set(NETWORKS)
    assert having("training") == NETWORKS


@pytest.mark.parametrize(
    ("name", "often"), [(name, often) for name in NETWORKS for often in ({}, {"validate_every": 3})]
)
def test_goes_on_after_a_kill_as_if_nothing_had_happened(name, often, tmp_path):
    whole = make(name, epochs=3, **often)
    assert steps_of(name, whole) == 3 * STEPS
    kept = {"epochs": 3, "checkpoint": tmp_path / "state", **often}
    with pytest.raises(KeyboardInterrupt), counted(stop_after=2 * STEPS + 2):
        make(name, **kept).fit(*parts(name)[:2])
    resumed = make(name, **kept)
    done = often.get("validate_every", STEPS)
    assert steps_of(name, resumed) == 3 * STEPS - (2 * STEPS + 2) // done * done
    np.testing.assert_array_equal(*(ask(system, parts(name)[2]) for system in (resumed, whole)))
    assert resumed.curve() == whole.curve()


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_folder_nothing_is_kept(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt), counted(stop_after=STEPS + 1):
        make(name, epochs=2).fit(*parts(name)[:2])
    assert not list(tmp_path.iterdir())
    assert steps_of(name, make(name, epochs=2)) == 2 * STEPS


@pytest.mark.parametrize("name", NETWORKS)
def test_stops_where_validation_cannot_be_learned(name):
    """Each step towards the training targets is one away from noise."""
    changes = {"epochs": 8, "validate_every": None}
    steps = {patience: steps_of(name, make(name, **changes, patience=patience), noise(name)) for patience in (None, 2)}
    assert steps[None] == 8 * STEPS
    assert 2 * STEPS < steps[2] < 8 * STEPS


@pytest.mark.parametrize("name", NETWORKS)
def test_takes_the_best_weights_back(name):
    system = make(name, epochs=8, patience=2)
    odd = noise(name)
    system.fit(parts(name)[0], odd)
    losses = system.curve()["validation"]
    loss = 1 - auc(ask(system, odd), odd) if isinstance(odd, Feed) else np.mean((ask(system, odd) - odd.y) ** 2)
    assert loss == pytest.approx(min(losses), rel=1e-4) != pytest.approx(losses[-1], rel=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_validates_as_often_as_it_is_told(name):
    for every, expected in ((3, [3, 6, 8]), (None, [4, 8])):
        system = make(name, epochs=2, validate_every=every)
        system.fit(*parts(name)[:2])
        assert system.curve()["step"] == expected


def outcome(name, **changes):
    """What a system predicts after two epochs, and its losses."""
    system = make(name, **{"epochs": 2, **changes})
    system.fit(*parts(name)[:2])
    return ask(system, parts(name)[2]).tolist(), system.curve()


@pytest.fixture(scope="module")
def unchanged():
    """`unchanged(name)`: the outcome of each system as it is, trained once."""
    return cache(outcome)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_each_argument_changes_what_is_learned(name, argument, unchanged):
    assert outcome(name, **{argument: OWN.get((name, argument), OTHER[argument])}) != unchanged(name)


SEE_OTHERS = {"xgb_mlp": {}, "xgb_conv1d": {}, "ttc_vlt": {"contrast": 0.0}}
"""Networks that see the rows of a batch together, and what undoes that: nothing does batch norm."""


@pytest.mark.parametrize("name", NETWORKS)
def test_batches_in_pieces_are_learned_as_whole_ones_by_what_sees_each_row_alone(name, monkeypatch):
    takes = inspect.signature(system_class(name)).parameters
    without = {knob: 0.0 for knob in ("dropout", "category_dropout") if knob in takes}

    def difference(**changes):
        whole, cut_up = (np.array(outcome(name, accumulate=k, **without, **changes)[0]) for k in (1, 3))
        return np.abs(cut_up - whole).max()

    told = []
    monkeypatch.setattr(sharing, "by_rows", lambda *given: told.append(by_rows(*given)) or told[-1])
    if name in SEE_OTHERS:
        assert difference() > 1e-3
        assert set(told) == {False}
        told.clear()
    if SEE_OTHERS.get(name, True):
        assert difference(**SEE_OTHERS.get(name, {})) < 1e-4
        assert set(told) == {True}  # several processes may share batches


def test_a_sum_of_units_is_another_network():
    assert outcome("hybrid_cnn", standardize=False, head="sum") != outcome("hybrid_cnn", standardize=False)
