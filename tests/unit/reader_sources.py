"""The sources that a host is sent to be read, found without the controller's half, which Python 3.9 cannot load."""

from __future__ import annotations

from tests.unit.collection_imports import ROOT, reached_from

PACKAGE = "ansible_collections.dockernet.baseline.plugins.module_utils"
PROGRAM = f"{PACKAGE}._host.reader_program"
_HOST = ROOT / "plugins" / "module_utils" / "_host"


def as_sent() -> dict[str, str]:
    """Return them by the paths at which host_reader finds them."""
    files = {"dataclasses.py": _HOST / "light_dataclasses.py"}
    for path in sorted(reached_from(_HOST / "reader_program.py")):
        files[f"ansible_collections/dockernet/baseline/{path.relative_to(ROOT).as_posix()}"] = path
    return {place: path.read_text(encoding="utf-8") for place, path in files.items()}


def modules_of_reader() -> list[str]:
    """Return the names of these modules of the collection."""
    return [place[: -len(".py")].replace("/", ".") for place in as_sent() if "/" in place]
