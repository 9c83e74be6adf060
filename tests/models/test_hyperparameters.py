"""Numbers that no network can have: one line that names the key, before anything is computed."""

import inspect

import pytest

from models.base import discover, system_class
from pipeline import plan
from pipeline.base.errors import UserError
from pipeline.storage import store
from tests.models.small import SMALL, make

NETWORKS = [name for name in discover() if "epochs" in inspect.signature(system_class(name)).parameters]
WHOLE, NUMBERS = "1 or more", "only numbers of 1 or more"
NAN, INF = float("nan"), float("inf")
IMPOSSIBLE = {
    "epochs": ([0, -1], WHOLE),
    "batch_size": ([0, -1], WHOLE),
    "validate_every": ([0, -3], f"{WHOLE}, or null for once an epoch"),
    "patience": ([0, -1], f"{WHOLE}, or null to train to the end"),
    "learning_rate": ([0.0, -1.0, NAN, INF], "a number above 0"),
    "weight_decay": ([-0.1, NAN], "0 or more"),
    "penalty": ([-1.0, NAN, INF], "0 or more"),
    "dropout": ([-0.1, 1.0, NAN], "0 or more and less than 1"),
    "components": ([0, -1], WHOLE),
    "kernel": ([-1, 0, 2], "an odd width of 1 or more"),
    "channels": ([[0], [4, -1]], NUMBERS),
    "hidden": ([[0, 4], [4, -2]], NUMBERS),
    "head": ([[0], [4, -1]], NUMBERS),
}
PAIR = "two numbers, both 1 or more"


def possible(name):
    """Keys of a network for which there are numbers it cannot have; `hybrid_cnn` takes its head by name."""
    keys = [key for key in inspect.signature(system_class(name)).parameters if key in IMPOSSIBLE]
    return [key for key in keys if (name, key) != ("hybrid_cnn", "head")]


def cases():
    for name in NETWORKS:
        for key in possible(name):
            values, words = IMPOSSIBLE[key]
            if key == "hidden" and name in ("uhan", "dmf", "dual_att"):
                values = [0, -2]
            if name == "hybrid_cnn" and key in ("channels", "hidden"):
                values, words = [[2], [4, 4, 4], [], [0, 4], [4, -2]], PAIR
            for value in values:
                yield name, key, value, words


def test_all_networks_are_asked():
    assert {"hybrid_cnn", "xgb_mlp", "xgb_conv1d", "uhan", "dmf", "dual_att"} <= set(NETWORKS)
    assert set().union(*map(possible, NETWORKS)) == set(IMPOSSIBLE)


@pytest.mark.parametrize(("name", "key", "value", "words"), list(cases()))
def test_what_cannot_be_is_named_with_what_can(name, key, value, words):
    with pytest.raises(UserError) as error:
        make(name, **{key: value})
    message = str(error.value)
    assert message.startswith(f"{key}: {value} ")
    assert message.endswith(f"; give {words}")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_that_can_be(name):
    least = {"epochs": 1, "batch_size": 1, "validate_every": 1, "patience": 1, "dropout": 0.0, "penalty": 0.0}
    least |= {"weight_decay": 0.0, "learning_rate": 1e-9, "components": 1, "kernel": 1}
    make(name, **{key: value for key, value in least.items() if key in possible(name)})
    make(name, **{key: None for key in ("validate_every", "patience") if key in possible(name)})


@pytest.mark.parametrize("name", NETWORKS)
def test_the_plan_says_it_with_the_entry_s_name(name, project, make_posts):
    paths = project(systems={"net": {"model": name, **SMALL[name], "epochs": 0}})
    store.write_frame(paths.posts, make_posts(30))
    with pytest.raises(UserError, match=r"^systems\.net: epochs: 0 cannot be; give 1 or more$"):
        plan.main(paths)
