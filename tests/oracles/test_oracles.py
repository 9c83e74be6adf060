"""The oracles are right before anything is compared to them: hand-worked cases, and what the papers promise."""

from math import exp, tanh

import numpy as np
import pytest

from tests.oracles import dmf, dual_att, hybrid_cnn, uhan, xgb_conv1d, xgb_mlp

K, E, G, D, Q, M = 3, 4, 5, 6, 2, 7
LSTM = {"W_W": (9, E), "W_Wifgo": (4 * K, E), "W_Hifgo": (4 * K, K), "b_ifgo": (4 * K,)}
HEAD = {"W1_F": (M, K), "b1_F": (M,), "W2_F": (1, M), "b2_F": (1,)}
VISUAL = {"W1_Vv": (D, K), "W1_Vu": (D, G), "W1_Vt": (D, K), "W1_V": (1, D)}
TEXTUAL = {"W1_Tt": (D, K), "W1_Tu": (D, G), "W1_Tv": (D, K), "W1_T": (1, D)}
INTER = {"W2_V": (Q, K), "W2_T": (Q, K), "W2_U": (Q, G), "W2_UVT": (1, Q)}
UHAN = {**LSTM, "W_U": (3, G), **VISUAL, **TEXTUAL, **INTER, "W3_U": (K, G), **HEAD}
DUAL = {"W_Vv": (D, K), "W_Vu": (D, K), "W_V": (1, D), "W_Tt": (D, K), "W_Tu": (D, K), "W_T": (1, D)}
NETWORKS = {"uhan": (uhan, UHAN), "dual_att": (dual_att, {**LSTM, "W_U": (3, K), **DUAL, **HEAD})}


def draw(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.fixture
def posts() -> dict[str, np.ndarray]:
    """Two posts; NaN and row 0 in the padding, which nobody may look at."""
    V = np.random.default_rng(2).normal(size=(2, 4, K))
    V[1, 3] = np.nan
    return {
        "regions": V,
        "region_mask": np.array([[True] * 4, [True] * 3 + [False]]),
        "words": np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]]),
        "word_mask": np.array([[True] * 3 + [False] * 2, [True] * 5]),
        "users": np.array([0, 2]),
    }


def test_hybrid_cnn_has_the_papers_number_of_parameters():
    assert hybrid_cnn.count_parameters() == 1_698_456
    assert hybrid_cnn.count_parameters(head="linear") == 1_698_456 + 61


@pytest.mark.parametrize(("head", "expected"), [("sum", 14 + 0), ("linear", 2 * 14 + 3 * 0 + 0.5)])
def test_hybrid_cnn_by_hand(head, expected):
    """Kernels of one pixel copy red and then double it: a picture whose largest red is 5 comes out as 9."""
    p = {name: np.zeros(s) for name, s in hybrid_cnn.shapes(side=4, channels=(1, 1), kernel=1, dense=(1, 2)).items()}
    p["K_1"][0, 0], p["K_2"][0, 0], p["c_2"][0] = 1, 2, -1
    p["W_1"][0] = [1, 10, 100]  # picture, followers, hours
    p["W_2"][:, 0], p["b_2"][:] = [1, -1], [-70, 0]
    p |= {"W_3": np.array([[2.0, 3]]), "b_3": np.array([0.5])}
    image = np.full((1, 3, 4, 4), 7.0)
    image[0, 0] = np.arange(16).reshape(4, 4) / 3
    assert hybrid_cnn.forward(p, image, np.array([[0.5, 0.7]]), head=head) == pytest.approx([expected])


def test_hybrid_cnn_flattens_channel_row_column():
    """Kernels of one pixel copy red and green; each of the eight pooled numbers has a decimal place of its own."""
    sizes = {"side": 8, "channels": (2, 2), "kernel": 1, "dense": (1, 1)}
    p = {name: np.zeros(shape) for name, shape in hybrid_cnn.shapes(**sizes).items()}
    p["K_1"][[0, 1], [0, 1]] = p["K_2"][[0, 1], [0, 1]] = 1
    p["W_1"][0, :8], p["W_2"][0] = 10.0 ** np.arange(7, -1, -1), 1
    corners = np.arange(1.0, 13).reshape(3, 2, 2)
    image = np.repeat(np.repeat(corners, 4, axis=1), 4, axis=2)[None]
    assert hybrid_cnn.forward(p, image, np.array([[9.0, 9]])) == pytest.approx([12_345_678])


def norm(i: int, *rows: tuple[float, float, float, float]) -> dict[str, np.ndarray]:
    columns = np.array(rows, dtype=float).T
    return {f"{name}_{i}": column for name, column in zip(("gamma", "beta", "mu", "var"), columns, strict=True)}


def test_xgb_mlp_by_hand():
    p = {"W_1": np.array([[1.0, 2, 3], [0, 0, 1]]), "b_1": np.array([1.0, 0]), "W_2": np.array([[1.0, 1]])}
    p |= norm(1, (2, 0, 1, 4 - 1e-5), (1, 0, 9, 1 - 1e-5)) | norm(2, (1, 5, 0, 1 - 1e-5))
    p |= {"W_3": np.array([[10.0]]), "b_3": np.array([0.5])}
    # base 4, x (1, 2): 4 + 2 + 6 + 1 = 13 -> (13 - 1) / 2 · 2 = 12, and 2 - 9 is cut off; 12 + 5 = 17
    assert xgb_mlp.forward(p, np.array([4.0]), np.array([[1.0, 2]])) == pytest.approx([170.5])


def test_xgb_conv1d_by_hand():
    p = {"K_1": np.array([[[1.0, 2, 4]], [[0, -1, 0]]])} | norm(1, (1, 0, 0, 1 - 1e-5), (1, 4, 0, 1 - 1e-5))
    p |= {"W_1": np.array([[1.0, 10, 100, 1e3, 1e4, 1e5, 1e6]]), "b_1": np.array([-1.0])}
    # x (1, 2, 3): (2+8, 1+4+12, 2+6) and (4-1, 4-2, 4-3), then the base prediction
    expected = 10 + 170 + 800 + 3e3 + 2e4 + 1e5 + 7e6 - 1
    assert xgb_conv1d.forward(p, np.array([7.0]), np.array([[1.0, 2, 3]])) == pytest.approx([expected])
    p |= {"W_2": np.array([[2.0]]), "b_2": np.array([1.0])}
    assert xgb_conv1d.forward(p, np.array([7.0]), np.array([[1.0, 2, 3]])) == pytest.approx([2 * expected + 1])


SCALAR = {"W_W": 0.3, "W_U": 0.7, "W1_Vv": 0.5, "W1_Vu": 1.1, "W1_Vt": -2.0, "W1_V": 3.0, "W1_Tt": 0.4, "W1_Tu": 0.6}
SCALAR |= {"W1_Tv": 0.8, "W1_T": 2.0, "W2_V": 0.9, "W2_T": 1.2, "W2_U": -0.5, "W2_UVT": 4.0, "W3_U": 0.25, "W1_F": 2.0}
SCALAR |= {"W2_F": 3.0, "W_Vv": 0.5, "W_Vu": 1.1, "W_V": 3.0}


def one_wide() -> tuple[dict[str, np.ndarray], list[np.ndarray], float]:
    """Everything one number wide: two regions 1 and 2, one word, one user; and the word's hidden state."""
    p = {name: np.array([[value]]) for name, value in SCALAR.items()}
    p |= {"b1_F": np.array([5.0]), "b2_F": np.array([0.1]), "W_Hifgo": np.ones((4, 1)), "b_ifgo": np.zeros(4)}
    p["W_Wifgo"] = np.array([[1.0], [9], [2], [-1]])
    i, c, o = (1 / (1 + exp(-0.3)), tanh(0.6), 1 / (1 + exp(0.3)))
    yes = np.ones((1, 2), dtype=bool)
    post = [np.array([[[1.0], [2.0]]]), yes, np.array([[0]]), yes[:, :1], np.array([0])]
    return p, post, o * tanh(i * c)


def test_uhan_by_hand():
    p, post, h = one_wide()
    r = [3 * tanh(0.5 * v) * tanh(1.1 * 0.7) * tanh(-2 * h) for v in (1, 2)]
    second = exp(r[1]) / (exp(r[0]) + exp(r[1]))
    v = 1 + second
    uv, ut = (4 * tanh(w * x) * tanh(-0.5 * 0.7) for w, x in ((0.9, v), (1.2, h)))
    a1 = exp(uv) / (exp(uv) + exp(ut))
    s = a1 * v + (1 - a1) * h + 0.25 * 0.7
    said = uhan.forward(p, *post)
    assert said.visual == pytest.approx(np.array([[1 - second, second]]))
    assert said.textual.tolist() == [[1]]
    assert said.inter == pytest.approx(np.array([[a1, 1 - a1]]))
    assert said.prediction == pytest.approx([3 * (2 * s + 5) + 0.1])


def test_dmf_by_hand():
    p, post, h = one_wide()
    p["W1_F"] = np.array([[2.0, 3.0]])
    assert dmf.forward(p, *post[:4]) == pytest.approx([3 * (2 * 1.5 + 3 * h + 5) + 0.1])


def test_dmf_takes_the_last_real_word_or_the_mean(posts):
    p = draw({**LSTM, **HEAD, "W1_F": (M, 2 * K)})
    del posts["users"]
    last, mean = dmf.forward(p, **posts), dmf.forward(p, **posts, pooling="mean")
    short = {**posts, "words": posts["words"][:, :1], "word_mask": posts["word_mask"][:, :1]}
    assert not np.allclose(last, mean)
    np.testing.assert_array_equal(dmf.forward(p, **short), dmf.forward(p, **short, pooling="mean"))
    posts["words"][0, 3:] = 8
    np.testing.assert_array_equal(dmf.forward(p, **posts), last)
    posts["words"][:, [2, 4]] = 7  # the last real word of either post
    assert (abs(dmf.forward(p, **posts) - last) > 1e-3).all()


def test_dual_att_by_hand():
    p, post, h = one_wide()
    p |= {"W_Tt": np.array([[1.0]]), "W_Tu": np.array([[1.0]]), "W_T": np.array([[1.0]])}
    r = [3 * tanh(0.5 * v) * tanh(1.1 * 0.7) for v in (1, 2)]
    second = exp(r[1]) / (exp(r[0]) + exp(r[1]))
    said = dual_att.forward(p, *post)
    assert said.visual == pytest.approx(np.array([[1 - second, second]]))
    assert said.prediction == pytest.approx([3 * (2 * (0.7 + (1 + second) * h) + 5) + 0.1])


@pytest.mark.parametrize("masking", ["before", "after"])
@pytest.mark.parametrize("name", NETWORKS)
def test_attention_sums_to_one_and_padding_gets_exactly_zero(name, masking, posts):
    network, shapes = NETWORKS[name]
    said = network.forward(draw(shapes), **posts, masking=masking)
    assert np.isfinite(said.prediction).all()
    for alpha, mask in ((said.visual, posts["region_mask"]), (said.textual, posts["word_mask"])):
        np.testing.assert_allclose(alpha.sum(axis=1), 1)
        assert ((alpha > 0) == mask).all()
        assert np.ptp(alpha[mask]) > 0.01


@pytest.mark.parametrize("name", NETWORKS)
def test_masking_before_or_after_the_softmax_is_the_same(name, posts):
    network, shapes = NETWORKS[name]
    before, after = (network.forward(draw(shapes), **posts, masking=m) for m in ("before", "after"))
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_permuted_regions_permute_attention_and_leave_the_prediction(name, posts):
    network, shapes = NETWORKS[name]
    order = [2, 0, 3, 1]
    moved = {key: posts[key][:, order] for key in ("regions", "region_mask")}
    before, after = network.forward(draw(shapes), **posts), network.forward(draw(shapes), **{**posts, **moved})
    np.testing.assert_allclose(after.visual, before.visual[:, order], atol=1e-12)
    np.testing.assert_allclose(after.prediction, before.prediction, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_words_in_another_order_are_another_text(name, posts):
    network, shapes = NETWORKS[name]
    said = network.forward(draw(shapes), **posts)
    posts["words"][1] = posts["words"][1][::-1]
    assert abs(network.forward(draw(shapes), **posts).prediction - said.prediction)[1] > 1e-3


def test_every_ablation_is_another_network(posts):
    off = ["user", "shortcut", "intra", "inter", "image", "text"]
    variants = [{}, {"intra": False, "inter": False}, *({name: False} for name in off)]
    said = [uhan.forward(draw(UHAN), **posts, **variant).prediction for variant in variants]
    assert len({tuple(np.round(prediction, 9)) for prediction in said}) == len(variants)


def test_without_user_no_user_is_told_from_another(posts):
    p, others = draw(UHAN), {**posts, "users": np.array([1, 1])}
    assert (uhan.forward(p, **posts).prediction != uhan.forward(p, **others).prediction).all()
    without = [uhan.forward(p, **x, user=False) for x in (posts, others)]
    for a, b in zip(*without, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_intra_or_inter_all_weights_are_equal(posts):
    said = uhan.forward(draw(UHAN), **posts, intra=False, inter=False)
    np.testing.assert_allclose(said.visual, [[1 / 4] * 4, [1 / 3] * 3 + [0]])
    np.testing.assert_allclose(said.textual, [[1 / 3] * 3 + [0] * 2, [1 / 5] * 5])
    assert said.inter.tolist() == [[0.5, 0.5]] * 2


@pytest.mark.parametrize(("modality", "mask", "a"), [("image", "region_mask", [0, 1]), ("text", "word_mask", [1, 0])])
def test_a_modality_a_post_lacks_is_the_ablation_of_it(modality, mask, a, posts):
    needless = {"image": ("W1_V", "W2_", "W1_Tv"), "text": ("W1_T", "W2_UVT", "W_W", "W_H", "b_ifgo", "W1_Vt")}[
        modality
    ]
    p = {k: v for k, v in draw(UHAN).items() if not k.startswith(needless) or k == "W2_F"}
    ablated = uhan.forward(p, **posts, **{modality: False})
    posts[mask][:] = False
    for x, y in zip(ablated, uhan.forward(p, **posts), strict=True):
        np.testing.assert_array_equal(x, y)
    assert ablated.inter.tolist() == [a, a]


def test_without_both_modalities_the_user_is_left(posts):
    posts["region_mask"][:] = posts["word_mask"][:] = False
    p = draw(UHAN)
    s = p["W3_U"] @ p["W_U"][0]
    expected = p["W2_F"] @ np.maximum(p["W1_F"] @ s + p["b1_F"], 0) + p["b2_F"]
    assert uhan.forward(p, **posts).prediction[0] == pytest.approx(expected[0])


@pytest.mark.parametrize("kind", ["tanh", "linear"])
def test_regions_may_pass_a_dense_layer_first(kind, posts):
    p = draw({**UHAN, "W_I": (K, K)})
    said = uhan.forward(p, **posts, projection=kind)
    passed = posts["regions"] @ p["W_I"].T
    posts["regions"] = np.tanh(passed) if kind == "tanh" else passed
    np.testing.assert_allclose(said.prediction, uhan.forward(p, **posts).prediction, atol=1e-12)


def test_a_head_may_have_two_hidden_layers(posts):
    p = draw(UHAN)
    expected = uhan.forward(p, **posts).prediction
    p |= {"W2_F": np.eye(M), "b2_F": np.zeros(M), "W3_F": p["W2_F"], "b3_F": p["b2_F"]}
    np.testing.assert_allclose(uhan.forward(p, **posts).prediction, expected)
