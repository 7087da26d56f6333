"""The sources that a host is sent to be read, found without the controller's half, which Python 3.9 cannot load."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

PACKAGE = "ansible_collections.dockernet.baseline.plugins.module_utils"
PROGRAM = f"{PACKAGE}._host.reader_program"
LIGHT = f"{PACKAGE}._host.light_dataclasses"


def text_of(name: str) -> str | None:
    """Return the source of a module, None for what is none."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    path = Path(spec.origin) if spec is not None and spec.origin is not None else None
    return path.read_text(encoding="utf-8") if path is not None and path.suffix == ".py" else None


def modules_of(program: str = PROGRAM) -> dict[str, str]:
    """Return the sources of a module of this collection and of all that it imports of it, by name."""
    found: dict[str, str] = {}
    waiting = [program]
    while waiting:
        name = waiting.pop()
        text = text_of(name) if name not in found else None
        if text is None:
            continue
        found[name] = text
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(PACKAGE):
                waiting += [str(node.module), *(f"{node.module}.{item.name}" for item in node.names)]
    return found


def as_sent() -> dict[str, str]:
    """Return them by the paths at which host_reader finds them."""
    found = {f"{name.replace('.', '/')}.py": text for name, text in modules_of().items()}
    return {**found, "dataclasses.py": modules_of(LIGHT)[LIGHT]}
