import copy

import pytest
import torch
from torch import nn

from features.parts.folding import folded

PIXELS = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def learned(network):
    """The network with norms that have seen something."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_mean, module.weight.data, module.bias.data):
                values.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def encode(network, pixels):
    return network(pixels)


def norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


class Backwards(nn.Module):
    """Its norm stands behind its convolution, and is asked before it."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, pixels):
        return self.convolution(self.norm(pixels))


def test_norms_behind_convolutions_go_and_values_stay():
    network = learned(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 1)))
    before = copy.deepcopy(network.state_dict())
    lighter = folded(network, encode, PIXELS)
    assert (norms(network), norms(lighter)) == (1, 0)
    with torch.inference_mode():
        torch.testing.assert_close(lighter(PIXELS), network(PIXELS), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18"])
def test_timms_activations_stay(name):
    import timm

    network = learned(timm.create_model(name, num_classes=0))
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    lighter = folded(network, encode, pixels)
    assert norms(lighter) == 0 < norms(network)
    with torch.inference_mode():
        found, expected = lighter(pixels), network(pixels)
    assert float((found - expected).abs().max()) < 1e-3 * float(expected.abs().max())


def test_a_network_that_asks_them_in_another_order_stays_as_it_is():
    network = learned(Backwards())
    assert folded(network, encode, PIXELS) is network


def test_norms_of_other_widths_or_without_memory_stay():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    assert norms(folded(network, encode, PIXELS)) == 1
    shuffled = nn.Sequential(nn.Conv2d(3, 4, 1), nn.PixelShuffle(2), nn.BatchNorm2d(1))
    assert norms(folded(learned(shuffled), encode, PIXELS)) == 1
