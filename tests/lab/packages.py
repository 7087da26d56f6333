"""Debian packages the lab needs on the controller, installed where they are missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.lab.proc import CommandError, LabError, run

# A program that shows the package is there, and the package. No recommends: they bring a mail server's worth of extras.
NEEDED = {
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "iptables": "iptables",
    "nft": "nftables",
    "ip": "iproute2",
    "ipset": "ipset",
    "busybox": "busybox-static",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "nsenter": "util-linux",
}


def install_missing(say: Callable[[str], None]) -> None:
    """Install what is missing. Raises LabError where there is no apt or it fails."""
    for folder in ("/usr/sbin", "/sbin"):
        if folder not in os.environ.get("PATH", "").split(os.pathsep):
            os.environ["PATH"] = os.environ.get("PATH", "") + os.pathsep + folder
    missing = sorted({package for program, package in NEEDED.items() if not shutil.which(program)})
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise LabError(f"missing: {', '.join(missing)}; there is no apt-get to install them (the lab needs Debian)")
    say(f"installing {', '.join(missing)}")
    if "docker-cli" in missing and not _known("docker-cli"):
        missing.remove("docker-cli")  # before Debian 13 the client is part of docker.io
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    try:
        run(install, env=environment, timeout=900)
    except CommandError:
        run(["apt-get", "update"], env=environment, timeout=300)
        run(install, env=environment, timeout=900)


def _known(package: str) -> bool:
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        run(["apt-get", "update"], timeout=300)
    return run(["apt-cache", "show", package], check=False).rc == 0
