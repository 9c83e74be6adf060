"""Words and regions in one transformer: what is read and what is not; InfoNCE against plain NumPy."""

import numpy as np
import pytest
import torch

from models.parts.fusion import Fusion, Shape, info_nce
from tests.models.pictures import drawn
from tests.oracles import rivals as oracle

B, W, R, V = 5, 4, 3, 6


def network(text=None, image=None):
    torch.manual_seed(0)
    options = {"width": 8, "layers": 2, "heads": 2, "dropout": 0.5}
    return drawn(Fusion(text or Shape(W, words=9), image or Shape(R, numbers=V), **options))


def draw():
    """Texts and pictures; the first post lacks its words, the second its picture, the third both."""
    torch.manual_seed(1)
    words, regions = torch.randint(2, 9, (B, W)), torch.randn(B, R, V).double()
    words[:, 2:], words[[0, 2]], regions[[1, 2]], regions[3, 0] = 0, 0, np.nan, np.nan
    return words, regions


def test_padding_and_missing_regions_are_as_if_left_out():
    made, (words, regions) = network(), draw()
    z, there = made(words, regions)
    assert there.tolist() == [False, True, False, True, True]
    assert z.isfinite().all()
    short = network(text=Shape(2, words=9))
    state = {k: v[:2] if k == "text.place" else v for k, v in made.state_dict().items()}
    short.load_state_dict(state)
    np.testing.assert_allclose(short(words[:, :2], regions)[0].detach(), z.detach(), atol=1e-9)
    alone = made(words[2:3], regions[2:3])[0]  # the first token and nothing else
    np.testing.assert_allclose(alone.detach(), z[2:3].detach(), atol=1e-9)


def test_places_words_and_regions_all_count():
    made, (words, regions) = network(), draw()
    z = made(words, regions)[0]
    turned, other = words.clone(), regions.clone()
    turned[:, :2], other[:, 2] = words[:, :2].flip(1), 9
    assert not torch.allclose(made(turned, regions)[0][4], z[4])
    assert not torch.allclose(made(words, other)[0][4], z[4])
    z.square().sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_the_first_token_went_through_pytorchs_layers():
    made, (words, regions) = network(), draw()
    post = 4  # two words, three regions
    tokens = [made.first, *(made.text.words(words[post]) + made.text.place)[:2]]
    tokens += [*made.image.vectors(regions[post]) + made.image.place]
    x = torch.stack(tokens)[None]
    for layer in made.layers.layers:
        normed = layer.norm1(x)
        x = x + layer.self_attn(normed, normed, normed)[0]
        x = x + layer.linear2(torch.nn.functional.gelu(layer.linear1(layer.norm2(x))))
    expected = made.layers.norm(x)[0, 0].detach()
    np.testing.assert_allclose(made(words, regions)[0][post].detach(), expected, atol=1e-9)


def test_a_vector_a_post_is_one_token():
    made, (words, _) = network(image=Shape(1, numbers=V)), draw()
    vectors = torch.randn(B, V).double()
    np.testing.assert_allclose(made(words, vectors)[0].detach(), made(words, vectors[:, None])[0].detach())


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_info_nce_equals_plain_numpy(temperature):
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 6, 4))
    said = info_nce(torch.tensor(one), torch.tensor(other), temperature)
    assert float(said) == pytest.approx(oracle.info_nce(one, other, temperature))
    assert float(info_nce(torch.tensor(one), torch.tensor(one), 1e-3)) == pytest.approx(0, abs=1e-6)
    assert float(info_nce(torch.ones(6, 4), torch.ones(6, 4), temperature)) == pytest.approx(np.log(6))


def test_info_nce_passes_gradcheck():
    torch.manual_seed(0)
    pair = [torch.randn(5, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda one, other: info_nce(one, other, 0.07), pair)
