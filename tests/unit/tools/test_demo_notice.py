"""What the demo is about to do is said first, and nothing of it is left out."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.lab.engine import DATA, SOCKET
from tests.lab.machine_lock import CACHE
from tests.lab.packages import NEEDED

ROOT = Path(__file__).resolve().parents[3]
NOTICE = ROOT / "tools" / "demo_notice"


def test_it_knows_all_packages_of_the_lab() -> None:
    listed = re.search(r"^needed='(.*?)'", NOTICE.read_text(), re.MULTILINE | re.DOTALL)
    assert listed
    assert dict(pair.split(":") for pair in listed[1].split()) == NEEDED


def test_it_names_the_places_of_the_lab() -> None:
    text = NOTICE.read_text()
    for place in (DATA, SOCKET, CACHE):
        assert str(place) in text


def test_it_comes_before_all_else() -> None:
    assert "harden: $(if $(INVENTORY),,demo-notice) stage" in (ROOT / "Makefile").read_text()


def programs(folder: Path, *names: str) -> dict[str, str]:
    """An environment whose PATH has these programs alone."""
    for name in names:
        (folder / name).symlink_to(f"/usr/bin/{name}")
    return {"PATH": str(folder)}


@pytest.mark.skipif(os.geteuid() != 0, reason="the demo needs root")
def test_it_names_what_is_missing(tmp_path: Path) -> None:
    few = ("sh", "dirname", "id", "sort", "tr", "sed", "cat", "timeout", "nsenter", "ssh", "ssh-keygen")
    done = subprocess.run([NOTICE], env=programs(tmp_path, *few), check=True, capture_output=True, text=True)
    apt = next(line for line in done.stdout.splitlines() if line.startswith("  apt "))
    assert {"docker.io", "docker-cli", "busybox-static", "mmdebstrap"} <= set(apt.split())
    assert "openssh-client" not in apt
    assert "  packages           apt-get purge busybox-static docker-cli docker.io" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


@pytest.mark.skipif(os.geteuid() != 0, reason="the demo needs root")
def test_the_engine_that_is_used_is_named() -> None:
    environment = {**os.environ, "DOCKER_HOST": "unix:///run/elsewhere.sock"}
    done = subprocess.run([NOTICE], env=environment, check=True, capture_output=True, text=True)
    assert "uses the Docker Engine at unix:///run/elsewhere.sock" in done.stdout
    assert done.stderr == ""
