"""A trained system packed into a folder of its own, which predicts without the data it was trained on.

The folder is laid out as a project's: params.yaml with the one system, and of `data/` what predicting reads. It has
the ids of the users of training posts, to say who is a stranger; of a system that looks back, all posts with their
features. Weights of encoders are named and not packed. Nothing in it is a pickle.
"""

import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from ruamel.yaml import YAML

from models.trained import Trained
from pipeline.asking.forecaster import Forecaster
from pipeline.base import params
from pipeline.base.code import digest, hash_file
from pipeline.base.errors import UserError
from pipeline.base.params import Params
from pipeline.base.paths import Paths
from pipeline.storage import store

FILE, FORMAT = "export.json", 1
LIBRARIES = (
    *("catboost", "lightgbm", "numpy", "open_clip_torch", "opencv-python-headless", "pandas", "pillow"),
    *("scikit-learn", "scipy", "timm", "torch", "torchvision", "transformers", "xgboost"),
)
"""Those of which another release may give other numbers."""


def pack(paths: Paths, p: Params, name: str, folder: Path) -> None:
    """Pack the system of that name into a new `folder`. Raises `UserError` where there is one, or no such system."""
    if folder.exists():
        raise UserError(f"--out {folder}: is there already; name a folder that is not, or remove it")
    trained = Forecaster(paths, p, name).trained
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as temporary:
        packed = Paths(Path(temporary) / "packed")
        packed.root.mkdir()
        _write_params(paths, packed, trained)
        shutil.copytree(paths.model(name), packed.model(name))
        _write_posts(paths, packed, trained)
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
        raise UserError(f"--from {folder}: packed in format {told['format']}, and this release reads {FORMAT}")
    for name, sha256 in told["files"].items():
        if not (folder / name).is_file() or hash_file(folder / name) != sha256:
            raise UserError(f"--from {folder}: {name} is not what was packed; export it again")
    _check_versions(folder, told)
    return Paths(folder), told["system"]


def _write_params(paths: Paths, packed: Paths, trained: Trained) -> None:
    """The params file with the one system and the features it reads."""
    content: dict[str, Any] = params.read(paths.params)
    content["systems"] = {trained.name: content["systems"][trained.name]}
    content["features"] = {k: v for k, v in content["features"].items() if k in trained.features} or content["features"]
    with packed.params.open("w", encoding="utf-8") as file:
        YAML().dump(content, file)


def _write_posts(paths: Paths, packed: Paths, trained: Trained) -> None:
    """Who trained it; of a system that looks back, all that came before."""
    looks_back = trained.unfitted().looks_back
    needed = [column for target in trained.targets for column in trained.needs(target)] if looks_back else []
    there = [c for c in dict.fromkeys(["user_id", *needed]) if c in store.columns_of(paths.posts)]
    posts = store.read_frame(paths.posts, ["post_id", *there])
    store.write_frame(packed.posts, posts)
    store.write_frame(packed.splits, store.read_frame(paths.splits, ["post_id", "part"]))
    for name in trained.features if looks_back else ():
        packed.feature(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.feature(name), packed.feature(name))


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
        "code": _code(trained.entry.module),
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
