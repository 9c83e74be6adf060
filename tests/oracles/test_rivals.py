"""The oracles of DSN's rivals are right before anything is compared to them: hand-worked cases and known limits."""

from datetime import UTC, datetime
from math import exp, log, tanh

import numpy as np
import pytest

from tests.oracles import att_mlp, dtcn, mlp, rivals

RNG = np.random.default_rng(0)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


TIMES = [
    "2024-05-01T15:00",  # 0: as many days ago as count, in the target's hours
    "2024-04-30T15:00",  # 1: too long ago
    "2024-05-10T14:00",  # 2: the target's hours
    "2024-05-10T17:59",  # 3: the same block, later
    "2024-05-10T18:00",  # 4: the block after
    "2024-05-19T01:00",  # 5: 22-2 of the day before
    "2024-05-18T23:00",  # 6: the same block, earlier
    "2024-05-19T14:30",  # 7: the target's own block
    "2024-05-19T15:00",  # 8: at the target's time, so not before it
    "2024-05-19T15:01",  # 9: later
]


def test_time_blocks_by_hand():
    times = np.array([seconds(text) for text in TIMES])
    neighbouring, periodic = dtcn.time_blocks(times, seconds("2024-05-19T15:00"))
    assert neighbouring == [0, 3, 4, 5, 7]
    assert periodic == [0, 3]


def test_contexts_have_nine_posts_before_the_target_at_most():
    target = seconds("2024-05-19T15:00")
    every_hour = np.arange(target - 20 * dtcn.DAY, target, 3600)
    neighbouring, periodic = dtcn.time_blocks(every_hour, target)
    # a block's newest post is one of hour 1, 5, 9, …; of the target's own it is the hour before
    ago = [(target - every_hour[rows]) / 3600 for rows in (neighbouring, periodic)]
    assert ago[0].tolist() == [30, 26, 22, 18, 14, 10, 6, 2, 1]
    assert ago[1].tolist() == [24 * day - 2 for day in range(9, 0, -1)]
    assert dtcn.time_blocks(np.array([]), target) == ([], [])


def test_time_weights_by_hand():
    w = np.array([exp(-2), exp(-0.5), 1])
    assert dtcn.time_weights(np.array([0, 2e5, 2.5e5])) == pytest.approx(np.exp(w) / np.exp(w).sum())
    assert dtcn.time_weights(np.array([7.0])).tolist() == [1]


def contexts() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """One number wide: two contexts, of two posts and of one."""
    p = {"W_u": 0.5, "W_v": -0.3, "W_2": 0.8, "W": 0.9, "U": 0.4}
    p = {name: np.array([[value]]) for name, value in p.items()}
    p |= {"b_u": np.array([0.1]), "b_v": np.array([0.2]), "b_2": np.array([-0.1])}
    p |= {"v": np.array([2.0]), "w": np.array([3.0]), "b": np.array([0.5])}
    for s, size in ((1, 1.0), (2, -1.0)):
        p |= {f"W_x{s}": size * np.array([[0.5, 1], [7, 7], [1, 2], [0.3, 0]]), f"W_h{s}": np.zeros((4, 1))}
        p |= {f"b_x{s}": np.array([0, -50, 0.1, 0]), f"b_h{s}": np.zeros(4)}  # forgets all
    posts = {"users": np.array([[[1.0], [2]], [[np.nan], [2]]])[None], "images": np.array([[[3.0], [4]]] * 2)[None]}
    posts |= {"times": np.array([[[0, 1e5]] * 2]), "present": np.array([[[True, True], [False, True]]])}
    return p, posts | {"scales": np.array([[[1.0], [0.0]]])}


def test_dtcn_by_hand():
    p, posts = contexts()

    def state(user: float, image: float, size: float) -> float:
        x, y = tanh(0.8 * tanh(0.5 * user + 0.1) - 0.1), tanh(0.8 * tanh(-0.3 * image + 0.2) - 0.1)
        i, o = (1 / (1 + exp(-size * z)) for z in (0.5 * x + y, 0.3 * x))
        return o * tanh(i * tanh(size * (x + 2 * y) + 0.1))

    first = 1 / (1 + exp(1 - exp(-1)))
    h = [first * state(1, 3, 1) + (1 - first) * state(2, 4, 1), state(2, 4, -1)]
    e = [2 * tanh(0.9 * h[0] + 0.4), 2 * tanh(0.9 * h[1])]
    alpha = exp(e[0]) / (exp(e[0]) + exp(e[1]))
    assert dtcn.attention(p, **posts) == pytest.approx(np.array([[alpha, 1 - alpha]]))
    assert dtcn.predict(p, **posts) == pytest.approx([3 * (alpha * h[0] + (1 - alpha) * h[1]) + 0.5])


def test_mlp_by_hand():
    p = {"W_A": np.array([[1.0, 2]]), "b_A": np.array([3.0]), "W_I": np.array([[0.0, 1]]), "b_I": np.array([-1.0])}
    p |= {"W_1": np.array([[1.0, 10, 100, 1e3, 1e4, 1e5, 1e6], [-1, 0, 0, 0, 0, 0, 0]]), "b_1": np.array([0.5, 0])}
    p |= {"W_2": np.array([[2.0, 9]]), "b_2": np.array([1.0])}
    posts = [np.array([[1.0, 2]]), np.array([[3.0, 4]]), np.array([[5.0]])]
    assert mlp.forward(p, *posts) == pytest.approx([2 * (5_431_821 + 0.5) + 1])  # 1 2, then 5 + 3 and 1, 3 4, 5
    assert mlp.forward(p, *posts, scores=np.array([[6.0, 7]])) == pytest.approx([2 * (5_437_621 + 0.5) + 1])


def test_att_mlp_by_hand():
    """One wide: h 2, 0 and 3, of which the second is cut off."""
    x = {"image": np.array([[1.0]]), "text": np.array([[1.0]]), "user": np.array([[1.0, 1]])}
    p = {"W_image": np.array([[2.0]]), "W_text": np.array([[-1.0]]), "W_user": np.array([[1.0, 2]])}
    p |= {"W": np.array([[0.5], [1]]), "b": np.array([0.1, 0]), "w": np.array([1.0, -2])}
    p |= {"W_1": np.array([[1.0, 10, 100]]), "b_1": np.array([0.5])}
    e = [tanh(0.5 * h + 0.1) - 2 * tanh(h) for h in (2, 0, 3)]
    a = np.exp(e) / sum(np.exp(e))
    said, shares = att_mlp.forward(p, x)
    assert shares == pytest.approx(a[None])
    assert said == pytest.approx([2 * a[0] + 100 * 3 * a[2] + 0.5])
    moved = att_mlp.forward(p | {"b_text": np.array([5.0])}, x)[0]
    assert moved > said


def sequence(d: int = 4) -> list[np.ndarray]:
    return [RNG.normal(size=(length, d)) for length in (3, 6, 6)]


def test_softmax_attention_is_pytorchs():
    import torch

    qkv = sequence()
    expected = torch.nn.functional.scaled_dot_product_attention(*(torch.from_numpy(x)[None] for x in qkv))
    np.testing.assert_allclose(rivals.softmax_attention(*qkv), expected[0].numpy(), atol=1e-12)


def test_linformer_by_hand_and_with_every_post_its_own_mixture():
    qkv = sequence()
    full = rivals.softmax_attention(*qkv)
    np.testing.assert_allclose(rivals.linformer(*qkv, np.eye(6), np.eye(6)), full, atol=1e-12)
    E, F = np.array([[1.0, 0], [2, 1]]), np.array([[0.0, 1], [3, 0]])
    said = rivals.linformer(np.array([[0.1]]), np.array([[3.0], [9]]), np.array([[5.0], [11]]), E, F)
    a = 1 / (1 + exp(0.1 * 9 - 0.1 * 21))  # K̃ 21 and 9, Ṽ 33 and 5
    assert said == pytest.approx(np.array([[a * 33 + (1 - a) * 5]]))


def test_performer_by_hand():
    """One wide, ω 1 and -2; the largest ω x of the keys 1 and -3 is 6."""
    Q, K, V = np.array([[2.0]]), np.array([[1.0], [-3]]), np.array([[10.0], [20]])
    q = [exp(2 - 2 - 2) + 0.1, exp(-4 - 2 - 2) + 0.1]
    k = [[exp(1 - 0.5 - 6) + 0.1, exp(-2 - 0.5 - 6) + 0.1], [exp(-3 - 4.5 - 6) + 0.1, exp(6 - 4.5 - 6) + 0.1]]
    a = [q[0] * x + q[1] * y for x, y in k]
    said = rivals.performer(Q, K, V, np.array([[1.0], [-2]]), epsilon=0.1)
    assert said == pytest.approx(np.array([[(10 * a[0] + 20 * a[1]) / sum(a)]]))


def test_performer_tends_to_softmax_attention():
    qkv, omega = sequence(), np.random.default_rng(3).normal(size=(20_000, 4))
    full = rivals.softmax_attention(*qkv)
    np.testing.assert_allclose(rivals.performer(*qkv, omega, epsilon=0), full, atol=0.05)


X = np.array([[1.0], [2], [4], [8], [16], [32]])
USERS, ORDER = np.array([0, 0, 1, 0, 0, 2]), np.array([3.0, 1, 1, 2, 3, 1])


@pytest.mark.parametrize(
    ("window", "fill", "least", "expected"),
    [
        # user 0 posted 2, 8 and then, at once, 1 and 16
        (3, "present", 0, [11 / 3, 2, 4, 5, 26 / 3, 32]),
        (3, "zero", 0, [11 / 3, 2 / 3, 4 / 3, 10 / 3, 26 / 3, 32 / 3]),
        (3, "zero", 3, [11 / 3, 2 / 3, 4, 10 / 3, 26 / 3, 32]),
        (2, "present", 0, [4.5, 2, 4, 5, 12, 32]),
        (5, "zero", 5, [1, 2, 4, 8, 16, 32]),
        (1, "zero", 0, [1, 2, 4, 8, 16, 32]),
    ],
)
def test_moving_average_by_hand(window, fill, least, expected):
    said = rivals.moving_average(X, USERS, ORDER, window=window, fill=fill, least=least)
    assert said == pytest.approx(np.array(expected)[:, None])


def test_info_nce_by_hand():
    """Cosines 1 and 0, .6 and .8, at τ ½."""
    title, tag = np.array([[2.0, 0], [3, 4]]), np.array([[5.0, 0], [0, 0.1]])
    rows = log(1 + exp(0 - 2)) + log(1 + exp(1.2 - 1.6))
    columns = log(1 + exp(1.2 - 2)) + log(1 + exp(0 - 1.6))
    assert rivals.info_nce(title, tag, 0.5) == pytest.approx((rows + columns) / 4)


def test_info_nce_of_texts_that_say_the_same_is_the_logarithm_of_their_number():
    assert rivals.info_nce(np.ones((5, 3)), np.ones((5, 3))) == pytest.approx(log(5))
