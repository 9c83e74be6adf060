"""A trained system packed into a folder of its own, which predicts without the data it was trained on.

The folder is laid out as a project's: params.yaml with the one system, the parts of a blend beside it, and of `data/`
what predicting reads. It has the ids of users, to say who is a stranger, and how many training posts went out at each
hour, to say which may be as good as the best. Of a system that looks back it has all posts with their features; of
features of the posts before, what they read of these, labels of the parts they learn from and what encoders say among
them; of a blend, its parts' predictions of the validation part, which weigh them, and those out of fold, which
calibrate it. Weights of encoders are named and not packed. Nothing in it is a pickle.
"""

import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from ruamel.yaml import YAML

from features.base import feature_class
from features.parts.past import PastFeature
from models.blended import Blended
from models.trained import FOLDS, Trained, predictions
from pipeline.asking import hours
from pipeline.asking.forecaster import Forecaster
from pipeline.base import params, targets
from pipeline.base.code import digest, hash_file
from pipeline.base.errors import UserError
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage import store

FILE, FORMAT = "export.json", 2
LIBRARIES = (
    *("catboost", "lightgbm", "numpy", "open_clip_torch", "opencv-python-headless", "pandas", "pillow"),
    *("scikit-learn", "scipy", "timm", "torch", "torchvision", "transformers", "xgboost"),
)
"""Those of which another release may give other numbers."""


def pack(paths: Paths, p: Params, name: str, folder: Path) -> None:
    """Pack the system of that name into a new `folder`. Raises `UserError` where there is one, or no such system."""
    if folder.exists():
        raise UserError(f"--out {folder}: is there already; name a folder that is not, or remove it")
    forecaster = Forecaster(paths, p, name)
    trained = forecaster.trained
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as temporary:
        packed = Paths(Path(temporary) / "packed")
        packed.root.mkdir()
        _write_params(paths, packed, trained)
        for own in (trained, *parts_of(trained)):
            labels = shutil.ignore_patterns(FOLDS) if own is trained else None
            shutil.copytree(paths.model(own.name), packed.model(own.name), ignore=labels)
        for part in parts_of(trained):
            said = predictions(paths, part.name)
            store.write_frame(packed.predictions(part.name), said[said["part"] == "validation"])
        if parts_of(trained):
            shutil.copy(paths.predictions(name), packed.predictions(name))
        _write_posts(paths, packed, trained)
        for extractor in forecaster.featured.extractors.values():
            extractor.pack(paths, packed, forecaster.featured.compute)
        store.write_json(packed.model(name) / hours.FILE, hours.known(paths, trained))
        _write_versions(packed, trained)
        packed.root.rename(folder)


def unpack(folder: Path) -> tuple[Paths, str]:
    """The project that a folder of `pack` is, and the system in it.

    Raises `UserError` where it is none, was damaged, or another release of something predicts otherwise.
    """
    expected = {
        "format": int,
        "system": str,
        "versions": dict[str, str],
        "code": dict[str, str],
        "files": dict[str, str],
    }
    if not (folder / FILE).is_file():
        raise UserError(f"--from {folder}: no {FILE} there; it is no folder that python -m pipeline.export made")
    told = store.read_object(folder / FILE, expected, "export it again")
    if told["format"] != FORMAT:
        raise UserError(
            f"--from {folder}: packed in format {told['format']}, and this release reads {FORMAT}; export it again"
        )
    for name, sha256 in told["files"].items():
        if not (folder / name).is_file() or hash_file(folder / name) != sha256:
            raise UserError(f"--from {folder}: {name} is not what was packed; export it again")
    _check_versions(folder, told)
    return Paths(folder), told["system"]


def parts_of(trained: Trained) -> tuple[Trained, ...]:
    """The systems that a blend is of; none of any other."""
    return tuple(trained.parts.values()) if isinstance(trained, Blended) else ()


def _write_params(paths: Paths, packed: Paths, trained: Trained) -> None:
    """The params file with the system, its parts and the features they read."""
    content: dict[str, Any] = params.read(paths.params)
    content["systems"] = {own.name: content["systems"][own.name] for own in (*parts_of(trained), trained)}
    content["features"] = {k: v for k, v in content["features"].items() if k in trained.features} or content["features"]
    with packed.params.open("w", encoding="utf-8") as file:
        YAML().dump(content, file)


def _write_posts(paths: Paths, packed: Paths, trained: Trained) -> None:
    """Who trained it; of a system or a feature that looks back, what it reads of what came before."""
    looking = [own for own in parts_of(trained) or (trained,) if own.unfitted().looks_back]
    features = {name: made["state"] for name, made in trained.features.items() if _is_of_past(made["module"])}
    columns = ["user_id", *(group for own in (trained, *parts_of(trained)) for group in own.groups)]
    columns += [column for own in looking for target in own.targets for column in own.needs(target)]
    columns += [column for state in features.values() for column in state["columns"]]
    labels = {state["label"]["target"]: state["label"]["transform"] for state in features.values() if state["label"]}
    columns += targets.columns_needed(labels)
    there = [column for column in dict.fromkeys(columns) if column in store.columns_of(paths.posts)]
    posts = store.read_frame(paths.posts, ["post_id", *there])
    splits = store.read_frame(paths.splits, ["post_id", "part"])
    posts.loc[posts["post_id"].isin(splits.loc[splits["part"] == "test", "post_id"]), list(labels)] = None
    store.write_frame(packed.posts, posts)
    store.write_frame(packed.splits, splits)
    for name in {name for own in looking for name in own.features}:
        packed.feature(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.feature(name), packed.feature(name))


def _is_of_past(module: str) -> bool:
    return issubclass(feature_class(module), PastFeature)


def _write_versions(packed: Paths, trained: Trained) -> None:
    files = sorted(path for path in packed.root.rglob("*") if path.is_file())
    versions = {name: found for name in LIBRARIES if (found := _version(name))}
    pins = "".join(f"{name}=={found}\n" for name, found in versions.items())
    (packed.root / "requirements.txt").write_text(pins, encoding="utf-8")
    told = {
        "format": FORMAT,
        "system": trained.name,
        "python": python_version(),
        "versions": versions,
        "code": {k: v for own in (trained, *parts_of(trained)) for k, v in _code(own.entry.module).items()},
        "weights": {name: metadata["fingerprint"].get("weights") for name, metadata in trained.features.items()},
        "files": {path.relative_to(packed.root).as_posix(): hash_file(path) for path in files},
    }
    store.write_json(packed.root / FILE, told)


def _code(module: str) -> dict[str, str]:
    """Hash of the code of a system; that of features is checked when they are restored."""
    return {f"models/{module}.py": digest(f"models/{module}.py", ["models"])}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_versions(folder: Path, told: dict[str, Any]) -> None:
    others = [
        f"{name} {_version(name) or 'none'} instead of {v}"
        for name, v in told["versions"].items()
        if _version(name) != v
    ]
    if others:
        raise UserError(f"--from {folder}: {', '.join(others)}; pip install -r {folder / 'requirements.txt'}")
    for module, sha256 in told["code"].items():
        if digest(module, ["models"]) != sha256:
            raise UserError(f"--from {folder}: {module} is another than the one it was trained by; export it again")
