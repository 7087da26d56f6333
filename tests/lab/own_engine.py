"""An engine that no package offers: programs from a directory that environment variable ENGINE names.

The programs are mounted over those of the host's packages, so the host's own units start them. dockerd and docker-proxy
must be there; others that Docker's archive of static programs has may be, and stay those of the kind otherwise. What
the directory has in `etc` (options in default/docker, sysctl.d) goes into the host's /etc before its first boot, and is
part of the state that reset() comes back to.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.lab.engine import Engine
from tests.lab.layouts import folder_of_programs
from tests.lab.proc import LabError, run

VARIABLE = "ENGINE"
PROGRAMS = ("dockerd", "docker-proxy")
BESIDE = {
    "containerd": "/usr/bin",
    "containerd-shim-runc-v2": "/usr/bin",
    "ctr": "/usr/bin",
    "docker": "/usr/bin",
    # /usr/bin/runc is a link to it.
    "runc": "/usr/sbin",
}
"""Programs that may be there, too, and where Debian has them."""


@dataclass(frozen=True)
class OwnEngine:
    """A directory with the programs of an engine."""

    folder: Path
    version: str

    @classmethod
    def asked(cls) -> OwnEngine | None:
        """The engine that the environment asks for. Raises LabError when the directory is not one."""
        named = os.environ.get(VARIABLE)
        return cls.in_folder(Path(named).absolute()) if named else None

    @classmethod
    def in_folder(cls, folder: Path) -> OwnEngine:
        """Raises LabError when a program is missing, or dockerd does not say its version."""
        missing = [name for name in PROGRAMS if not (folder / name).is_file() or not os.access(folder / name, os.X_OK)]
        if missing:
            raise LabError(f"{VARIABLE}={folder}: that directory has no program {' and no '.join(missing)}")
        said = run([str(folder / "dockerd"), "--version"]).out
        version = re.match(r"Docker version (\d+\.\d+\.\d+)", said)
        if not version:
            raise LabError(f"{VARIABLE}={folder}: its dockerd does not say its version, but {said.strip()!r}")
        return cls(folder, version[1])

    @property
    def mark(self) -> str:
        """Its version, and what changes with the directory: a host keeps what it was made with."""
        programs = {name: (self.folder / name).stat().st_mtime_ns for name in self._programs()}
        digest = hashlib.sha256(str(sorted(programs.items())).encode())
        for path in sorted(path for path in (self.folder / "etc").rglob("*") if path.is_file()):
            digest.update(f"\0{path}\0".encode() + path.read_bytes())
        return f"{self.version} {self.folder} {digest.hexdigest()[:12]}"

    def volumes(self, layout: str = "") -> list[str]:
        """The words of `docker create` that give a host these programs, and a place for images that is no overlay.

        Docker Engine 29 keeps images in containerd, and the kernel lays no overlay upon that of the host.
        """
        places = {**dict.fromkeys(PROGRAMS, folder_of_programs(layout)), **BESIDE}
        mounts = [f"{(self.folder / name).resolve()}:{places[name]}/{name}:ro" for name in self._programs()]
        return [word for mount in (*mounts, "/var/lib/containerd") for word in ("--volume", mount)]

    def _programs(self) -> list[str]:
        """Names of the programs that it has."""
        return [*PROGRAMS, *(name for name in BESIDE if (self.folder / name).is_file())]

    def settle(self, engine: Engine, container: str) -> None:
        """Copy the directory's `etc`, if it has one, into a host that was made and not started."""
        if (self.folder / "etc").is_dir():
            engine.docker("cp", f"{self.folder / 'etc'}/.", f"{container}:/etc/")
