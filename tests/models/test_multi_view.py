"""Multi-view: what is put together, and what only the user's earlier posts tell."""

import numpy as np
import pandas as pd
import pytest
import torch

from models.multi_view import MultiViewNetwork
from pipeline.base.errors import UserError
from pipeline.storage.examples import Examples, FeatureValues
from tests.models.pictures import drawn
from tests.models.small import build, rmse
from tests.oracles.layers import dense_layers

KINDS = ["linformer", "performer", "softmax"]
SIZES = {"users": 4, "numbers": 2, "length": 3, "rank": None, "heads": 2, "hidden": 8, "dropout": 0.5}


@pytest.mark.parametrize(("image", "text"), [(5, 5), (5, 6)])
def test_the_perceptron_sees_joint_vector_encoder_averages_and_user(image, text):
    torch.manual_seed(0)
    made, b = drawn(MultiViewNetwork(image=image, text=text, attention="performer", **SIZES)), 4
    batch = {"image": torch.randn(b, 4, image), "text": torch.randn(b, 4, text), "numbers": torch.randn(b, 2)}
    batch |= {"image_mean": torch.randn(b, image), "text_mean": torch.randn(b, text)}
    batch = {name: value.double() for name, value in batch.items()}
    batch["image"][0, -1] = batch["text_mean"][1] = np.nan
    present = torch.arange(4) >= torch.tensor([[0], [2], [3], [1]])
    users = torch.tensor([1, 2, 3, 1])
    with torch.no_grad():
        said = made(**batch, present=present, users=users)
        v, t = made.image(batch["image"].nan_to_num()), made.text(batch["text"].nan_to_num())
        assert v.shape == t.shape
        before = made.earlier(torch.cat([v, t, v * t], dim=-1)[:, :-1], present[:, :-1])
        assert not before[2].any()
    weights = {f"W_{i}": made.head[3 * i - 3].weight.detach().numpy() for i in (1, 2)}
    weights |= {f"b_{i}": made.head[3 * i - 3].bias.detach().numpy() for i in (1, 2)}
    for i in range(b):
        means = [batch[f"{role}_mean"][i].nan_to_num() for role in ("image", "text")]
        x = [v[i, -1], t[i, -1], v[i, -1] * t[i, -1], before[i], *means]
        x = torch.cat([*x, made.users.table.weight[users[i] - 1].detach(), batch["numbers"][i]]).numpy()
        assert float(said[i]) == pytest.approx(dense_layers(x, weights))


def planted(n, seed):
    """Posts of five users; popular is what the picture of the user's post before says, times that before it."""
    rng = np.random.default_rng(seed)
    shown, written = rng.choice([-1.0, 1.0], (2, n, 2)).astype(np.float32)
    posts = pd.DataFrame(
        {
            "post_id": [f"p{seed}-{i}" for i in range(n)],
            "user_id": pd.Series([f"u{i % 5}" for i in range(n)], dtype="str"),
            "posted_at": pd.date_range("2024-01-01", periods=n, freq="h", tz="UTC").as_unit("us"),
        }
    )
    y = np.roll(shown[:, 0] * written[:, 0], 5) + rng.normal(0, 0.1, n)
    features = {"image": FeatureValues(shown), "text": FeatureValues(written)}
    return Examples(posts, features, y, "likes", past=Examples(posts, features))


def alone(**options):
    """A system of pictures and texts alone."""
    entry = {"features": {"image": ["image"], "text": ["text"]}, "hidden": 16, "heads": 2, "dropout": 0.0}
    training = {"batch_size": 32, "learning_rate": 0.01, "weight_decay": 0.0}
    return build("multi_view", **entry, **training, text_window=1, **options)


@pytest.mark.slow
@pytest.mark.parametrize("attention", KINDS)
def test_finds_what_the_user_s_last_post_says(attention):
    system = alone(attention=attention, length=4, image_window=1, epochs=30)
    system.fit(planted(500, 1), planted(2, 2))
    test = planted(300, 3)
    assert rmse(system.predict(test), test) < 0.5 * test.y.std()


@pytest.mark.slow
def test_averages_tell_without_the_encoder():
    """A target that is a mean over five posts, of which the encoder reads one."""
    train, test = planted(500, 1), planted(300, 3)
    for posts in (train, test):
        shown = posts.features["image"].values[:, 0]
        posts.y[:] = sum(np.roll(shown, 5 * step) for step in range(5))
    scores = []
    for window in (5, 1):
        system = alone(length=1, image_window=window, epochs=20)
        system.fit(train, test.take(np.arange(0)))
        scores.append(rmse(system.predict(test), test) / test.y.std())
    assert scores[0] < 0.4 < 0.6 < scores[1]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"heads": 3, "hidden": 8}, "heads: 3 do not share hidden: 8 evenly"),
        ({"attention": "quadratic"}, "attention"),
        ({"rank": 0}, "rank: 0 cannot be"),
        ({"features": {"image": ["a"]}}, "features.text: expected one feature, not none"),
        ({"features": {"image": ["a"], "text": ["b"], "words": ["c"]}}, "features.words: nothing reads this role"),
    ],
)
def test_what_cannot_be_is_said(entry, problem):
    with pytest.raises(UserError, match=f"systems.multi_view.*{problem}"):
        build("multi_view", **{"features": {"image": ["a"], "text": ["b"]}, **entry})
