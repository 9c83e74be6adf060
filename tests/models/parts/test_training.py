"""The training loop: seeds, odd batches, stopping, resuming, and what it leaves behind."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from models.parts import training
from models.parts.batches import Tensors, cut, load, pieces, shuffled
from models.parts.loop import Run, Training
from models.parts.optimizers import OPTIMIZERS
from models.parts.training import few_threads, fit_network, predict_network, seeded, squared_error
from pipeline.base.errors import UserError

pytestmark = pytest.mark.slow


class Network(nn.Module):
    """Two inputs, batch norm and dropout: everything that makes training delicate."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))

    def forward(self, a, b):
        return self.layers(torch.cat([a, b], dim=1)).squeeze(1)


def data(n=70, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 2)), rng.normal(size=(n, 1))
    return Tensors({"a": a, "b": b, "y": 2 * a[:, 0] - b[:, 0] + rng.normal(0, 0.1, n)})


def noise(n, seed=0):
    rng = np.random.default_rng(seed)
    return Tensors({name: rng.normal(size=(n, *shape)) for name, shape in {"a": (2,), "b": (1,), "y": ()}.items()})


def fit(seed=0, train=None, validation=None, loss=squared_error, workers=0, checkpoint=None, **knobs):
    with seeded(seed):
        network = Network()
    knobs = Training(**{"batch_size": 16, "learning_rate": 0.02, **knobs})
    options = {"loss": loss, "seed": seed, "workers": workers, "checkpoint": checkpoint}
    return network, fit_network(network, train or data(), validation, knobs, **options)


def weights(network):
    return torch.cat([v.flatten().double() for v in network.state_dict().values()])


def test_learns():
    network, curve = fit(epochs=40, validation=data(50, seed=1))
    test = data(200, seed=2)
    prediction = predict_network(network, test)
    y = test[range(200)]["y"].numpy()
    assert np.mean((prediction - y) ** 2) < 0.3 * y.var()
    assert curve.validation[-1] < curve.validation[0]
    assert curve.step == [5 * (i + 1) for i in range(40)]  # 70 rows in batches of 16


def test_same_seed_same_weights_and_another_seed_others():
    first, second, other = fit()[0], fit()[0], fit(seed=1)[0]
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))


def test_global_randomness_is_neither_used_nor_moved():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = fit()[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert torch.equal(weights(first), weights(fit()[0]))


def test_worker_processes_change_nothing():
    assert torch.equal(weights(fit(epochs=2)[0]), weights(fit(epochs=2, workers=1)[0]))


@pytest.mark.parametrize("n", [1, 2, 17, 33])
def test_no_batch_has_one_row(n):
    network, _ = fit(train=data(n), epochs=2)
    assert np.isfinite(predict_network(network, data(3))).all()


@pytest.mark.parametrize("n", [1, 16, 17, 18, 32, 33, 50])
def test_every_row_is_drawn_once_an_epoch(n):
    batches = shuffled(n, 16, [0, 0])
    rows = sorted(row for batch in batches for row in batch)
    assert rows == (list(range(n)) if n > 1 else [0, 0])
    assert min(map(len, batches)) > 1
    assert n < 8 or batches != shuffled(n, 16, [0, 1])


@pytest.mark.parametrize(
    ("n", "number", "sizes"),
    [(8, 1, [8]), (8, 3, [3, 3, 2]), (7, 3, [3, 2, 2]), (5, 9, [3, 2]), (3, 2, [3]), (2, 2, [2]), (1, 4, [1])],
)
def test_pieces_have_every_row_and_none_has_one(n, number, sizes):
    batch = np.random.default_rng(0).permutation(n).tolist()
    cut_up = pieces(batch, number)
    assert [len(piece) for piece in cut_up] == sizes
    assert [row for piece in cut_up for row in piece] == batch


def plain():
    """Three layers with neither dropout nor batch norm: rows know nothing of each other."""
    torch.manual_seed(0)
    network = Network()
    network.layers[1], network.layers[3] = nn.Identity(), nn.Tanh()
    return network


def penalised(network, batch):
    """A loss with a part that no row has."""
    return squared_error(network, batch) + 0.1 * sum(p.square().sum() for p in network.parameters())


@pytest.mark.parametrize("loss", [squared_error, penalised])
@pytest.mark.parametrize("accumulate", [2, 3, 100])
def test_a_batch_in_pieces_is_the_same_step(loss, accumulate):
    """Of 70 rows in batches of 16 the last has 6, and most cannot be cut evenly."""
    learned = []
    for number in (1, accumulate):
        network, knobs = plain(), Training(batch_size=16, accumulate=number, epochs=4, learning_rate=0.01)
        curve = fit_network(network, data(), data(40, seed=1), knobs, loss=loss)
        learned.append((weights(network).numpy(), curve))
    (whole, expected), (cut_up, curve) = learned
    np.testing.assert_allclose(cut_up, whole, rtol=0, atol=1e-6)
    np.testing.assert_allclose(curve.train, expected.train, rtol=1e-5)
    np.testing.assert_allclose(curve.validation, expected.validation, rtol=1e-5)
    assert curve.step == expected.step == [5, 10, 15, 20]


def test_no_piece_is_larger_than_memory_allows():
    sizes = []

    def seen(network, batch):
        sizes.append(len(batch["y"]))
        return squared_error(network, batch)

    fit(loss=seen, accumulate=4, epochs=1)
    assert sizes == [4] * 4 * 4 + [2] * 3


def test_cut_keeps_order():
    assert cut(np.arange(5), 2) == [[0, 1], [2, 3], [4]]


def test_stops_and_takes_the_best_back():
    """Noise cannot be learned, so the validation loss soon rises."""
    train, validation = noise(64), noise(40, seed=1)
    network, curve = fit(train=train, validation=validation, epochs=300, patience=3, validate_every=5)
    assert len(curve.validation) < 240
    assert curve.step == [5 * (i + 1) for i in range(len(curve.step))]
    assert int(np.argmin(curve.validation)) == len(curve.validation) - 4
    with torch.no_grad():
        loss = squared_error(network, validation[range(40)])
    assert float(loss) == pytest.approx(min(curve.validation), rel=1e-5)
    assert float(loss) < curve.validation[-1]


def test_takes_the_best_back_where_epochs_end_before_patience_does():
    validation = noise(40, seed=1)
    network, curve = fit(train=noise(64), validation=validation, epochs=10, patience=100)
    assert len(curve.validation) == 10
    assert min(curve.validation) < curve.validation[-1]
    with torch.no_grad():
        loss = squared_error(network, validation[range(40)])
    assert float(loss) == pytest.approx(min(curve.validation), rel=1e-5)


@pytest.mark.parametrize("validation", [None, data(0)])
def test_patience_needs_something_to_watch(validation):
    with pytest.raises(
        UserError, match=r"training\.patience: needs a validation part; give split\.ratios one or set it to null"
    ):
        fit(validation=validation, patience=3)
    assert fit(validation=validation, epochs=1)[1].step == [5]


def test_without_patience_the_last_weights_stay():
    network, curve = fit(validation=data(40, seed=1), epochs=4)
    with torch.no_grad():
        assert float(squared_error(network, data(40, seed=1)[range(40)])) == pytest.approx(curve.validation[-1], 1e-5)


def test_validates_at_the_end_whatever_the_interval():
    assert fit(epochs=3, validate_every=1000)[1].step == [15]
    assert fit(epochs=3, validate_every=4)[1].step == [4, 8, 12, 15]


@pytest.mark.parametrize("settings", [{}, {"validate_every": 3}, {"patience": 50}])
def test_goes_on_after_a_kill_as_if_nothing_had_happened(settings, tmp_path):
    validation = data(40, seed=1)
    whole, curve = fit(validation=validation, epochs=6, **settings)
    calls = iter(range(10**6))

    def fragile(network, batch):
        if next(calls) == 29:
            raise KeyboardInterrupt
        return squared_error(network, batch)

    fragile.__qualname__ = squared_error.__qualname__  # the same loss, as far as anyone can tell
    keep = {"validation": validation, "epochs": 6, "checkpoint": tmp_path / "state", **settings}
    with pytest.raises(KeyboardInterrupt):
        fit(loss=fragile, **keep)
    assert len(list((tmp_path / "state").iterdir())) == 1
    steps = []

    def counting(network, batch):
        steps.append(network.training)
        return squared_error(network, batch)

    counting.__qualname__ = squared_error.__qualname__
    resumed, resumed_curve = fit(loss=counting, **keep)
    assert torch.equal(weights(resumed), weights(whole))
    assert resumed_curve == curve
    assert sum(steps) < 30  # of 6 * 5
    assert len(list((tmp_path / "state").iterdir())) == 1
    steps.clear()
    again, again_curve = fit(loss=counting, **keep)
    assert not steps
    assert torch.equal(weights(again), weights(whole))
    assert again_curve == curve


def test_a_finished_training_keeps_its_weights_and_no_more(tmp_path):
    network, _ = fit(epochs=2, validation=data(40, seed=1), patience=5, checkpoint=tmp_path)
    (file,) = tmp_path.iterdir()
    state = torch.load(file, weights_only=True)
    assert set(state) == {"network", "optimizer", "at"}
    assert state["optimizer"] is None
    for name, value in network.state_dict().items():
        assert torch.equal(state["network"][name], value)


def test_a_kill_between_the_last_validation_and_the_end_repeats_nothing(tmp_path, monkeypatch):
    """The state then is one of a training that has no epoch left, its best weights still beside the last."""
    arguments = {"epochs": 30, "validation": noise(40, seed=1), "train": noise(64), "patience": 2}
    whole, curve = fit(**arguments)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "finish", lambda run: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            fit(**arguments, checkpoint=tmp_path)
    monkeypatch.setattr(Run, "_step", None)
    resumed, resumed_curve = fit(**arguments, checkpoint=tmp_path)
    assert torch.equal(weights(resumed), weights(whole))
    assert resumed_curve == curve


WATCHED = {"validation": data(30, seed=5), "patience": 9}


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        ({}, {"seed": 1}),
        ({}, {"weight_decay": 0.1}),
        ({}, {"train": data(71)}),
        ({}, {"validation": data(30, seed=5)}),
        (WATCHED, {"validation": data(30, seed=6)}),
        (WATCHED, {"validation": data(31, seed=5)}),
    ],
)
def test_another_training_does_not_take_the_state(settings, change, tmp_path):
    def broken(network, batch):
        loss = squared_error(network, batch)
        broken.calls += 1
        if broken.calls == 12:
            raise KeyboardInterrupt
        return loss

    broken.calls = 0
    broken.__qualname__ = squared_error.__qualname__
    with pytest.raises(KeyboardInterrupt):
        fit(loss=broken, epochs=3, checkpoint=tmp_path, **settings)
    assert list(tmp_path.iterdir())
    resumed, curve = fit(epochs=3, checkpoint=tmp_path, **{**settings, **change})
    whole, expected = fit(epochs=3, **{**settings, **change})
    assert torch.equal(weights(resumed), weights(whole))
    assert curve == expected


def test_a_loss_that_is_no_number_ends_in_one_line():
    with pytest.raises(UserError, match=r"lower training\.learning_rate"):
        fit(loss=lambda network, batch: squared_error(network, batch) * float("nan"))


def test_a_loss_of_ones_own():
    """A ranker calls its network on two rows of one batch."""
    network = nn.Linear(2, 1, bias=False)
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(1, 1, (64, 2)), rng.normal(-1, 1, (64, 2))

    def hinge(scorer, batch):
        return torch.relu(1 - scorer(batch["positive"]) + scorer(batch["negative"])).mean()

    pairs = Tensors({"positive": positive, "negative": negative})
    training = Training(optimizer="adagrad", learning_rate=0.1, epochs=20, batch_size=8)
    curve = fit_network(network, pairs, training=training, loss=hinge)
    assert curve.train[-1] < 0.5 * curve.train[0]
    assert not curve.validation
    assert (network.weight > 0).all()


def test_arguments_reach_the_optimiser():
    assert not torch.equal(weights(fit()[0]), weights(fit(weight_decay=0.5)[0]))
    learned = [weights(fit(optimizer=optimizer)[0]) for optimizer in OPTIMIZERS]
    assert len({tuple(of.flatten().tolist()) for of in learned}) == len(OPTIMIZERS) > 1


PYTORCH_S = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimisers_step_as_pytorch_s_do(optimizer):
    networks = []
    for make in (OPTIMIZERS[optimizer], PYTORCH_S[optimizer]):
        torch.manual_seed(0)
        network = nn.Linear(4, 3)
        stepping = make(network.parameters(), lr=0.05, weight_decay=0.01)
        for _ in range(5):
            stepping.zero_grad()
            network(torch.randn(8, 4)).square().mean().backward()
            stepping.step()
        networks.append(network)
    assert torch.equal(networks[0].weight, networks[1].weight)
    assert torch.equal(networks[0].bias, networks[1].bias)


def test_a_penalty_may_spare_biases_and_norms():
    """A penalty so strong that whatever it is on goes to zero."""
    knobs = {"weight_decay": 1000.0, "epochs": 60, "learning_rate": 0.01}
    for decayed, spared in (("all", False), ("weights", True)):
        network, _ = fit(decayed=decayed, **knobs)
        for parameter in network.parameters():
            zero = parameter.abs().max() < 0.05
            assert zero == (parameter.dim() > 1 or not spared) or (spared and parameter.dim() == 1)
        assert (network.layers[1].weight.abs().max() > 0.5) == spared


def test_predicting_is_deterministic_and_leaves_the_network_on_the_cpu():
    network, _ = fit(epochs=1)
    network.train()
    many, few = predict_network(network, data(20)), predict_network(network, data(20), batch_size=3)
    np.testing.assert_allclose(many, few, rtol=1e-5, atol=1e-6)
    assert not network.training
    assert predict_network(network, Tensors({"a": np.empty((0, 2)), "b": np.empty((0, 1))})).shape == (0,)


def test_nothing_is_left_in_the_folder_or_on_the_terminal(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    fit(epochs=2)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_arrays_must_have_the_same_length():
    with pytest.raises(ValueError, match="different lengths"):
        Tensors({"a": np.zeros(3), "b": np.zeros(4)})


@pytest.mark.parametrize(("width", "threads"), [(10, 1), (1000, 2)])
def test_small_networks_take_one_thread(width, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with few_threads(nn.Linear(width, width)):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_predictions_on_a_card_do_not_come_in_the_steps_of_bf16(monkeypatch):
    """With the CPU in the card's place: bf16 has eight bits, which leave few different ones of a thousand numbers."""
    network, _ = fit(epochs=2)
    here, autocast = predict_network(network, data(1000)), torch.autocast
    assert len(np.unique(here)) > 900
    monkeypatch.setattr(nn.Module, "to", lambda self, *_: self)
    monkeypatch.setattr(training, "load", lambda data, batches, device, workers: load(data, batches, "cpu", workers))
    monkeypatch.setattr(
        torch, "autocast", lambda device, dtype=None, enabled=True: autocast("cpu", torch.bfloat16, enabled=enabled)
    )
    with torch.autocast("cuda", torch.bfloat16):  # as training has it
        np.testing.assert_array_equal(predict_network(network, data(1000), device="cuda"), here)
        batch = {name: values for name, values in data(1000)[list(range(1000))].items() if name != "y"}
        assert len(np.unique(network(**batch).float().detach().numpy())) < 800


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a card")
def test_predictions_on_a_card_are_as_fine_as_here():
    network, _ = fit(epochs=2)
    here = predict_network(network, data(1000))
    there = predict_network(network, data(1000), device="cuda")
    assert len(np.unique(there)) > 900
    np.testing.assert_allclose(there, here, rtol=2e-3, atol=2e-3)
