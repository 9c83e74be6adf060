from dataclasses import replace

import numpy as np
import pytest
import torch

from models.parts.batches import Tensors
from models.parts.training import squared_error
from models.parts.words_regions import Penalised
from models.uhan import UHAN
from pipeline.base.errors import UserError
from pipeline.storage import store
from pipeline.storage.examples import Examples, FeatureValues
from tests.models.pictures import FEATURES, of_user, planted
from tests.models.small import build

pytestmark = pytest.mark.slow

SMALL = {"hidden": 6, "head": [5], "region_layer": "linear", "epochs": 2, "batch_size": 32, "learning_rate": 0.01}
TRAIN, _ = planted(80, seed=1)
TEST, _ = planted(20, seed=2)


def fitted(name="uhan", train=TRAIN, **changes):
    system = build(name, features=FEATURES, **{**SMALL, **changes})
    system.fit(train, TEST)
    return system


def with_values(posts, **values) -> Examples:
    return replace(posts, features={**posts.features, **{k: FeatureValues(v) for k, v in values.items()}})


@pytest.mark.parametrize("name", ["uhan", "dmf", "dual_att"])
def test_regions_on_disk_train_and_predict_as_those_in_memory(name, tmp_path):
    def on_disk(posts, file):
        regions = posts.features["regions"].values
        header = {"shape": regions.shape[1:], "dtype": "float16", "names": None, "metadata": {}}
        with store.FeatureWriter(tmp_path / file, **header) as writer:
            writer.append(posts.posts["post_id"], regions, np.ones(len(posts), dtype=bool))
        return with_values(posts, regions=store.read_feature(tmp_path / file).values)

    train, test = on_disk(TRAIN, "train"), on_disk(TEST, "test")
    system = build(name, features=FEATURES, **SMALL)
    system.fit(train, test)
    np.testing.assert_array_equal(system.predict(test), fitted(name).predict(TEST))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["visual", "textual", "inter"]),
        ({"image": False}, ["textual", "inter"]),
        ({"text": False}, ["visual", "inter"]),
        ({"intra": False}, ["visual", "textual", "inter"]),
    ],
)
def test_attention_by_name(changes, names):
    weights = fitted(**changes).attention(TEST)
    widths = {"visual": 6, "textual": 4, "inter": 2}
    assert {name: value.shape for name, value in weights.items()} == {name: (20, widths[name]) for name in names}
    for value in weights.values():
        np.testing.assert_allclose(value.sum(axis=1), 1, rtol=1e-5)
    assert fitted(**changes).attention(TEST.take(np.arange(0))) == {}


def test_attention_of_dual_att():
    assert list(fitted("dual_att").attention(TEST)) == ["visual", "textual"]


def test_saved_and_loaded_looks_the_same(tmp_path):
    system, again = fitted(), build("uhan", features=FEATURES, **SMALL)
    system.save(tmp_path)
    again.load(tmp_path)
    for name, weights in system.attention(TEST).items():
        np.testing.assert_array_equal(again.attention(TEST)[name], weights)


@pytest.mark.parametrize("name", ["uhan", "dual_att"])
def test_unseen_users_are_all_alike_and_no_known_one(name):
    system = fitted(name)
    nobody = system.predict(of_user(TEST, "nobody"))
    np.testing.assert_array_equal(nobody, system.predict(of_user(TEST, None)))
    assert not np.allclose(nobody, system.predict(of_user(TEST, "u0")))


def test_unseen_users_are_an_average_one():
    """Users differ in how popular they are, posts in what a region shows; of an unseen user the latter is left."""

    def world(n, seed):
        posts, _ = planted(n, seed, users=1)
        user = np.random.default_rng(seed).integers(0, 20, n)
        offset = np.random.default_rng(0).normal(0, 1.5, 20)
        return of_user(replace(posts, y=posts.y + offset[user]), [f"u{u}" for u in user]), offset.mean()

    (train, mean), test = world(600, 1), planted(200, 3, users=1)[0]
    training = {"hidden": 16, "head": [16], "epochs": 15, "validate_every": None, "patience": None}
    system = fitted(train=train, **training)
    error = system.predict(of_user(test, "nobody")) - (test.y + mean)
    assert np.sqrt(np.mean(error**2)) < 0.5 * test.y.std()


def test_words_beyond_the_table_are_unknown_ones():
    system = fitted()
    words = TEST.features["words"].values
    strange, unknown = words.copy(), words.copy()
    strange[:, 1], unknown[:, 1] = 10**6, 1
    np.testing.assert_array_equal(
        system.predict(with_values(TEST, words=strange)), system.predict(with_values(TEST, words=unknown))
    )


def test_the_penalty_is_of_word_vectors_and_biases_of_the_head_and_in_training_only():
    system = fitted()
    made = system.make(system._sizes())
    batch = Tensors({**system._arrays(TEST), "y": TEST.y})[range(20)]
    head = [layer.bias for layer in made.head.layers if isinstance(layer, torch.nn.Linear)]
    assert len(head) == 2
    squares = sum(float((p.detach() ** 2).sum()) for p in (made.words.table.weight, *head))
    loss = float(squared_error(made, batch).detach())
    assert float(Penalised(0.1)(made.train(), batch).detach()) == pytest.approx(loss + 0.1 * squares, rel=1e-5)
    assert float(Penalised(0.1)(made.eval(), batch).detach()) == pytest.approx(loss)
    assert not np.allclose(fitted(penalty=0.1).predict(TEST), fitted().predict(TEST))


def test_the_target_may_stay_as_it_is():
    assert not np.allclose(fitted(standardize=False).predict(TEST), fitted().predict(TEST))


@pytest.mark.parametrize(
    ("features", "match"),
    [
        ({"regions": ["regions"]}, r"features\.words: expected one feature"),
        ({"regions": ["regions", "words"], "words": ["words"]}, r"features\.regions: expected one"),
        ({**FEATURES, "tabular": ["x"]}, r"features\.tabular: nothing reads this role"),
    ],
)
def test_roles_that_are_none(features, match):
    with pytest.raises(UserError, match=match):
        UHAN(features=features)


def test_an_ablation_needs_no_role_it_goes_without():
    assert UHAN(features={"words": ["words"]}, image=False).features == {"words": ["words"]}
    assert UHAN(features=FEATURES, text=False).features == {"regions": ["regions"]}


@pytest.mark.parametrize(
    ("values", "changes", "match"),
    [
        ({"regions": np.zeros((80, 6), np.float32)}, {}, "use timm_regions or vgg_regions"),
        ({"words": np.zeros((80, 4), np.float32)}, {}, "use words"),
        ({}, {"region_layer": "none"}, "region_layer: none needs hidden: 7"),
    ],
)
def test_features_that_do_not_fit(values, changes, match):
    with pytest.raises(UserError, match=match):
        fitted(train=with_values(TRAIN, **values), **changes)
