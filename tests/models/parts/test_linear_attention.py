"""Attention of linear cost against plain NumPy, and the encoder layer against PyTorch's own."""

import numpy as np
import pytest
import torch
from torch import nn

from models.parts.linear_attention import Attention, LastStep, linformer, orthogonal, performer, softmax_attention
from tests.models.pictures import drawn
from tests.oracles import rivals as oracle

B, H, N, D = 2, 3, 6, 4
KINDS = ["linformer", "performer", "softmax"]
RNG = np.random.default_rng(0)
Q, K, V = (torch.tensor(RNG.normal(size=(B, H, steps, D))) for steps in (2, N, N))


def by_head(attend, *tensors):
    """What the oracle says of each sequence and head."""
    heads = [[attend(*(x[b, h].numpy() for x in tensors)) for h in range(H)] for b in range(B)]
    return np.array(heads)


def test_all_equal_plain_numpy():
    E, F, omega = (torch.tensor(RNG.normal(size=shape)) for shape in ((N, 3), (N, 3), (5, D)))
    np.testing.assert_allclose(softmax_attention(Q, K, V), by_head(oracle.softmax_attention, Q, K, V), atol=1e-12)
    theirs = by_head(lambda q, k, v: oracle.linformer(q, k, v, E.numpy(), F.numpy()), Q, K, V)
    np.testing.assert_allclose(linformer(Q, K, V, E, F), theirs, atol=1e-12)
    theirs = by_head(lambda q, k, v: oracle.performer(q, k, v, omega.numpy()), Q, K, V)
    np.testing.assert_allclose(performer(Q, K, V, omega), theirs, atol=1e-12)


def test_linformer_with_every_step_its_own_mixture_is_softmax_attention():
    eye = torch.eye(N, dtype=torch.float64)
    np.testing.assert_allclose(linformer(Q, K, V, eye, eye), softmax_attention(Q, K, V), atol=1e-12)


def test_performer_tends_to_softmax_attention_as_features_grow():
    torch.manual_seed(0)
    q, k = Q / 2, K / 2  # far out, exponents of few features decide
    full, errors = softmax_attention(q, k, V), []
    for rank in (8, 64, 512, 4096):
        tries = [performer(q, k, V, orthogonal(rank, D).double(), epsilon=0) - full for _ in range(8)]
        errors.append(float(torch.stack(tries).square().mean().sqrt()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02 < errors[0]


def test_features_are_at_right_angles_and_of_gaussian_lengths():
    torch.manual_seed(0)
    omega = orthogonal(4000, D)
    dots = omega[:D] @ omega[:D].T
    assert torch.allclose(dots, dots.diagonal().diag(), atol=1e-5)
    assert float(omega.square().sum(1).mean()) == pytest.approx(D, rel=0.05)
    assert torch.allclose(omega.T @ omega / len(omega), torch.eye(D), atol=0.1)
    assert torch.allclose(omega.mean(0), torch.zeros(D), atol=0.1)


@pytest.mark.parametrize("kind", ["performer", "softmax"])
def test_steps_that_are_not_there_are_as_if_left_out(kind):
    torch.manual_seed(0)
    attend = Attention(kind, steps=N, width=D, rank=7).double()
    present = torch.arange(N).expand(B, N) >= 2
    strange = K.clone()
    strange[:, :, :2] = 50.0
    without = attend(Q, K[:, :, 2:], V[:, :, 2:], present[:, 2:])
    np.testing.assert_allclose(attend(Q, strange, V, present), without, atol=1e-12)
    assert not attend(Q, strange, V, present & False).any()


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_where_no_step_is_does_not_matter(kind):
    torch.manual_seed(0)
    layer, x = drawn(LastStep(5, 8, steps=N, heads=2, kind=kind, rank=3, dropout=0.5)), torch.randn(3, N, 5).double()
    present = torch.arange(N) >= torch.tensor([[0], [4], [6]])
    other = torch.where(present.unsqueeze(-1), x, torch.randn(3, N, 5).double() * 30)
    one, two = layer(x, present), layer(other, present)
    assert torch.equal(one, two)
    assert one[:2].any(1).all()
    assert not one[2].any()
    one.square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_with_softmax_it_is_the_last_step_of_pytorchs_layer():
    layer, x = drawn(LastStep(5, 8, steps=N, heads=2, kind="softmax", rank=None, dropout=0.5)), torch.randn(3, N, 5)
    theirs = nn.TransformerEncoderLayer(8, 2, 32, batch_first=True).double().eval()
    own = layer.state_dict()
    names = {"self_attn.out_proj": "out", "linear1": "inner", "linear2": "outer", "norm1": "norms.0"}
    names |= {"norm2": "norms.1"}
    weights = {f"{to}.{kind}": own[f"{of}.{kind}"] for to, of in names.items() for kind in ("weight", "bias")}
    weights["self_attn.in_proj_weight"] = torch.cat([own[f"{name}.weight"] for name in ("query", "key", "value")])
    weights["self_attn.in_proj_bias"] = torch.zeros(24, dtype=torch.float64)
    theirs.load_state_dict(weights)
    present = torch.arange(N) >= torch.tensor([[0], [4], [1]])
    with torch.no_grad():
        expected = theirs(layer.step(x.double()) + layer.position, src_key_padding_mask=~present)[:, -1]
        np.testing.assert_allclose(layer(x.double(), present), expected, atol=1e-9)


@pytest.mark.parametrize(("kind", "rank"), [("linformer", 2), ("performer", 5)])
def test_ranks_that_nobody_gave(kind, rank):
    made = Attention(kind, steps=8, width=D, rank=None)
    assert (made.omega if kind == "performer" else made.keys.T).shape[0] == rank
    assert Attention(kind, steps=1, width=1, rank=None)
