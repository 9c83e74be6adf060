"""Which of the project's modules another needs, and their hashes: code that a result depends on."""

import ast
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def hash_file(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def imported(module: str, folders: Collection[str] = ("models", "pipeline")) -> list[str]:
    """Modules of `folders` that the file `module` needs, itself included, as paths from the root."""
    seen: dict[str, Any] = {}
    queue = [module]
    while queue:
        path = queue.pop()
        if path in seen:
            continue
        seen[path] = None
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            files = [name.replace(".", "/") + ".py" for name in names]
            queue += [f for f in files if f.split("/")[0] in folders and (ROOT / f).is_file()]
    return sorted(seen)


def code_of(model: str) -> list[str]:
    """The project's modules that decide what a system learns: its own, and those that feed it."""
    return sorted({*imported(f"models/{model}.py"), "pipeline/storage/examples.py", "pipeline/base/targets.py"})
