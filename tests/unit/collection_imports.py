"""What files of the collection import of it: for promises of the repository, and for what a host is sent."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def imported_modules(path: Path) -> frozenset[str]:
    """Return the names of all modules that a file imports, at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def file_of(module: str) -> Optional[Path]:
    """Return the file of a module of this collection, None for another module and for a name in a module."""
    path = ROOT / f"{module.removeprefix('ansible_collections.dockernet.baseline.').replace('.', '/')}.py"
    return path if module.startswith("ansible_collections.dockernet.baseline.") and path.is_file() else None


def reached_from(path: Path) -> set[Path]:
    """Return a file of this collection and all that it imports of the collection, directly and not."""
    reached: set[Path] = set()
    waiting = {path}
    while waiting:
        reached.add(next_one := waiting.pop())
        waiting |= {found for found in map(file_of, imported_modules(next_one)) if found is not None} - reached
    return reached
