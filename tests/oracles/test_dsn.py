"""The oracles of DSN are right before anything is compared to them: hand-worked cases, and what the paper promises."""

from itertools import combinations
from math import exp

import numpy as np
import pytest

from tests.oracles import dsn, dsn_released

D, V, T, M, E = 4, 3, 2, 2, 3
LEVELS = (3, 5, 7)


def sigma(x: float) -> float:
    return 1 / (1 + exp(-x))


def shapes(f: int = 3 * D, joined: int = 2 * D, post: int = D) -> dict[str, tuple[int, ...]]:
    """Of `dsn`: `f` wide is equation 10, `joined` what the FFN reads, `post` what the MLP reads of the post."""
    s = {"K_v3": (D, V, 3), "K_v1": (D, V, 1), "K_t3": (D, T, 3), "K_t1": (D, T, 1)}
    s |= {"W_x": (4 * D, f), "W_h": (4 * D, D), "b_x": (4 * D,), "b_h": (4 * D,), "W": (f, D)}
    for k, classes in enumerate(LEVELS, start=1):
        s |= {f"E_{k}": (classes, D), f"W1_c{k}": (D, D), f"b1_c{k}": (D,), f"W2_c{k}": (D, D)}
        s |= {f"W3_c{k}": (D, D), f"b2_c{k}": (D,), f"W_c{k}": (2 * D, D)}
    for name in ("o", "g", "theta"):
        s |= {f"W1_{name}": (D, D), f"b1_{name}": (D,), f"W2_{name}": (D, D), f"b2_{name}": (D,)}
    s |= {f"{name}_{i}": (D,) for name in ("gamma", "beta") for i in (12, 14)}
    s |= {f"W_{name}": (D, D) for name in "QKV"}
    s |= {"W_1": (joined, D), "b_1": (D,), "W_2": (D, D), "b_2": (D,), "E_u": (6, E)}
    return s | {"W_m1": (post + E + M, D), "b_m1": (D,), "W_m2": (D, 1), "b_m2": (1,)}


def draw(sizes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=size) for name, size in sizes.items()}


def released() -> dict[str, np.ndarray]:
    s = shapes()
    s = {
        k: s[k]
        for k in s
        if k[:3] in ("b_x", "b_h", "b_m") or k.startswith(("K_", "E_")) or k.endswith(("_g", "theta", "14"))
    }
    s |= {"W_l2": (D, D), "W_t2": (D, D), "W_l3": (2 * D, 2 * D), "W_t3": (D, D), "W1_o": (D, D), "W2_o": (D, D)}
    s |= {"W_f1": (5 * D, 9), "b_f1": (9,), "W_f2": (9, D), "b_f2": (D,), "W_x": (4 * D, D), "W_h": (4 * D, D)}
    s |= {"W_Q": (D, D), "W_K": (D, D), "W_V": (D, D), "w": (2,), "W_a": (D, D), "b_a": (D,)}
    s |= {"gamma_a": (D,), "beta_a": (D,), "W_n": (M, D), "b_n": (D,), "W_m1": (2 * D + E, D), "W_m2": (D, 1)}
    return draw(s)


def sequences(n: int = 3, length: int = 5) -> dict[str, np.ndarray]:
    """Post i of n has i earlier posts missing; NaN and impossible categories where nobody may look."""
    rng = np.random.default_rng(2)
    posts = {"images": rng.normal(size=(n, length, V)), "texts": rng.normal(size=(n, length, T))}
    posts["categories"] = np.stack([rng.integers(0, c, size=(n, length)) for c in LEVELS], axis=2)
    posts["present"] = np.arange(length) >= np.arange(n)[:, None]
    posts["images"][~posts["present"]] = posts["texts"][~posts["present"]] = np.nan
    posts["categories"][~posts["present"]] = 99
    return posts | {"users": rng.integers(0, 6, size=n), "numbers": rng.normal(size=(n, M))}


SEQUENCES = ("images", "texts", "categories", "present")


def last(posts: dict[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
    """Sequences of the last `length` posts alone."""
    return {name: x[:, -length:] if name in SEQUENCES else x for name, x in posts.items()}


def test_adapter_by_hand():
    """Posts 1, 2, 3; taps 1, 10 and 100, then minus them in a second channel, which ReLU cuts off."""
    taps = np.array([1.0, 10, 100])
    p = {"K_v3": np.stack([[taps], [-taps]]), "K_v1": np.array([[[2.0]], [[3.0]]])}
    x = np.array([[1.0], [2], [3]])
    first, second = [210, 321, 32], [0, 0, 0]
    expected = [
        [0.8 * a + 0.2 * 2 * v, 0.8 * b + 0.2 * 3 * v] for a, b, v in zip(first, second, (1, 2, 3), strict=True)
    ]
    np.testing.assert_allclose(dsn.adapter(x, p, "v", 0.2), expected)


def test_hierarchical_by_hand():
    """One number wide: W_1, b_1, W_2, W_3, b_2 of Gate_k are 2, 1, 3, .5, -1, and W_k adds ten times the gated."""
    p = {f"E_{k}": np.array([[9.0], [v]]) for k, v in ((1, 0.4), (2, -0.6), (3, 0.8))}
    for k in (1, 2, 3):
        p |= {f"W1_c{k}": np.array([[2.0]]), f"W2_c{k}": np.array([[3.0]]), f"W3_c{k}": np.array([[0.5]])}
        p |= {f"b1_c{k}": np.array([1.0]), f"b2_c{k}": np.array([-1.0]), f"W_c{k}": np.array([[1.0], [10]])}
    one = 0.4 + 10 * (1 * sigma(0.5 * 0.4 - 1))
    two = -0.6 + 10 * (2 * one + 1) * sigma(3 * one + 0.5 * -0.6 - 1)
    three = 0.8 + 10 * (2 * two + 1) * sigma(3 * two + 0.5 * 0.8 - 1)
    assert dsn.hierarchical(np.array([1, 1, 1]), p) == pytest.approx([three])


def test_grn_by_hand():
    """Two wide and diagonal; x (3, -1): η_2 (6, e^-2 - 1), then LayerNorm of what the gate adds."""
    eye, zero = np.eye(2), np.zeros(2)
    p = {"W2_theta": 2 * eye, "b2_theta": zero, "W1_theta": eye, "b1_theta": np.array([-5.0, 1])}
    p |= {"W1_g": eye, "b1_g": zero, "W2_g": 3 * eye, "b2_g": zero}
    p |= {"gamma_14": np.array([10.0, 1]), "beta_14": np.array([0, 0.5])}
    a, b = 3 + 1 * sigma(3), -1 + exp(-2) * sigma(3 * exp(-2))
    half = (a - b) / 2
    normal = half / (half**2 + 1e-5) ** 0.5
    assert dsn.grn(np.array([3.0, -1]), p) == pytest.approx([10 * normal, 0.5 - normal])


def one_post() -> dict[str, np.ndarray]:
    """Two wide, no LSTM: Φ of a post whose picture is (x, y) is ±(1, -1) by which of the two is larger."""
    one, nothing = np.eye(2)[:, :, None], np.zeros((2, 2, 3))
    p = {"K_v3": nothing, "K_v1": one, "W": np.eye(2), "gamma_12": np.ones(2), "beta_12": np.zeros(2)}
    p |= {"W_Q": np.diag([1.0, 2]), "W_K": np.diag([3.0, 5]), "W_V": np.diag([1.0, 10]), "E_u": np.array([[7.0]])}
    p |= {"W_1": np.array([[1.0, 0], [1, 0], [0, 1], [0, 0]]), "b_1": np.array([20.0, 0.0]), "W_2": np.eye(2)}
    p |= {"b_2": np.array([0.0, 1]), "W_m1": np.array([[1.0, 0], [100, 0], [0, 1], [0, 2]]), "b_m1": np.zeros(2)}
    return p | {"W_m2": np.array([[1.0], [1e4]]), "b_m2": np.array([0.25])}


def test_attention_and_head_by_hand():
    """Of posts (1, -1), (-1, 1) and the target (1, -1), a head a column: scores ±3 and ±10, shares by σ."""
    pictures = np.array([[[9.0, 0], [0, 9], [9, 0]]])
    rest = (np.zeros((1, 3, 1)), np.zeros((1, 3, 3), int), np.ones((1, 3), bool), np.array([0]), np.array([[0.5]]))
    options = {"alpha": 1.0, "heads": 2, "inputs": ("image",), "short_term": False}
    said = dsn.predict(one_post(), pictures, *rest, **options)
    shares = dsn.attention(one_post(), pictures, *rest, **options)
    first, second = sigma(2 * 3), sigma(2 * 10)
    assert shares == pytest.approx(np.array([[(first + second) / 2, 1 - (first + second) / 2]]), abs=1e-5)
    h = (2 * first - 1) * 1 - (2 * second - 1) * 10  # both columns of h, which W_1 adds
    # FFN: ReLU(h + 20), ReLU(1); ⧺ u = (7, .5); hidden (FFN_1 + 100 (1 + 1), 7 + 2 · .5)
    assert said == pytest.approx([h + 20 + 100 * 2 + 1e4 * 8 + 0.25], abs=1e-3)


@pytest.mark.parametrize("of", ["predict", "attention"])
def test_a_missing_post_is_no_post(of):
    """Numbers in the padding cannot matter, and a sequence with padding is the shorter sequence."""
    posts, p, ask = sequences(), draw(shapes()), getattr(dsn, of)
    said = ask(p, **posts)
    assert np.isfinite(said).all()
    short = ask(p, **last(posts, 3))
    np.testing.assert_allclose(said[2:][..., -2:], short[2:], atol=1e-12)
    assert (abs(said[:2][..., -2:] - short[:2]) > 1e-6).all()


def test_without_earlier_posts_h_is_zero():
    posts, p = sequences(n=5), draw(shapes())
    alone = dsn.predict(p, **last(posts, 1))
    assert dsn.predict(p, **posts)[4] == pytest.approx(alone[4])
    half = p | {"W_1": p["W_1"][D:]}
    np.testing.assert_allclose(dsn.predict(half, **last(posts, 1), long_term=False), alone, atol=1e-12)


def test_attention_is_over_the_earlier_posts():
    posts = sequences(n=5)
    a = dsn.attention(draw(shapes()), **posts)
    assert a.shape == (5, 4)
    np.testing.assert_allclose(a.sum(axis=1), [1, 1, 1, 1, 0])
    assert ((a > 0) == posts["present"][:, :-1]).all()
    assert np.ptp(a[0]) > 0.01


def test_scores_are_divided_by_the_root_of_a_heads_width():
    """Against PyTorch's attention, which scales so."""
    import torch

    p = draw(shapes())
    Phi = np.random.default_rng(3).normal(size=(5, D))
    q, K, values = (
        torch.from_numpy(x @ p[f"W_{name}"]).reshape(-1, 2, D // 2).transpose(0, 1)
        for x, name in ((Phi[-1:], "Q"), (Phi[:-1], "K"), (Phi[:-1], "V"))
    )
    expected = torch.nn.functional.scaled_dot_product_attention(q, K, values).transpose(0, 1).reshape(-1)
    np.testing.assert_allclose(dsn._attend(Phi, p, 2)[0], expected.numpy(), atol=1e-12)


def test_without_short_term_the_order_of_earlier_posts_cannot_matter():
    posts, p = sequences(n=1), draw(shapes())
    p["K_v3"][:, :, [0, 2]] = p["K_t3"][:, :, [0, 2]] = 0
    order = [2, 0, 3, 1, 4]
    moved = {name: x[:, order] if name in SEQUENCES else x for name, x in posts.items()}
    before, after = (dsn.predict(p, **x, short_term=False) for x in (posts, moved))
    np.testing.assert_allclose(before, after, atol=1e-12)
    shares = [dsn.attention(p, **x, short_term=False) for x in (posts, moved)]
    np.testing.assert_allclose(shares[0][:, order[:-1]], shares[1], atol=1e-12)
    assert (abs(dsn.predict(p, **posts) - dsn.predict(p, **moved)) > 1e-6).all()


NEEDS = {"image": ("K_v",), "text": ("K_t",), "category": ("E_1", "E_2", "E_3", "W_c", "W1_c", "W2_c", "W3_c", "b1_c")}
USER = ("E_u", "W_m1", "b_m1", "W_m2", "b_m2")


@pytest.mark.parametrize("inputs", [x for n in range(4) for x in combinations(NEEDS, n)])
def test_inputs_that_are_left_out_are_not_looked_at(inputs):
    """Neither they nor their weights; of those that are in, the target's own counts and that of a post before it."""
    unused = tuple(prefix for name in NEEDS if name not in inputs for prefix in NEEDS[name]) or ("none",)
    p = draw(shapes(len(inputs) * D, post=D if inputs else 0))
    p = {name: p[name] for name in (p if inputs else USER) if not name.startswith(unused)}
    posts = sequences()
    said = dsn.predict(p, **posts, inputs=inputs)
    for name, column in (("image", "images"), ("text", "texts"), ("category", "categories")):
        for step in (-1, -2):
            other = {**posts, column: posts[column].copy()}
            changed = posts[column][:, step] + 1
            other[column][:, step] = changed % LEVELS if name == "category" else changed
            assert (dsn.predict(p, **other, inputs=inputs) != said).all() == (name in inputs)


@pytest.mark.parametrize(("category", "levels"), [("first", 1), ("second", 2), ("third", 3)])
def test_one_level_of_categories_does_not_see_the_others(category, levels):
    p, posts = draw(shapes()), sequences()
    said = dsn.predict(p, **posts, category=category)
    for k in (1, 2, 3):
        other = p | {f"E_{k}": p[f"E_{k}"] + np.arange(D)}
        assert (dsn.predict(other, **posts, category=category) != said).all() == (k == levels)


def test_concatenated_categories_are_three_times_as_wide():
    """And with W and the LSTM's three blocks alike it is the summation."""
    p, posts = draw(shapes()), sequences()
    wide = p | {name: np.concatenate([p[name], *[p[name][2 * D :]] * 2]) for name in ("W",)}
    wide["W_x"] = np.concatenate([p["W_x"], *[p["W_x"][:, 2 * D :]] * 2], axis=1)
    said = dsn.predict(wide, **posts, category="concatenation")
    np.testing.assert_allclose(said, dsn.predict(p, **posts, category="summation"), atol=1e-12)


@pytest.mark.parametrize("of", [dsn.predict, dsn_released.predict_released])
def test_every_weight_counts(of):
    p = draw(shapes()) if of is dsn.predict else released()
    posts = {name: x[:1] for name, x in sequences().items()}
    said = of(p, **posts)
    moved = {name: of(p | {name: weight * 1.5}, **posts) for name, weight in p.items()}
    same = {name for name, other in moved.items() if abs(other - said) < 1e-9}
    # f_c^{0*} is zero; a query moves no attention of the released code
    assert same == ({"W1_c1", "W2_c1"} if of is dsn.predict else {"W_Q"})


def test_every_variant_is_another_network():
    p, posts = draw(shapes()), sequences()
    variants = [{}, {"alpha": 0.5}, {"beta": 0.5}, {"heads": 2}, {"short_term": False}]
    variants += [{"category": c} for c in ("first", "second", "third", "summation")]
    said = [tuple(np.round(dsn.predict(p, **posts, **variant), 9)) for variant in variants]
    said.append(tuple(np.round(dsn_released.predict_released(released(), **posts), 9)))
    assert len(set(said)) == len(variants) + 1


def test_released_categories_by_hand():
    """One wide: [sub; cat · gate], then [con; both · gates]."""
    p = {f"E_{k}": np.array([[v]]) for k, v in ((1, 0.4), (2, -0.6), (3, 0.8))}
    p |= {"W_l2": np.array([[2.0]]), "W_t2": np.array([[3.0]]), "W_t3": np.array([[0.5]])}
    p |= {"W_l3": np.array([[1.0, 0], [0, -1]]), "b_l2": np.array([0.1])}
    gated = 0.4 * sigma(0.8 - 1.8 + 0.1)
    expected = [0.8, -0.6 * sigma(-0.6 + 0.4), gated * sigma(-gated + 0.4)]
    assert dsn_released.fused(np.array([0, 0, 0]), p) == pytest.approx(expected)


def test_released_padding_counts_as_posts_of_the_first_categories():
    posts, p = sequences(), released()
    said = dsn_released.predict_released(p, **posts)
    there = posts["present"][:, :, None]
    filled = {name: np.where(there, posts[name], 0) for name in ("images", "texts", "categories")}
    full = {**posts, **filled, "present": np.ones((3, 5), dtype=bool)}
    np.testing.assert_array_equal(dsn_released.predict_released(p, **full), said)
    assert (abs(dsn_released.predict_released(p, **last(posts, 3))[2:] - said[2:]) > 1e-6).all()
    np.testing.assert_allclose(dsn_released.attention_released(p, **posts).sum(axis=1), 1)


def test_released_attention_does_not_depend_on_the_target():
    posts, p = sequences(), released()
    said = dsn_released.attention_released(p, **posts)
    other = p | {"W_Q": p["W_Q"] + 1}
    np.testing.assert_allclose(dsn_released.attention_released(other, **posts), said, atol=1e-12)
    keys = p | {"W_K": p["W_K"] + np.arange(D)[:, None] * np.arange(D)}
    assert (abs(dsn_released.attention_released(keys, **posts) - said) > 1e-6).any()


BLOCKS = {"images": ("W_f1", 0, D), "texts": ("W_f1", D, 2 * D), "categories": ("W_f1", 2 * D, 5 * D)}
BLOCKS |= {"users": ("W_m1", D, D + E), "numbers": ("W_m1", D + E, 2 * D + E)}


@pytest.mark.parametrize("column", BLOCKS)
def test_released_parts_are_joined_in_the_papers_order(column):
    """With its rows of the next layer at zero, and them alone, what is given there cannot matter."""
    posts, p = sequences(), released()
    other = {**posts, column: (posts[column] + 1) % 3}
    assert (dsn_released.predict_released(p, **posts) != dsn_released.predict_released(p, **other)).all()
    name, first, last = BLOCKS[column]
    p[name][first:last] = 0
    said = dsn_released.predict_released(p, **posts)
    np.testing.assert_allclose(dsn_released.predict_released(p, **other), said, atol=1e-12)


def test_released_gate_by_hand():
    p = {"W1_o": np.array([[2.0]]), "W2_o": np.array([[3.0]]), "b1_o": np.array([-1.0])}
    assert dsn_released._gate(np.array([0.7]), p) == pytest.approx([sigma(0.4) * 2.1])


def test_released_residual_lets_the_target_pass_by_the_attention():
    posts, p = sequences(), released()
    p |= {"W_a": np.zeros((D, D)), "b_a": np.zeros(D)}
    said = dsn_released.predict_released(p, **posts)
    other = {**posts, "images": posts["images"] + np.eye(5)[4][:, None]}
    assert (abs(dsn_released.predict_released(p, **other) - said) > 1e-6).all()
