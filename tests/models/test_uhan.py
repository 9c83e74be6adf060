from itertools import product

import numpy as np
import pytest
import torch

from models.parts.training import squared_error
from models.uhan import UHANNetwork
from pipeline.base.errors import UserError
from tests.models.pictures import FEATURES, draw_batch, drawn, for_oracle, of_user, parameters, planted
from tests.models.small import build
from tests.oracles import uhan as oracle

NAMES = {
    "visual.attention.item.weight": "W1_Vv",
    "visual.attention.score.weight": "W1_V",
    "visual.user.dense.weight": "W1_Vu",
    "visual.other.dense.weight": "W1_Vt",
    "textual.attention.item.weight": "W1_Tt",
    "textual.attention.score.weight": "W1_T",
    "textual.user.dense.weight": "W1_Tu",
    "textual.other.dense.weight": "W1_Tv",
    "inter.picture.dense.weight": "W2_V",
    "inter.text.dense.weight": "W2_T",
    "inter.user.dense.weight": "W2_U",
    "inter.score.weight": "W2_UVT",
    "shortcut.weight": "W3_U",
}
WIDTHS = {"states": 4, "embedding": 3, "user_width": 7, "intra_width": 6, "inter_width": 8, "head": [10]}
SWITCHES = ("user", "shortcut", "intra", "inter", "image", "text")
ABLATIONS = [dict(zip(SWITCHES, on, strict=True)) for on in product([True, False], repeat=6) if on[-2] or on[-1]]
SMALL = {"hidden": 16, "head": [16], "region_layer": "linear", "learning_rate": 0.01, "epochs": 10, "batch_size": 32}


def network(user=True, image=True, text=True, numbers=4, **changes):
    torch.manual_seed(0)
    sizes = {"regions": numbers if image else None, "words": 11 if text else None, "users": 6 if user else None}
    return drawn(UHANNetwork(**sizes, **{**WIDTHS, **changes}))


def given(batch, made):
    """What of a batch a network is called with."""
    return {name: values for name, values in batch.items() if getattr(made, name) is not None}


def look(made, batch):
    with torch.no_grad():
        return made.look(**given(batch, made))


def compare(made, batch, **options):
    names = {"W_U": np.zeros((6, 7)), **parameters(made, NAMES)}  # it looks users up, guided by them or not
    ours, theirs = look(made, batch), oracle.forward(names, *for_oracle(batch), **options)
    for name, value in ours._asdict().items():
        if value is not None:
            np.testing.assert_allclose(value.numpy(), getattr(theirs, name), atol=1e-9, err_msg=name)


@pytest.mark.parametrize("switches", ABLATIONS, ids=lambda s: "-".join(k for k in s if not s[k]) or "whole")
def test_equals_plain_numpy(switches):
    compare(network(**switches), draw_batch(4), **switches)


@pytest.mark.parametrize("layer", ["tanh", "linear"])
@pytest.mark.parametrize(("softmax", "masking"), [("masked", "before"), ("renormalised", "after")])
def test_what_was_released_equals_plain_numpy(layer, softmax, masking):
    made = network(numbers=12, region_layer=layer, softmax=softmax, head=[10, 9])
    compare(made, draw_batch(12), projection=layer, masking=masking)


@pytest.mark.parametrize("switches", ABLATIONS, ids=lambda s: "-".join(k for k in s if not s[k]) or "whole")
def test_every_parameter_is_used_and_absent_modalities_give_finite_gradients(switches):
    made, batch = network(**switches), draw_batch(4)
    made(**given(batch, made)).square().sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_size_at_the_widths_of_the_paper():
    made = UHANNetwork(regions=512, words=2, users=2, **{**dict.fromkeys(WIDTHS, 512), "head": [512]})
    beside_tables = sum(p.numel() for p in made.parameters()) - 3 * 512
    assert beside_tables == 4_985_345 + 2_048  # PyTorch has a second bias in the LSTM


def test_attention_sums_to_one_and_padding_has_none():
    batch = draw_batch(4)
    seen = look(network(), batch)
    masks = {"visual": ~batch["regions"].isnan().any(-1), "textual": batch["words"] > 0}
    for name, mask in masks.items():
        weights = getattr(seen, name)
        assert (weights[~mask] == 0).all()
        assert (weights[mask] > 0).all()
        torch.testing.assert_close(weights.sum(-1), mask.any(-1).double())
    present = torch.stack([mask.any(-1) for mask in masks.values()], -1)
    assert (seen.inter[~present] == 0).all()
    torch.testing.assert_close(seen.inter.sum(-1), present.any(-1).double())


def test_permuting_regions_permutes_attention_and_leaves_the_prediction():
    made, batch = network(), draw_batch(4)
    order = torch.tensor([3, 0, 4, 1, 2])
    before, after = look(made, batch), look(made, {**batch, "regions": batch["regions"][:, order]})
    torch.testing.assert_close(after.visual, before.visual[:, order])
    torch.testing.assert_close(after.prediction, before.prediction)
    assert not torch.allclose(after.visual, before.visual)


def test_more_padding_changes_nothing():
    made, batch = network(), draw_batch(4)
    more = {
        "regions": torch.nn.functional.pad(batch["regions"], (0, 0, 0, 2), value=torch.nan),
        "words": torch.nn.functional.pad(batch["words"], (0, 3)),
        "users": batch["users"],
    }
    before, after = look(made, batch), look(made, more)
    torch.testing.assert_close(after.prediction, before.prediction)
    torch.testing.assert_close(after.visual[:, :5], before.visual)
    assert after.textual.shape == (8, 12)


def test_half_precision_regions_are_computed_in_full():
    made, batch = network().float(), draw_batch(4)
    halved = {**batch, "regions": batch["regions"].half()}
    same = {**batch, "regions": batch["regions"].half().float()}
    assert torch.equal(look(made, halved).prediction, look(made, same).prediction)


def small(**changes):
    return build("uhan", features=FEATURES, **{**SMALL, "validate_every": None, "patience": None, **changes})


@pytest.fixture(scope="module")
def world():
    """Training and validation posts, test posts, and where the region lies that decides."""
    train, _ = planted(600, seed=1, regions=5)
    validation, _ = planted(100, seed=2, regions=5)
    return train, validation, *planted(300, seed=3, regions=5)


@pytest.fixture(scope="module")
def found(world):
    """UHAN trained on that."""
    system = small()
    system.fit(*world[:2])
    return system


def rmse(system, posts):
    return np.sqrt(np.mean((system.predict(posts) - posts.y) ** 2))


@pytest.mark.slow
def test_finds_the_region_of_the_user_and_beats_what_cannot(world, found):
    train, validation, test, where = world
    weights = found.attention(test)["visual"]
    assert weights[np.arange(len(test)), where].mean() > 0.9  # by chance 0.2
    assert (weights.argmax(axis=1) == where).mean() > 0.95
    rivals = [small(user=False), build("dmf", features=FEATURES, **SMALL, validate_every=None, patience=None)]
    for rival in rivals:
        rival.fit(train, validation)
        assert rmse(found, test) < 0.2 * rmse(rival, test)


@pytest.mark.slow
def test_another_user_looks_elsewhere(world, found):
    test = world[2]
    one, other = (found.attention(of_user(test, user))["visual"].argmax(axis=1) for user in ("u0", "u1"))
    assert (one == other).mean() < 0.1


def test_without_user_nobody_can_be_told_apart(world):
    train, validation, test, _ = world
    system = small(user=False, epochs=1)
    assert system.columns == ()
    system.fit(train, validation)
    np.testing.assert_array_equal(system.predict(of_user(test, "u0")), system.predict(of_user(test, "u3")))
    whole = small(epochs=1)
    whole.fit(train, validation)
    assert not np.allclose(whole.predict(of_user(test, "u0")), whole.predict(of_user(test, "u3")))


@pytest.mark.slow
def test_goes_on_after_a_kill_in_the_middle(world, tmp_path, monkeypatch):
    train, validation = world[:2]
    arguments = {"epochs": 4, "validate_every": 7, "patience": 20, "penalty": 1e-4}
    whole = small(**arguments)
    whole.fit(train, validation)
    calls = iter(range(10**6))

    def fragile(made, batch):
        if next(calls) == 50:
            raise KeyboardInterrupt
        return squared_error(made, batch)

    monkeypatch.setattr("models.parts.words_regions.squared_error", fragile)
    with pytest.raises(KeyboardInterrupt):
        small(**arguments, checkpoint=tmp_path).fit(train, validation)
    assert len(list(tmp_path.iterdir())) == 1
    steps = []

    def counted(made, batch):
        steps.append(made.training)
        return squared_error(made, batch)

    monkeypatch.setattr("models.parts.words_regions.squared_error", counted)
    resumed = small(**arguments, checkpoint=tmp_path)
    resumed.fit(train, validation)
    assert 0 < sum(steps) < 4 * 19
    np.testing.assert_array_equal(resumed.predict(world[2]), whole.predict(world[2]))


def test_another_network_of_the_same_weights_does_not_take_the_state(world, tmp_path, monkeypatch):
    """Tanh has no weights: trainings are told apart by what the network prints."""
    train, validation, test = (part.take(np.arange(64)) for part in world[:3])
    arguments = {"epochs": 2, "checkpoint": tmp_path / "x"}

    def fragile(made, batch):
        if list((tmp_path / "x").glob("*")):
            raise KeyboardInterrupt
        return squared_error(made, batch)

    monkeypatch.setattr("models.parts.words_regions.squared_error", fragile)
    with pytest.raises(KeyboardInterrupt):
        small(region_layer="tanh", **arguments).fit(train, validation)
    monkeypatch.undo()
    resumed, whole = small(**arguments), small(epochs=2)
    resumed.fit(train, validation)
    whole.fit(train, validation)
    np.testing.assert_array_equal(resumed.predict(test), whole.predict(test))


def test_nothing_to_look_at_is_refused():
    with pytest.raises(UserError, match="at least one"):
        small(image=False, text=False)
