"""What kinds of metrics share: how those of a module are found, and ranks with ties."""

import inspect
import sys
from collections.abc import Callable

import numpy as np

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]


def functions_of(module: str) -> dict[str, Metric]:
    """Every public function of a module that is its own but `discover`, by name, in the order they stand there."""
    found = [
        (name, function)
        for name, function in inspect.getmembers(sys.modules[module], inspect.isfunction)
        if function.__module__ == module and name != "discover" and not name.startswith("_")
    ]
    return dict(sorted(found, key=lambda item: item[1].__code__.co_firstlineno))


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis less their mean; ties share their mean rank."""
    n = values.shape[-1]
    order, starts, lengths = runs(values)
    ranks = np.empty(values.size)
    ranks[order.ravel()] = np.repeat(starts % n + (lengths - 1) / 2, lengths)
    return (ranks - (n - 1) / 2).reshape(values.shape)


def runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ties along the last axis: flat positions in ascending order [r, n]; of each run of equal values start and length.

    Runs are numbered through all rows, in that order.
    """
    n = values.shape[-1]
    rows = values.reshape(-1, n)
    order = np.argsort(rows, axis=-1) + n * np.arange(len(rows))[:, None]
    ordered = rows.ravel()[order]
    first = np.ones(ordered.shape, dtype=bool)  # of each run of equal values
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    starts = np.flatnonzero(first)
    return order, starts, np.diff(starts, append=ordered.size)
