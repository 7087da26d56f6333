"""Packages of a later Debian for a host, fetched here from the mirror, since no host of the lab reaches one.

apt itself chooses: what a host has is what it goes by, so that the packages come with all that they need and it lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.lab import images
from tests.lab.host import Host
from tests.lab.proc import run

_HERE = "/root/later-packages"
_ASKED_NOTHING = {"DEBIAN_FRONTEND": "noninteractive"}


def install(host: Host, suite: str, names: Sequence[str], scratch: Path) -> list[str]:
    """Install packages of another suite on a host as an administrator would, by apt. Returns the files that it took.

    Programs that run go on as they were, until they are restarted.
    """
    archives = _fetched(host.read("/var/lib/dpkg/status"), suite, names, scratch)
    for path in archives:
        host.write(f"{_HERE}/{path.name}", path.read_bytes())
    keep = "-o=Dpkg::Options::=--force-confold"
    command = ["apt-get", "install", "--yes", "--no-install-recommends", keep]
    words = [f"{name}={value}" for name, value in _ASKED_NOTHING.items()]
    host.run(["env", *words, *command, *(f"{_HERE}/{path.name}" for path in archives)], timeout=300)
    return [path.name for path in archives]


def _fetched(status: str, suite: str, names: Sequence[str], scratch: Path) -> list[Path]:
    root = scratch / f"apt-{suite}"
    for folder in ("lists/partial", "cache/archives/partial", "preferences"):
        (root / folder).mkdir(parents=True)
    (root / "status").write_text(status)
    (root / "sources.list").write_text(f"deb {images.mirror()} {suite} main\n")
    places = {
        "Etc::SourceList": "sources.list",
        "Etc::SourceParts": "none",
        "Etc::PreferencesParts": "preferences",
        "State": "",
        "State::Lists": "lists",
        "State::status": "status",
        "Cache": "cache",
    }
    options = [f"-o=Dir::{name}={root / place}" for name, place in places.items()]
    options += ["-o=APT::Install-Recommends=false", "-o=APT::Sandbox::User=root", "-o=Acquire::Check-Valid-Until=false"]
    run(["apt-get", *options, "update"], timeout=300)
    run(["apt-get", *options, "install", "--yes", "--download-only", *names], timeout=300)
    return sorted((root / "cache/archives").glob("*.deb"))
