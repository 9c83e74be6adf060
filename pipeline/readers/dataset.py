"""The reader that the `dataset` section names, made from its keys."""

from dataclasses import fields
from pathlib import Path

from pipeline.base import params, targets
from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.base.sections import Dataset
from pipeline.readers.base import CANONICAL, Reader, reader_class
from pipeline.readers.parts.times import TimeForm

NUMBERS = ("number", "measure", "count")
"""Kinds of columns that a target may be."""


def make(dataset: Dataset, root: Path) -> Reader:
    """The reader of a dataset; its path starts from `root`.

    Raises `UserError` for a key nothing reads, a missing one, a value that cannot be, a target that is a column
    of something else than numbers, or one that is left out.
    """
    taken = [target for target in dataset.targets if CANONICAL.get(target, "number") not in NUMBERS]
    if taken:
        raise UserError(f"dataset.targets.{taken[0]}: this column holds no numbers; choose a count or a score")
    if needed := {"post_id", *targets.columns_needed(dataset.targets)} & set(dataset.leave_out):
        raise UserError(f"dataset.leave_out: '{min(needed)}' is needed: it names a post, or a target is made of it")
    times(dataset)
    cls = reader_class(dataset.reader)
    shared = [params.IS, *(field.name for field in fields(Dataset) if field.name not in ("keys", "claims"))]
    return cls(**bind("dataset", cls, dataset.keys, known=shared, path=str(root / dataset.path)))


def times(dataset: Dataset) -> TimeForm:
    """How the times of a dataset are written. Raises `UserError` for a form or a zone that is none."""
    return TimeForm(dataset.time_format, dataset.time_zone)
