"""Scores of `amnl`, `amnl_plus` and each ablation against plain NumPy; their loss."""

import numpy as np
import pytest
import torch

from models.parts.multimodal import Guided, Summed
from models.parts.social import NOBODY, MultiFaceted, Preferences, margin_loss
from tests.models.pictures import drawn
from tests.oracles import amnl as oracle

USERS, WORDS, V, E, K, D, A, SIDE, WINDOW, STEPS = 5, 9, 4, 3, 5, 6, 7, 3, 3, 3
SIZES = {"words": WORDS, "embedding": E, "states": K, "width": D}
LSTM = {"weight_ih_l0": "W_Wifgo", "weight_hh_l0": "W_Hifgo", "bias_ih_l0": "b_ifgo", "bias_hh_l0": "b_Hifgo"}
NAMES = {
    "preferences.users.table.weight": "U", "fusion.image.weight": "W_i", "fusion.text.weight": "W_d",
    "fusion.sentences.words.table.weight": "W_W", "fusion.from_image.weight": "W_j", "fusion.from_state.weight": "W_c",
    "fusion.output.weight": "W_z", "fusion.first": "l_0", "fusion.offsets": "offsets",
    **{f"fusion.sentences.words.lstm.{theirs}": ours for theirs, ours in LSTM.items()},
    **{f"fusion.recurrent.{theirs}": f"R_{ours}" for theirs, ours in LSTM.items()},
    **{f"{where}.attention.{part}": f"{ours}_{of}"
       for where, of in (("preferences", "s"), ("fusion", "t"))
       for part, ours in {"one.weight": "W", "one.bias": "b", "score.weight": "p"}.items()},
    "preferences.attention.other.weight": "W_n", "fusion.attention.other.weight": "W_u",
}  # fmt: skip
FOLLOWEES = [[2, 3, 4], [0], [], [3, 1], [0, 2, 3, 1]]
SENTENCES = [[[3, 4, 2], [5, 2], [6, 7, 8, 2]], [[1, 2]], [], [[7, 1, 2], [3, 2]]]
"""Of four posts, the last two of which have no sentence, and no picture."""
VARIANTS = {
    **{"amnl": {}, "amnl_image": {"text": False}, "amnl_text": {"image": False}, "amnl_no_social": {"social": False}},
    **{"amnl_plus": {}, "amnl_plus_image": {"text": False}, "amnl_plus_no_social": {"social": False}},
}


def weights(network):
    """The network's, by the oracle's names."""
    given = {NAMES[name]: value.numpy() for name, value in network.state_dict().items()}
    if "R_b_ifgo" in given:
        given |= {"R_W": given["R_W_Wifgo"], "R_H": given["R_W_Hifgo"], "R_b": given["R_b_ifgo"] + given["R_b_Hifgo"]}
    return {name: value[0] if name.startswith("p_") else value for name, value in given.items()}


def inputs():
    """Pictures, maps and padded sentences of the four posts."""
    rng = np.random.default_rng(3)
    f, x = rng.normal(size=(4, V)), rng.normal(size=(4, SIDE, SIDE, V))
    f[3], x[3] = np.nan, np.nan
    words = np.zeros((4, STEPS, 4), dtype=np.int64)
    for row, post in zip(words, SENTENCES, strict=True):
        for j in range(STEPS if post else 0):
            sentence = post[min(j, len(post) - 1)]
            row[j, : len(sentence)] = sentence
    return f, x, words


def network(name, *, image=True, text=True, social=True, vector=False):
    torch.manual_seed(0)
    words = {**SIZES, "words": WORDS if text else None}
    if "plus" in name:
        sizes = {"numbers": V, "image": V if vector else None, "space": A, "window": WINDOW, "steps": STEPS}
        fusion = Guided(**sizes, **words)
    else:
        fusion = Summed(numbers=V if image else None, **words)
    return drawn(MultiFaceted(Preferences(USERS + 1, D, A, social=social), fusion))


def given(name, *, image=True, text=True, social=True, vector=False):
    """What the network is called with: all users, each with all posts."""
    f, x, words = inputs()
    followees = np.full((USERS, 4), NOBODY)
    for row, own in zip(followees, FOLLOWEES, strict=True):
        row[: len(own)] = np.array(own, dtype=np.int64) + 1
    batch = {"users": np.arange(USERS) + 1, "lists": np.tile(np.arange(4), (USERS, 1))}
    batch |= {"followees": followees} if social else {}
    batch |= {"sentences": words} if text else {}
    batch |= {"regions": x.reshape(4, SIDE**2, V)} if "plus" in name else {}
    batch |= {"image": f} if (vector if "plus" in name else image) else {}
    return {key: torch.from_numpy(value) for key, value in batch.items()}


def expected(name, made, *, social=True, vector=False, **options):
    f, x, _ = inputs()
    w, z = weights(made), []
    for i in range(4):
        picture, regions = (None if np.isnan(part).any() else part for part in (f[i], x[i]))
        if "plus" in name:
            own = (picture if i < 3 else np.zeros(V)) if vector else None
            z.append(oracle.guided(w, regions, SENTENCES[i], f=own, steps=STEPS, window=WINDOW, **options).z)
        else:
            z.append(oracle.summed(w, picture, SENTENCES[i], **options))
    return [[oracle.score(w, u, FOLLOWEES[u], one, social=social) for one in z] for u in range(USERS)]


@pytest.mark.parametrize(
    ("name", "options"), [*VARIANTS.items(), ("amnl_plus", {"vector": True})], ids=[*VARIANTS, "amnl_plus and a vector"]
)
def test_scores_equal_plain_numpy(name, options):
    made = network(name, **options)
    with torch.no_grad():
        scores = made(**given(name, **options)).numpy()
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, expected(name, made, **options), atol=1e-9)


def test_locations_and_regions_equal_plain_numpy():
    made, (_, x, words) = network("amnl_plus"), inputs()
    with torch.no_grad():
        seen = made.fusion.look(torch.from_numpy(x.reshape(4, -1, V)), sentences=torch.from_numpy(words))
    for i in range(3):
        theirs = oracle.guided(weights(made), x[i], SENTENCES[i], steps=STEPS, window=WINDOW)
        np.testing.assert_allclose(seen.locations[i] * oracle.AMPLITUDE, theirs.locations, atol=1e-9)
        np.testing.assert_allclose(seen.regions[i], np.reshape(theirs.seen, (STEPS, -1)), atol=1e-9)


def test_the_loss_equals_plain_numpy_and_passes_gradcheck():
    scores = torch.tensor([[1.0, 0.5, 2.0], [0.2, -0.3, 0.1], [3, 0, 1]], dtype=torch.float64, requires_grad=True)
    theirs = [[oracle.loss(0.6, one[0], other) for other in one[1:]] for one in scores.tolist()]
    assert float(margin_loss(scores, 0.6).detach()) == pytest.approx(np.sum(theirs) / 3)
    assert torch.autograd.gradcheck(lambda given: margin_loss(given, 0.6), [scores])


@pytest.mark.parametrize("name", ["amnl", "amnl_plus"])
def test_gradients_of_everything_pass_gradcheck(name):
    """Through both fusions, the location among them, and attention over followees."""
    made, batch = network(name), given(name)
    for parameter in made.parameters():
        parameter.data.mul_(0.5)
    names = [key for key, parameter in made.named_parameters() if parameter.numel() < 80]
    assert {"preferences.attention.one.weight"} < set(names)

    def loss(*values):
        scores = torch.func.functional_call(made, dict(zip(names, values, strict=True)), kwargs=batch)
        return margin_loss(scores, 0.6)

    values = [made.get_parameter(key).detach().clone().requires_grad_() for key in names]
    assert torch.autograd.gradcheck(loss, values, fast_mode=True)
    loss(*values).backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in values)
