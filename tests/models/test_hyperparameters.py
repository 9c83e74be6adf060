"""Numbers that no network can have: one line that names the key, before anything is computed."""

import inspect
from dataclasses import fields

import pytest

from models.base import discover, system_class
from models.parts.loop import Training
from pipeline import plan
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.models.small import SMALL, make, nest

NETWORKS = [name for name in discover() if "training" in inspect.signature(system_class(name)).parameters]
KNOBS = [knob.name for knob in fields(Training)]
WHOLE = "1 or more"
TWENTY = 12345678901234567890
NAN, INF = float("nan"), float("inf")
IMPOSSIBLE = {
    "epochs": ([0, -1], WHOLE),
    "batch_size": ([0, -1], WHOLE),
    "validate_every": ([0, -3], f"{WHOLE}, or null"),
    "patience": ([0, -1], f"{WHOLE}, or null"),
    "learning_rate": ([0.0, -1.0, NAN], "a number above 0"),
    "weight_decay": ([-0.1, NAN], "0 or more"),
    "penalty": ([-1.0, NAN], "0 or more"),
    "dropout": ([-0.1, 1.0, NAN], "0 or more and less than 1"),
    "components": ([0, -1], WHOLE),
    "kernel": ([-1, 0, 2], "an odd width of 1 or more"),
    "channels": ([[0, 4], [4, -1]], WHOLE),
    "hidden": ([[0, 4], [4, -2]], WHOLE),
    "head": ([[0], [4, -1]], WHOLE),
}
TOO_MUCH = {"epochs": TWENTY, "batch_size": TWENTY, "patience": TWENTY, "learning_rate": INF, "weight_decay": INF}


def possible(name):
    """Keys of a network for which there are numbers it cannot have; `hybrid_cnn` takes its head by name."""
    keys = [key for key in [*inspect.signature(system_class(name)).parameters, *KNOBS] if key in IMPOSSIBLE]
    return [key for key in keys if (name, key) != ("hybrid_cnn", "head")]


def place(key):
    """Where a key stands in its entry."""
    return f"training.{key}" if key in KNOBS else key


def cases():
    for name in NETWORKS:
        for key in possible(name):
            values, words = IMPOSSIBLE[key]
            if key == "hidden" and isinstance(inspect.signature(system_class(name)).parameters[key].default, int):
                values = [0, -2]
            for value in values:
                yield name, key, value, words
    for key in ("channels", "hidden"):
        for value in ([2], [4, 4, 4], []):
            yield "hybrid_cnn", key, value, "two numbers"


def test_all_networks_are_asked():
    assert {"hybrid_cnn", "xgb_mlp", "xgb_conv1d", "uhan", "dmf", "dual_att"} <= set(NETWORKS)
    assert set().union(*map(possible, NETWORKS)) == set(IMPOSSIBLE)


@pytest.mark.parametrize(("name", "key", "value", "words"), list(cases()))
def test_what_cannot_be_is_named_with_what_can(name, key, value, words):
    with pytest.raises(UserError) as error:
        make(name, **{key: value})
    wrong = min(value) if words == WHOLE and isinstance(value, list) else value
    assert str(error.value) == f"systems.{name}.{place(key)}: {wrong} cannot be; give {words}"


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("key", TOO_MUCH)
def test_what_would_crash_libraries_is_too_much(name, key):
    with pytest.raises(UserError, match=rf"\.training\.{key}: {TOO_MUCH[key]} cannot be; give \d+ or less"):
        make(name, **{key: TOO_MUCH[key]})


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_that_can_be(name):
    least = {"epochs": 1, "batch_size": 1, "validate_every": 1, "patience": 1, "dropout": 0.0, "penalty": 0.0}
    least |= {"weight_decay": 0.0, "learning_rate": 1e-9, "components": 1, "kernel": 1}
    make(name, **{key: value for key, value in least.items() if key in possible(name)})
    make(name, **{key: None for key in ("validate_every", "patience") if key in possible(name)})


@pytest.mark.parametrize("name", NETWORKS)
def test_the_plan_says_it_with_the_entry_s_name(name, project, make_posts):
    paths = project(systems={"net": {"model": name, **nest(name, {**SMALL[name], "epochs": 0})}})
    store.write_frame(paths.posts, make_posts(30))
    with pytest.raises(UserError, match=r"^systems\.net\.training\.epochs: 0 cannot be; give 1 or more$"):
        plan.main(paths)
