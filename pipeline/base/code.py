"""The code that results depend on: which of the project's modules a file imports, and their hashes.

Comments and docstrings do not count: a changed explanation makes nothing again.
"""

import ast
import hashlib
import json
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOPS = ("pipeline", "features", "models")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def hash_file(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes(module: str, within: Collection[str] = TOPS) -> dict[str, str]:
    """Hash of each module that the file `module` needs, itself included; paths from the root.

    Only imports of modules in the folders `within` are followed. A change in any of them changes what it says,
    unless the change is in comments or docstrings.
    """
    found: dict[str, str] = {}
    queue = [module]
    while queue:
        path = queue.pop()
        if path not in found:
            found[path], others = _read(path)
            queue += [other for other in others if other.startswith(tuple(f"{folder}/" for folder in within))]
    return dict(sorted(found.items()))


def digest(module: str, within: Collection[str] = TOPS) -> str:
    """One hash of all that `hashes` says."""
    return hashlib.sha256(json.dumps(hashes(module, within)).encode()).hexdigest()


@cache
def _read(path: str) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's code, and the project's modules it imports."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    imports = []
    for node in ast.walk(tree):
        imports += _imported(node)
        if isinstance(node, _DOCUMENTED):
            node.body = [line for line in node.body if not _is_text(line)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(imports)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string alone: a docstring, or the words under a constant or a field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        return
    for name in names:
        file = f"{name.replace('.', '/')}.py"
        if name.split(".")[0] in TOPS and (ROOT / file).is_file():
            yield file
