import numpy as np
import pytest
import torch

from models.dual_att import DualAttNetwork
from tests.models.pictures import FEATURES, draw_batch, drawn, for_oracle, parameters, planted
from tests.models.small import build
from tests.oracles import dual_att as oracle

NAMES = {
    "visual.item.weight": "W_Vv",
    "visual.score.weight": "W_V",
    "visual_user.dense.weight": "W_Vu",
    "textual.item.weight": "W_Tt",
    "textual.score.weight": "W_T",
    "textual_user.dense.weight": "W_Tu",
}


def network(numbers=4, **changes):
    torch.manual_seed(0)
    sizes = {"regions": numbers, "words": 11, "users": 6, "states": 4, "embedding": 3, "width": 6, "head": [10]}
    return drawn(DualAttNetwork(**{**sizes, **changes}))


def look(made, batch):
    with torch.no_grad():
        return made.look(**batch)


@pytest.mark.parametrize(("softmax", "masking"), [("masked", "before"), ("renormalised", "after")])
@pytest.mark.parametrize("layer", ["none", "tanh", "linear"])
def test_equals_plain_numpy(layer, softmax, masking):
    numbers = 4 if layer == "none" else 12
    made, batch = network(numbers, region_layer=layer, softmax=softmax, head=[10, 9]), draw_batch(numbers)
    options = {"projection": None if layer == "none" else layer, "masking": masking}
    theirs = oracle.forward(parameters(made, NAMES), *for_oracle(batch), **options)
    for name, value in look(made, batch)._asdict().items():
        np.testing.assert_allclose(value.numpy(), getattr(theirs, name), atol=1e-9, err_msg=name)


def test_attention_sums_to_one_and_padding_has_none():
    batch = draw_batch(4)
    seen = look(network(), batch)
    masks = {"visual": ~batch["regions"].isnan().any(-1), "textual": batch["words"] > 0}
    for name, mask in masks.items():
        assert (getattr(seen, name)[~mask] == 0).all()
        torch.testing.assert_close(getattr(seen, name).sum(-1), mask.any(-1).double())


def test_permuting_regions_permutes_attention_and_leaves_the_prediction():
    made, batch = network(), draw_batch(4)
    order = torch.tensor([3, 0, 4, 1, 2])
    before, after = look(made, batch), look(made, {**batch, "regions": batch["regions"][:, order]})
    torch.testing.assert_close(after.visual, before.visual[:, order])
    torch.testing.assert_close(after.prediction, before.prediction)


def test_every_parameter_is_used_and_absent_modalities_give_finite_gradients():
    made, batch = network(), draw_batch(4)
    made(**batch).square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in made.parameters())


@pytest.mark.slow
def test_finds_the_region_of_the_user():
    train, _ = planted(600, seed=1, regions=5)
    test, where = planted(200, seed=3, regions=5)
    small = {"hidden": 16, "head": [16], "region_layer": "linear", "learning_rate": 0.01, "epochs": 10}
    system = build("dual_att", features=FEATURES, **small, batch_size=32, validate_every=None, patience=None)
    system.fit(train, train.take(np.arange(0)))
    weights = system.attention(test)["visual"]
    assert weights[np.arange(len(test)), where].mean() > 0.8  # by chance 0.2
