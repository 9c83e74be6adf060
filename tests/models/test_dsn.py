"""DSN against plain NumPy in every variant, and what it finds in data where posts depend on posts."""

import numpy as np
import pandas as pd
import pytest
import torch

from models.parts.categories import LEVELS
from models.parts.dsn_network import DSNNetwork
from models.parts.sequences import Lookback
from pipeline.base.errors import UserError
from pipeline.storage.examples import Examples
from tests.models.pictures import drawn
from tests.models.small import build, rmse
from tests.oracles import dsn as oracle
from tests.oracles import dsn_released

N, LENGTH, V, T, M, D = 7, 5, 6, 3, 4, 8
SIZES = (3, 4, 5)
RELEASED = {
    "category": "released", "padding": "zeros", "dense_inputs": True, "residual": False,
    "comparison": "additive", "feed_forward": False, "dense_user": True,
}  # fmt: skip
SHARED = {
    "image.adapted.weight": "K_v3", "image.kept.weight": "K_v1",
    "text.adapted.weight": "K_t3", "text.kept.weight": "K_t1",
    "fusion.recurrent.lstm.weight_ih_l0": "W_x", "fusion.recurrent.lstm.weight_hh_l0": "W_h",
    "fusion.recurrent.lstm.bias_ih_l0": "b_x", "fusion.recurrent.lstm.bias_hh_l0": "b_h",
    "fusion.grn.gate.value": "W1_g", "fusion.grn.gate.gate": "W2_g", "fusion.grn.outer": "W1_theta",
    "fusion.grn.inner": "W2_theta", "fusion.grn.norm.weight": "gamma_14", "fusion.grn.norm.bias": "beta_14",
    "lookback.query": "W_Q", "lookback.key": "W_K", "lookback.value": "W_V",
    "users.table.weight": "E_u", "head.0": "W_m1", "head.3": "W_m2",
}  # fmt: skip
PAPER = {
    **SHARED, "fusion.gate.value": "W1_o", "fusion.gate.gate": "W2_o", "fusion.shortcut": "W",
    "fusion.norm.weight": "gamma_12", "fusion.norm.bias": "beta_12", "output.dense.0": "W_1", "output.dense.3": "W_2",
    **{f"category.gates.{k}.{name}": f"{of}_c{k + 1}"
       for k in range(3) for name, of in {"value": "W1", "gate": "W2", "other": "W3"}.items()},
    **{f"category.joins.{k}": f"W_c{k + 1}" for k in range(3)},
}  # fmt: skip
AS_RELEASED = {
    **SHARED, "fusion.gate.value": "W2_o", "fusion.gate.gate": "W1_o", "lookback.score.weight": "w",
    "category.coarse.0": "W_l2", "category.fine.0": "W_t2", "category.coarse.1": "W_l3", "category.fine.1": "W_t3",
    "inputs.0": "W_f1", "inputs.3": "W_f2", "output.dense": "W_a", "output.norm.weight": "gamma_a",
    "output.norm.bias": "beta_a", "numbers.0": "W_n",
}  # fmt: skip
AS_THEY_ARE = ("K_", "E_", "W_x", "W_h", "b_", "gamma", "beta")


def network(**changes):
    """A small network of random weights, in double precision; every change is an argument of it."""
    torch.manual_seed(0)
    sizes = {"image": V, "text": T, "levels": [s + 1 for s in SIZES], "users": 4, "numbers": M, "hidden": D}
    options = {"heads": 2, "alpha": 0.3, "beta": 0.7, "dropout": 0.25}
    return drawn(DSNNetwork(**{**sizes, **options, **changes}))


def draw():
    """Windows of posts, the first of which have fewer before them."""
    rng = np.random.default_rng(4)
    present = np.arange(LENGTH) >= LENGTH - 1 - np.minimum(np.arange(N), LENGTH - 1)[:, None]
    categories = np.stack([rng.integers(0, size, (N, LENGTH)) for size in SIZES], axis=-1)
    return {
        "images": rng.normal(size=(N, LENGTH, V)), "texts": rng.normal(size=(N, LENGTH, T)), "categories": categories,
        "present": present, "users": rng.integers(0, 3, N), "numbers": rng.normal(size=(N, M)),
    }  # fmt: skip


def as_batch(posts, *, of_absent=np.nan, category_of_absent=0):
    """The same as the network is fed, with whatever stands where there is no post."""
    there = posts["present"][..., None]
    return {
        "image": torch.tensor(np.where(there, posts["images"], of_absent)),
        "text": torch.tensor(np.where(there, posts["texts"], of_absent)),
        "category": torch.tensor(np.where(there, posts["categories"] + 1, category_of_absent)),
        "present": torch.tensor(posts["present"]),
        "users": torch.tensor(posts["users"] + 1),
        "numbers": torch.tensor(posts["numbers"]),
    }


def parameters(made, names, levels=(1, 2, 3)):
    """The network's weights under the oracle's names, matrices as they multiply rows."""
    tables = {f"category.levels.tables.{i}.table.weight": f"E_{k}" for i, k in enumerate(levels)}
    names, taken = {**names, **tables}, {}
    for name, value in made.state_dict().items():
        stem, _, kind = name.rpartition(".")
        own = names.get(name) or (names[stem] if kind == "weight" else _bias(names[stem]))
        turned = value.T if kind == "weight" and value.dim() == 2 and not own.startswith(AS_THEY_ARE) else value
        taken[own] = turned.numpy()
    return {**taken, **({"w": taken["w"].ravel()} if "w" in taken else {})}


def _bias(weight):
    kind, _, of = weight.partition("_")
    return f"b{kind[1:]}_{of}"


def compare(made, theirs, seen, batch):
    with torch.no_grad():
        looked = made.look(**batch)
    np.testing.assert_allclose(looked.prediction.numpy(), theirs, atol=1e-9)
    if looked.past is not None:
        np.testing.assert_allclose(looked.past.numpy(), seen, atol=1e-9)


SUBSETS = [("image",), ("text",), ("category",), ("image", "text"), ("image", "category"), ("text", "category"), ()]
VARIANTS = [
    {},
    *({"inputs": inputs} for inputs in SUBSETS),
    *({"category": kind} for kind in (*LEVELS, "concatenation", "summation")),
    {"short_term": False},
    {"long_term": False},
    {"short_term": False, "long_term": False},
    {"alpha": 0.0, "beta": 1.0},
    {"heads": 4},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_equals_plain_numpy(variant):
    inputs = variant.get("inputs", oracle.INPUTS)
    sizes = {"image": V if "image" in inputs else None, "text": T if "text" in inputs else None}
    sizes["levels"] = [s + 1 for s in SIZES] if "category" in inputs else []
    made = network(**sizes, **{k: v for k, v in variant.items() if k != "inputs"})
    posts, kind = draw(), variant.get("category", "hierarchical")
    names = {**PAPER, **({} if variant.get("short_term", True) else {"fusion.shortcut": "W"})}
    levels = [LEVELS.index(kind) + 1] if kind in LEVELS else (1, 2, 3)
    weights = parameters(made, names, levels)
    options = {"alpha": 0.3, "beta": 0.7, "heads": 2, **variant}
    theirs, seen = (of(weights, **posts, **options) for of in (oracle.predict, oracle.attention))
    compare(made, theirs, seen, as_batch(posts))


def test_as_released_equals_plain_numpy():
    made, posts = network(**RELEASED), draw()
    weights, options = parameters(made, AS_RELEASED), {"alpha": 0.3, "beta": 0.7, "heads": 2}
    batch = as_batch(posts, of_absent=0.0, category_of_absent=1)
    theirs = dsn_released.predict_released(weights, **posts, **options)
    compare(made, theirs, dsn_released.attention_released(weights, **posts, **options), batch)


@pytest.mark.parametrize(("comparison", "decides"), [("dot", True), ("additive", False)])
def test_as_released_the_post_does_not_decide_whom_it_asks(comparison, decides):
    torch.manual_seed(0)
    lookback, phi = Lookback(D, 2, comparison), torch.randn(N, LENGTH, D)
    other = phi.clone()
    other[:, -1] = torch.randn(N, D)
    there = torch.ones(N, LENGTH, dtype=torch.bool)
    assert torch.allclose(lookback(phi, there)[1], lookback(other, there)[1], atol=1e-6) is not decides


def test_what_stands_where_no_post_is_does_not_matter():
    made, posts = network(), draw()
    with torch.no_grad():
        one, other = (made(**as_batch(posts, of_absent=x, category_of_absent=c)) for x, c in ((np.nan, 0), (9.0, 3)))
    np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_window_of_one_has_nothing_to_take():
    batch = as_batch(draw())
    alone = {k: v if k in ("users", "numbers") else v[:, -1:] for k, v in batch.items()}
    with torch.no_grad():
        seen = network().look(**alone)
    assert seen.past.shape == (N, 0)
    assert seen.prediction.isfinite().all()
    np.testing.assert_allclose(seen.prediction[:1], network().look(**batch).prediction[:1].detach(), atol=1e-12)


def test_every_parameter_is_used_and_gradients_are_finite():
    for changes in ({}, RELEASED):
        made = network(**changes)
        made(**as_batch(draw(), of_absent=0.0, category_of_absent=1)).square().sum().backward()
        for name, parameter in made.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def planted(n, seed, effect):
    """Posts, one a minute, of categories of two levels; `effect(first, second)` gives what is to be predicted [n]."""
    rng = np.random.default_rng(seed)
    second = rng.integers(0, 12, n)
    first = second // 3
    posts = pd.DataFrame(
        {
            "post_id": [f"p{seed}-{i}" for i in range(n)],
            "user_id": pd.Series([f"u{u}" for u in rng.integers(0, 9, n)], dtype="str"),
            "category": pd.Series([f"c{c}" for c in first], dtype="str"),
            "subcategory": pd.Series([f"s{s}" for s in second], dtype="str"),
            "posted_at": pd.date_range("2024-01-01", periods=n, freq="min", tz="UTC").as_unit("us"),
        }
    )
    y = effect(first, second) + rng.normal(0, 0.1, n)
    return Examples(posts, {}, y, "likes", past=Examples(posts))


def score(effect, **options):
    """RMSE on new posts of a system that sees nothing but categories, in deviations of their target."""
    entry = {"features": {}, "inputs": ["category"], "levels": ["category", "subcategory"], "hidden": 16, "heads": 2}
    training = {"epochs": 25, "batch_size": 64, "learning_rate": 0.01, "weight_decay": 0.0}
    system = build("dsn", **{**entry, "dropout": 0.0, "length": 3, **training, **options})
    system.fit(planted(700, 1, effect), planted(1, 2, effect))
    test = planted(300, 3, effect)
    return rmse(system.predict(test), test) / test.y.std()


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"short_term": False, "length": 2}, {"long_term": False}], ids=str)
def test_finds_what_depends_on_the_post_before_and_alone_cannot(options):
    """Without the LSTM the posts before have no order, so that only one of them can be told to be the last."""

    def follows(first, second):
        return np.roll(first, 1) * 1.0

    assert score(follows, **options) < 0.5
    assert score(follows, **{**options, "length": 1}) > 0.95


@pytest.mark.slow
def test_a_hierarchy_is_more_than_its_first_level():
    def branches(first, second):
        return first + 1.5 * (second % 3)

    assert score(branches) < 0.7 * score(branches, category="first")


def test_attention_names_the_posts_before():
    test = planted(9, 3, lambda first, second: first * 1.0)
    system = build("dsn", features={}, inputs=["category"], levels=["category"], hidden=4, heads=2, length=4, epochs=1)
    system.fit(test, test.take(np.arange(0)))
    looked = system.attention(test)
    np.testing.assert_array_equal(looked["past_rows"], test.before(3))
    np.testing.assert_allclose(looked["past"].sum(1), [0, *[1] * 8], atol=1e-6)
    np.testing.assert_array_equal(looked["past"] > 0, test.before(3) >= 0)
    assert system.attention(test.take(np.arange(0))) == {}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"heads": 3, "hidden": 8}, "heads: 3 do not share hidden: 8 evenly"),
        ({"category": "third", "levels": ["category"]}, "category: there is no third level"),
        ({"levels": []}, "levels"),
        ({"levels": ["category", "category"]}, "levels"),
        ({"inputs": ["image", "image"]}, "inputs"),
        ({"inputs": ["sound"]}, "inputs"),
        ({"features": {"image": ["a"]}}, "features.text: expected one feature, not none"),
        ({"features": {"image": ["a"], "text": ["b", "c"]}}, "features.text: expected one feature, not b, c"),
        ({"features": {"image": ["a"], "text": ["b"], "words": ["c"]}}, "features.words: nothing reads this role"),
        ({"features": {"image": ["a"], "text": ["b"], "user": []}}, "features.user: expected one feature"),
    ],
)
def test_what_cannot_be_is_said(entry, problem):
    with pytest.raises(UserError, match=f"systems.dsn.*{problem}"):
        build("dsn", **{"features": {"image": ["a"], "text": ["b"]}, **entry})


def test_an_input_left_out_is_not_read():
    system = build("dsn", features={"image": ["a"], "text": ["b"], "user": ["c"]}, inputs=["text"])
    assert system.features == {"text": ["b"], "user": ["c"]}
    assert system.reads("likes", "log2p1") == ("user_id", "posted_at")
