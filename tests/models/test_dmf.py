import numpy as np
import pytest
import torch

from models.dmf import DMFNetwork
from tests.models.pictures import FEATURES, draw_batch, drawn, for_oracle, of_user, parameters, planted
from tests.models.small import build
from tests.oracles import dmf as oracle


def network(numbers=7, **changes):
    torch.manual_seed(0)
    return drawn(DMFNetwork(**{"regions": numbers, "words": 11, "states": 4, "embedding": 3, "head": [10], **changes}))


def predict(made, batch):
    with torch.no_grad():
        return made(batch["regions"], batch["words"]).numpy()


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("head", [[10], [10, 9]])
@pytest.mark.parametrize("layer", ["none", "tanh", "linear"])
def test_equals_plain_numpy(layer, head, pooling):
    made, batch = (
        network(region_layer=layer, region_width=None if layer == "none" else 4, head=head, pooling=pooling),
        draw_batch(7),
    )
    options = {"pooling": pooling, "projection": None if layer == "none" else layer}
    theirs = oracle.forward(parameters(made, {}), *for_oracle(batch)[:4], **options)
    np.testing.assert_allclose(predict(made, batch), theirs, atol=1e-9)


def test_order_of_regions_does_not_matter_but_that_of_words_does():
    made, batch = network(), draw_batch(7)
    turned = predict(made, {**batch, "regions": batch["regions"].flip(1)})
    np.testing.assert_allclose(turned, predict(made, batch))
    words = batch["words"].clone()
    words[3] = words[3].flip(0)  # the one text that fills its row
    assert not np.allclose(predict(made, {**batch, "words": words})[3], predict(made, batch)[3])


def test_more_padding_changes_nothing():
    made, batch = network(), draw_batch(7)
    regions = torch.nn.functional.pad(batch["regions"], (0, 0, 0, 2), value=torch.nan)
    more = {"regions": regions, "words": torch.nn.functional.pad(batch["words"], (0, 3))}
    np.testing.assert_allclose(predict(made, more), predict(made, batch))


def test_absent_modalities_give_finite_gradients():
    made, batch = network(), draw_batch(7)
    made(batch["regions"], batch["words"]).square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in made.parameters())


def test_knows_no_user():
    train, _ = planted(64, seed=0)
    system = build("dmf", features=FEATURES, hidden=4, head=[4], epochs=1)
    assert system.columns == ()
    system.fit(train, train)
    np.testing.assert_array_equal(system.predict(of_user(train, "u0")), system.predict(of_user(train, "u1")))
