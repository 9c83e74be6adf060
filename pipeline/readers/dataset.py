"""The `dataset` section of params.yaml: keys every dataset has, and those of its reader."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.base import targets
from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.readers.base import CANONICAL, Reader, reader_class


@dataclass(frozen=True)
class DatasetParams:
    """The `dataset` section, checked: what every dataset has, and the keys of its reader."""

    reader_name: str
    path: str
    targets: dict[str, str]
    max_dropped: float
    draw: int | None
    reader_keys: dict[str, Any]

    def reader(self, root: Path) -> Reader:
        """The reader of this dataset; its path starts from `root`."""
        return reader_class(self.reader_name)(path=str(root / self.path), **self.reader_keys)


def _common(
    *,
    reader: str,
    name: str,
    path: str,
    targets: dict[str, str],
    max_dropped: float = 0.05,
    missing: Literal["fail", "drop"] = "fail",
    draw: int | None = None,
) -> None:
    """The keys of the `dataset` section that every reader shares."""


def bind_dataset(section: Mapping[str, Any]) -> DatasetParams:
    """Check the `dataset` section: common keys, the reader's own, and the transforms of the targets.

    Raises `UserError` for a key nothing reads, a missing one, or a value that cannot be.
    """
    if not isinstance(section, Mapping):
        raise UserError("dataset: expected keys reader, name, path, targets")
    cls = reader_class(str(section.get("reader")))
    bound = bind("dataset", _all_keys(cls), section)
    for name in bound["targets"].values():
        targets.Transform(name)
    if not bound["targets"]:
        raise UserError("dataset.targets: name at least one column and its transform, such as 'likes: log2p1'")
    taken = [t for t in bound["targets"] if CANONICAL.get(t, "number") not in ("number", "count")]
    if taken:
        raise UserError(f"dataset.targets.{taken[0]}: this column holds no numbers; choose a count or a score")
    if not 0 <= bound.get("max_dropped", 0) <= 1:
        raise UserError(f"dataset.max_dropped: {bound['max_dropped']} is no share between 0 and 1")
    draw = bound.get("draw")
    if draw is not None and draw < 1:
        raise UserError(f"dataset.draw: {draw} is less than 1; null keeps all posts")
    keys = {key: value for key, value in bound.items() if key not in inspect.signature(_common).parameters}
    return DatasetParams(bound["reader"], bound["path"], bound["targets"], bound.get("max_dropped", 0.05), draw, keys)


def _all_keys(cls: type[Reader]) -> Any:
    """A callable whose keyword arguments are the common keys and those of a reader."""

    def section(**keys: Any) -> None: ...

    own = {name: p for name, p in inspect.signature(cls).parameters.items() if name != "path"}
    both = {**inspect.signature(_common).parameters, **own}
    section.__signature__ = inspect.Signature(
        [inspect.Parameter(n, p.KEYWORD_ONLY, default=p.default, annotation=p.annotation) for n, p in both.items()]
    )
    section.__annotations__ = {**_common.__annotations__, **{n: p.annotation for n, p in own.items()}}
    return section
