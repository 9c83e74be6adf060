"""params.yaml: read once, checked, every section bound to what reads it.

A stage takes from `Params` what it needs and passes it on; nothing of it enters a class.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.base import targets
from pipeline.base.binding import bind, nearest
from pipeline.base.compute import Compute
from pipeline.base.errors import UserError
from pipeline.base.ranges import LARGEST, Seed
from pipeline.base.sections import Dataset, Entry, Packing, Ranking, Scoring, Split, check_name

HIDDEN = ("size", "nfiles")
"""Keys that DVC leaves out, at any depth, when it looks among its past runs for one with the same parameters: with
another `size` it would take the outputs of the old one."""

IS = "is"
"""The key of `Dataset.claims`."""


@dataclass(frozen=True)
class Params:
    """What to run: the sections of params.yaml, their defaults applied."""

    seed: int
    dataset: Dataset
    split: Split
    images: Packing
    compute: Compute
    features: dict[str, Entry]
    systems: dict[str, Entry]
    ranking: Ranking
    evaluate: Scoring


SECTIONS = tuple(field.name for field in fields(Params))


def load(path: Path) -> Params:
    """Read and check a params file. Raises `UserError` at the first thing in it that cannot be."""
    return of(read(path))


def read(path: Path) -> dict[str, Any]:
    """A params file as it stands, with the parser DVC uses (YAML 1.2).

    Raises `UserError` where the file is missing, is no YAML, or has other sections than `SECTIONS`.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the project's root or copy one from presets/") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected sections {', '.join(SECTIONS)}")
    for key in content:
        if key not in SECTIONS:
            raise UserError(f"{path}: {key}: nothing reads this section{nearest(key, SECTIONS)}")
    for key in SECTIONS:
        if key not in content:
            raise UserError(f"{path}: section '{key}' is missing; compare presets/")
    for where in _hidden(content):
        raise UserError(f"{path}: {where}: DVC would not see a change of a key of this name; it needs another")
    return content


def of(content: Mapping[str, Any]) -> Params:
    """Params from the sections of a file. Raises `UserError` for a value that no section can have."""
    seed = bind("params", _top, {"seed": content["seed"]})["seed"]
    systems = _entries("systems", content["systems"])
    for name, entry in systems.items():
        if seed + entry.seeds - 1 > LARGEST:
            raise UserError(f"systems.{name}.seeds: the last of {entry.seeds} from seed {seed} on is beyond {LARGEST}")
    return Params(
        seed=seed,
        dataset=_dataset(content["dataset"]),
        features=_entries("features", content["features"]),
        systems=systems,
        **{name: _section(name, cls, content[name]) for name, cls in _PLAIN.items()},
    )


_PLAIN = {"split": Split, "images": Packing, "compute": Compute, "ranking": Ranking, "evaluate": Scoring}


def _top(*, seed: Seed) -> None:
    """The keys of params.yaml that are no section."""


def _section(name: str, cls: type, content: Any) -> Any:
    if not isinstance(content, Mapping | None):
        raise UserError(f"{name}: expected keys {', '.join(field.name for field in fields(cls))}, not {content!r}")
    return cls(**bind(name, cls, content))


def _dataset(content: Any) -> Dataset:
    if not isinstance(content, Mapping):
        raise UserError("dataset: expected keys reader, name, path, targets")
    claims = content.get(IS)
    if not isinstance(claims, str | None):
        raise UserError(f"dataset.{IS}: {claims!r} is not str | None")
    shared = {field.name for field in fields(Dataset)} - {"keys", "claims"}
    own = {key: value for key, value in content.items() if key not in (*shared, IS)}
    common = {key: value for key, value in content.items() if key in shared}
    dataset = Dataset(**bind("dataset", Dataset, common, keys=own, claims=claims))
    if not dataset.targets:
        raise UserError("dataset.targets: name at least one column and its transform, such as 'likes: log2p1'")
    for target, transform in dataset.targets.items():
        check_name("dataset.targets", target)
        targets.Transform(transform)
    return dataset


def _entries(section: str, content: Any) -> dict[str, Entry]:
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"{section}: expected at least one entry")
    return {name: Entry.of(section, name, entry) for name, entry in content.items()}


def _hidden(value: Any, where: str = "") -> Iterator[str]:
    """Where in `value` keys have names that DVC leaves out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            place = f"{where}.{key}".lstrip(".")
            if key in HIDDEN:
                yield place
            yield from _hidden(inner, place)
    elif isinstance(value, list):
        for inner in value:
            yield from _hidden(inner, where)
