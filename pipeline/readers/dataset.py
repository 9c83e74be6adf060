"""The reader that the `dataset` section names, made from its keys."""

from dataclasses import fields
from pathlib import Path

from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.base.sections import Dataset
from pipeline.readers.base import CANONICAL, Reader, reader_class


def make(dataset: Dataset, root: Path) -> Reader:
    """The reader of a dataset; its path starts from `root`.

    Raises `UserError` for a key nothing reads, a missing one, a value that cannot be, or a target that is a column
    of something else than numbers.
    """
    taken = [target for target in dataset.targets if CANONICAL.get(target, "number") not in ("number", "count")]
    if taken:
        raise UserError(f"dataset.targets.{taken[0]}: this column holds no numbers; choose a count or a score")
    cls, shared = reader_class(dataset.reader), [field.name for field in fields(Dataset) if field.name != "keys"]
    return cls(**bind("dataset", cls, dataset.keys, known=shared, path=str(root / dataset.path)))
