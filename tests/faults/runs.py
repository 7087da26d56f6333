"""Runs modules on a lab host in its own Python, quickly and killable: see on_host.py for what happens there."""

from __future__ import annotations

import functools
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible

from tests.integration.snapshots import COLLECTION, unpack
from tests.lab.host import Host
from tests.lab.identity import ROOT

PLACE = "/run/dockernet-faults"
PROGRAM = Path(__file__).with_name("on_host.py")
TIMEOUT = 1200.0


@dataclass(frozen=True)
class Outcome:
    """What became of one run of a module."""

    killed: bool
    point: str
    """The last line of the changing code that was begun: file.function:line."""
    seconds: float
    result: dict[str, Any] | None
    """What the module said; None when it was killed before it could."""
    points: dict[str, int] = field(default_factory=dict)
    """Where asked for: how often each line was begun."""

    @property
    def step(self) -> str:
        return self.point.partition(":")[0] or "before the change's code"


def install(host: Host) -> None:
    """Put the staged collection and Ansible's module_utils where the host's Python can run them."""
    unpack(host, PLACE, _packed())


@functools.cache
def _packed() -> bytes:
    packed = io.BytesIO()
    library = Path(ansible.__file__).parent
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in ("module_utils", "modules"):
            archive.add(ROOT / ".build" / COLLECTION / "plugins" / folder, f"{COLLECTION}/plugins/{folder}")
        for name in ("release.py", "module_utils"):
            archive.add(library / name, f"ansible/{name}", filter=_without_bytecode)
        archive.addfile(tarfile.TarInfo("ansible/__init__.py"))
        archive.add(PROGRAM, PROGRAM.name)
    return packed.getvalue()


def _without_bytecode(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def run_module(
    host: Host,
    module: str,
    arguments: Mapping[str, Any],
    *,
    kill: Mapping[str, Any] | None = None,
    limits: Mapping[str, float] | None = None,
    points: bool = False,
) -> Outcome:
    """Run an installed module. kill, limits and points are those of on_host.py."""
    job = {
        "root": PLACE,
        "module": module,
        "arguments": dict(arguments),
        "kill": kill and dict(kill),
        "limits": limits and dict(limits),
        "points": points,
    }
    done = host.run(["/usr/bin/python3", f"{PLACE}/{PROGRAM.name}"], stdin=json.dumps(job), timeout=TIMEOUT)
    return Outcome(**json.loads(done.out))
