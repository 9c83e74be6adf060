"""PyTorch's optimisers, without the seconds that importing its compiler takes."""

import inspect
from functools import partial

import torch
from torch.optim import Optimizer


def _bare(kind: type[Optimizer]) -> type[Optimizer]:
    """An optimiser whose methods do not import PyTorch's compiler only to switch it off."""
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))})


# Fused: one pass over weights and moments, a quarter of the time where tables of words are large.
OPTIMIZERS = {
    "adam": partial(_bare(torch.optim.Adam), fused=True),
    "adagrad": _bare(torch.optim.Adagrad),
    "rmsprop": _bare(torch.optim.RMSprop),
}
"""By the names that `training.optimizer` has."""
