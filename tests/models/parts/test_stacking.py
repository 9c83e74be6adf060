"""Out-of-fold predictions, and what the stacked systems make of a picture."""

import numpy as np
import pytest
import torch

from models.parts.boosting import Trees
from models.parts.loop import Run
from models.parts.stacking import Base
from models.xgb_conv1d import Conv1dMLP
from models.xgb_mlp import MLP
from pipeline.base.errors import UserError
from tests.models.small import SMALL, STACK, TREES, build, make, make_examples, rmse, with_y
from tests.oracles import xgb_conv1d as conv1d_oracle
from tests.oracles import xgb_mlp as mlp_oracle

pytestmark = pytest.mark.slow

TRAIN, VALIDATION, TEST = make_examples(300, 1), make_examples(60, 2), make_examples(200, 3)
STACKED = ["xgb_mlp", "xgb_conv1d"]


def base(stack="out_of_fold", folds=4, **arguments):
    return Base(Trees(**{**TREES, **arguments}), features=["tabular"], stack=stack, folds=folds, seed=0)


@pytest.mark.parametrize("row", [0, 7, 299])
def test_a_rows_own_target_does_not_reach_its_prediction(row):
    y = TRAIN.y.copy()
    y[row] += 1000
    before, after = base().fit(TRAIN, VALIDATION), base().fit(with_y(TRAIN, y), VALIDATION)
    assert after[row] == before[row]
    assert np.abs(after - before).max() > 1
    naive = [base("in_sample").fit(part, VALIDATION)[row] for part in (TRAIN, with_y(TRAIN, y))]
    assert naive[0] != naive[1]


def test_out_of_fold_predictions_err_as_on_new_posts():
    """In sample they look better than they are; that is the reason for folds."""
    deep = {"max_depth": 6, "n_estimators": 150}
    held_out, naive = base(**deep).fit(TRAIN, VALIDATION), base("in_sample", **deep)
    assert rmse(naive.fit(TRAIN, VALIDATION), TRAIN) < 0.5 * rmse(held_out, TRAIN)
    assert rmse(naive.predict(TEST), TEST) == pytest.approx(rmse(held_out, TRAIN), rel=0.25)


def test_other_rows_are_predicted_from_all_training_rows():
    first, second = base(), base("in_sample")
    first.fit(TRAIN, VALIDATION)
    second.fit(TRAIN, VALIDATION)
    np.testing.assert_array_equal(first.predict(TEST), second.predict(TEST))


def test_searched_settings_serve_the_folds():
    searched, plain = base(grid={"n_estimators": [1, 30]}), base(n_estimators=30)
    np.testing.assert_array_equal(searched.fit(TRAIN, VALIDATION), plain.fit(TRAIN, VALIDATION))


def vivid(posts):
    """The same posts where the picture decides most of the target."""
    return with_y(posts, posts.y + 4 * np.nan_to_num(posts.features["stats"].values[:, 0]))


@pytest.mark.parametrize("name", [*STACKED, "xgb_clip_pca"])
def test_a_picture_that_matters_beats_the_tabular_base(name):
    more = {"components": 11, "n_estimators": 100} if name == "xgb_clip_pca" else {"epochs": 20}
    train, validation, test = vivid(TRAIN), vivid(VALIDATION), vivid(TEST)
    tabular, seeing = make("xgboost"), make(name, **more)
    for system in (tabular, seeing):
        system.fit(train, validation)
    assert rmse(seeing.predict(test), test) < 0.9 * rmse(tabular.predict(test), test)


@pytest.mark.parametrize("name", STACKED)
def test_the_paper_s_sizes_are_the_defaults(name):
    arguments = {k: SMALL[name][k] for k in ("features", "trees", "folds")}
    system = build(name, **arguments, epochs=1)
    system.fit(TRAIN, VALIDATION)
    numbers = 1 + 6 + 2  # base prediction, clip, stats
    if name == "xgb_mlp":
        dense = numbers * 128 + 128 + 128 * 64 + 64 + 64 + 1
        assert system.report()["parameters"] == dense + 2 * (128 + 64)
    assert system.report()["steps"] == 10  # 300 posts in batches of 32
    assert system.report()["base_trees"] == TREES["n_estimators"]


@pytest.mark.parametrize("name", STACKED)
def test_patience_takes_the_best_weights_back(name):
    noise = with_y(VALIDATION, np.random.default_rng(0).permutation(VALIDATION.y))
    system = make(name, epochs=200, patience=2)
    system.fit(TRAIN, noise)
    assert system.report()["steps"] < 200 * 10
    assert rmse(system.predict(noise), noise) == pytest.approx(system.report()["validation_rmse"], rel=1e-3)


@pytest.mark.parametrize("name", STACKED)
def test_a_checkpoint_changes_nothing_and_serves_the_same_training_again(name, tmp_path, monkeypatch):
    plain, kept = make(name), make(name, checkpoint=tmp_path / "state")
    plain.fit(TRAIN, VALIDATION)
    kept.fit(TRAIN, VALIDATION)
    np.testing.assert_array_equal(kept.predict(TEST), plain.predict(TEST))
    monkeypatch.setattr(Run, "_step", None)
    again = make(name, checkpoint=tmp_path / "state")
    again.fit(TRAIN, VALIDATION)
    np.testing.assert_array_equal(again.predict(TEST), plain.predict(TEST))
    assert again.curve() == plain.curve()


@pytest.mark.parametrize("name", STACKED)
def test_patience_without_validation_is_said_before_the_base_is_trained(name, monkeypatch):
    monkeypatch.setattr(Base, "fit", None)
    with pytest.raises(UserError, match="patience: needs a validation part"):
        make(name, patience=2).fit(TRAIN, VALIDATION.take(np.arange(0)))


@pytest.mark.parametrize("name", STACKED)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": {"base": ["tabular"]}}, "expected two lists"),
        ({"features": {"base": ["tabular"], "head": []}}, "expected two lists"),
        ({"features": {**STACK["features"], "tail": ["clip"]}}, "expected two lists"),
        ({"trees": {"depth": 3}}, r"trees\.depth: nothing reads this key; did you mean 'max_depth'"),
        ({"trees": {"max_depth": "deep"}}, r"trees\.max_depth: 'deep' is not int"),
        ({"trees": {"seed": 3}}, r"trees\.seed: nothing reads this key"),
        ({"folds": 1}, "folds: 1 cannot be; give 2 or more"),
    ],
)
def test_what_cannot_be(name, change, message):
    with pytest.raises(UserError, match=message):
        make(name, **change)


def test_even_kernels_have_no_middle():
    with pytest.raises(UserError, match="kernel: 4"):
        make("xgb_conv1d", kernel=4)


def stirred(network, seed=0):
    """The network with every parameter and statistic of batch norm away from where it starts."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.state_dict().values():
        if tensor.dtype.is_floating_point:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
            tensor.mul_(
                torch.where(torch.rand(tensor.shape, generator=generator) < 0.3, -1, 1) if tensor.ndim > 1 else 1
            )
    return network.double().eval()


def normalisation(layer, i):
    arrays = {"gamma": layer.weight, "beta": layer.bias, "mu": layer.running_mean, "var": layer.running_var}
    return {f"{name}_{i}": tensor.detach().numpy() for name, tensor in arrays.items()}


def outputs(network, base_prediction, picture):
    with torch.no_grad():
        return network(base=torch.tensor(base_prediction)[:, None], picture=torch.tensor(picture)).numpy()


@pytest.fixture
def rows():
    rng = np.random.default_rng(4)
    return rng.normal(size=5), rng.normal(size=(5, 7))


def test_xgb_mlp_is_the_oracle(rows):
    network = stirred(MLP(1, 7, hidden=[6, 4], dropout=0.5))
    first, norm1, _, _, second, norm2, _, _ = network.hidden
    parameters = {**normalisation(norm1, 1), **normalisation(norm2, 2)}
    for i, layer in enumerate((first, second, network.output), 1):
        parameters |= {f"W_{i}": layer.weight.detach().numpy(), f"b_{i}": layer.bias.detach().numpy()}
    np.testing.assert_allclose(outputs(network, *rows), mlp_oracle.forward(parameters, *rows), rtol=1e-10)


def test_xgb_conv1d_is_the_oracle(rows):
    network = stirred(Conv1dMLP(1, 7, channels=[3, 2], kernel=3, hidden=[5], dropout=0.75))
    parameters = {}
    for i in (1, 2):
        convolution, norm = network.convolutions[3 * (i - 1)], network.convolutions[3 * (i - 1) + 1]
        parameters |= {f"K_{i}": convolution.weight.detach().numpy(), f"c_{i}": convolution.bias.detach().numpy()}
        parameters |= normalisation(norm, i)
    for i, layer in enumerate((network.dense[0], network.dense[-1]), 1):
        parameters |= {f"W_{i}": layer.weight.detach().numpy(), f"b_{i}": layer.bias.detach().numpy()}
    np.testing.assert_allclose(outputs(network, *rows), conv1d_oracle.forward(parameters, *rows), rtol=1e-10)
