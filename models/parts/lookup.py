"""Values that are no numbers, such as users and categories, as numbers and as vectors that networks learn.

Shapes: n posts, d numbers a vector.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

UNSEEN = 0
"""Number of what no training post has, and of what is missing."""


class Known:
    """The values of a column that training posts have, numbered in the order in which they come."""

    def __init__(self, values: Sequence[str]):
        self.values = list(values)
        self._index = pd.Index(self.values, dtype="object")

    @classmethod
    def of(cls, column: pd.Series) -> "Known":
        """Those of a column of training posts."""
        return cls(column.dropna().unique().tolist())

    def __len__(self) -> int:
        """Numbers in use, `UNSEEN` among them."""
        return len(self.values) + 1

    def numbers(self, column: pd.Series) -> np.ndarray:
        """The numbers [n] of a column's values."""
        return self._index.get_indexer(pd.Index(column, dtype="object")) + 1 + UNSEEN


def numbered(posts: pd.DataFrame, known: Mapping[str, Known]) -> np.ndarray:
    """Several columns of posts as numbers [n, columns]."""
    columns = [of.numbers(posts[column]) for column, of in known.items()]
    return np.stack(columns, axis=1) if columns else np.empty((len(posts), 0), dtype=np.int64)


class Lookup(nn.Module):
    """A vector a value. Ours: values unseen in training have the mean of all vectors.

    As the zero vector they would be like no other, and guide no attention: every weight would be the same.
    """

    def __init__(self, values: int, width: int):
        """Of `values` numbers, the first of which stands for the unseen."""
        super().__init__()
        self.table = nn.Embedding(max(1, values - 1), width)

    def forward(self, values: Int[Tensor, "*b"]) -> Float[Tensor, "*b d"]:
        known = self.table((values - 1).clamp_min(0))  # [*b, d]
        unseen = values == UNSEEN  # [*b]
        if not unseen.any():  # the mean of a large table costs more than all that is looked up
            return known
        return torch.where(unseen.unsqueeze(-1), self.table.weight.mean(0), known)  # [*b, d]
