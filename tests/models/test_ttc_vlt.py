"""TTC-VLT: what its perceptron sees, what its loss is, and what the contrast does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.parts.fusion import Shape
from models.parts.training import squared_error
from models.ttc_vlt import Contrasted, TTCVLTNetwork
from pipeline.base.errors import UserError
from pipeline.storage.examples import FeatureValues
from tests.models.pictures import drawn
from tests.models.small import build, make, make_examples
from tests.oracles import rivals as oracle
from tests.oracles.layers import dense_layers

B, W = 6, 4
ROLES = {"title": ["words"], "tags": ["clip"], "image": ["regions"]}


def network():
    torch.manual_seed(0)
    shapes = {"title": Shape(W, words=9), "tags": Shape(1, numbers=5), "image": Shape(3, numbers=2)}
    sizes = {"users": 4, "numbers": 2, "hidden": 8, "layers": 2, "heads": 2, "dropout": 0.5}
    return drawn(TTCVLTNetwork(**shapes, **sizes))


def draw():
    """Posts, of which the first has no title and the second no tags."""
    torch.manual_seed(1)
    batch = {"title": torch.randint(2, 9, (B, W)), "tags": torch.randn(B, 5), "image": torch.randn(B, 3, 2)}
    batch |= {"users": torch.tensor([1, 2, 3, 1, 2, 3]), "numbers": torch.randn(B, 2), "y": torch.randn(B)}
    batch["title"][0], batch["tags"][1] = 0, np.nan
    return {name: value.double() if value.is_floating_point() else value for name, value in batch.items()}


def test_the_perceptron_sees_both_streams_and_the_user():
    made, batch = network(), draw()
    del batch["y"]
    with torch.no_grad():
        said = made(**batch, streams=True)
        assert torch.equal(made(**batch), said.prediction)
        assert said.both.tolist() == [False, False, True, True, True, True]
        streams = [getattr(made, text)(batch[text], batch["image"])[0] for text in ("title", "tags")]
        assert torch.equal(said.title, streams[0])
        assert torch.equal(said.tags, streams[1])
        user = made.users.table.weight[batch["users"] - 1]
    weights = {f"W_{i}": made.head[3 * i - 3].weight.detach().numpy() for i in (1, 2)}
    weights |= {f"b_{i}": made.head[3 * i - 3].bias.detach().numpy() for i in (1, 2)}
    for i, x in enumerate(torch.cat([*streams, user, batch["numbers"]], dim=1).numpy()):
        assert float(said.prediction[i]) == pytest.approx(dense_layers(x, weights))


def test_the_loss_is_the_error_and_in_training_the_contrast():
    made, batch = network(), draw()
    made.head[2].p = 0.0
    for stream in (made.title, made.tags):
        for module in stream.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
            elif isinstance(module, torch.nn.MultiheadAttention):
                module.dropout = 0.0
    loss = Contrasted(0.3, 0.07)
    with torch.no_grad():
        error, judged = float(squared_error(made, batch)), float(loss(made, batch))
        assert judged == error
        made.train()
        learned = float(loss(made, batch))
        said = made(**{name: value for name, value in batch.items() if name != "y"}, streams=True)
        title, tags = (z[said.both].numpy() for z in (said.title, said.tags))
        assert learned == pytest.approx(error + 0.3 * oracle.info_nce(title, tags, 0.07))
        assert learned > error
        batch["title"][:] = 0
        assert float(loss(made, batch)) == pytest.approx(float(squared_error(made, batch)))


def contrast(posts, system):
    """L_c of posts, by the oracle, over those that have both texts."""
    with torch.no_grad():
        batch = {name: torch.as_tensor(np.asarray(of[:])) for name, of in system._arrays(posts).items()}
        floats = {name: of.float() if of.is_floating_point() else of for name, of in batch.items()}
        said = system._model._network(**floats, streams=True)
    return oracle.info_nce(said.title[said.both].numpy(), said.tags[said.both].numpy(), 0.07)


@pytest.mark.slow
def test_with_contrast_titles_find_their_tags():
    """Tags that say what the title says."""
    train, test = make_examples(200, 1), make_examples(40, 2)
    for posts in (train, test):
        words = posts.features["words"].values[:, :1]
        posts.features["clip"] = FeatureValues(np.eye(8, dtype=np.float32)[words[:, 0]])
    bounds = []
    for strength in (0.0, 1.0):
        system = make("ttc_vlt", contrast=strength, epochs=8)
        system.fit(train, test)
        bounds.append(contrast(test, system))
    assert bounds[1] < 0.75 * bounds[0]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"heads": 3, "hidden": 8}, "heads: 3 do not share hidden: 8 evenly"),
        ({"temperature": 0.0}, "temperature: 0.0 cannot be"),
        ({"contrast": -1.0}, "contrast: -1.0 cannot be"),
        ({"features": {"title": ["a"], "image": ["b"]}}, "features.tags: expected one feature, not none"),
        ({"features": {**ROLES, "text": ["c"]}}, "features.text: nothing reads this role"),
    ],
)
def test_what_cannot_be_is_said(entry, problem):
    with pytest.raises(UserError, match=f"systems.ttc_vlt.*{problem}"):
        build("ttc_vlt", **{"features": ROLES, **entry})


def test_features_without_tokens_are_named():
    posts = make_examples(20)
    empty = replace(posts, features={**posts.features, "none": FeatureValues(np.empty((20, 0), np.float32))})
    for role, name in (("image", "pixels"), ("tags", "none")):
        system = build("ttc_vlt", features={**ROLES, role: [name]})
        with pytest.raises(UserError, match=f"features.{role}: {name} has neither words nor vectors"):
            system.fit(empty, empty)
