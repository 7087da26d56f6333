# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback progress in real runs over many names of one host: in a log and on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.lab.ansible_runs import PLAYBOOK_LIMIT, environment
from tests.lab.host import Host
from tests.lab.identity import ROOT

NAMES = 12
PLAYBOOK = str(ROOT / ".venv" / "bin" / "ansible-playbook")


def command(host: Host, folder: Path) -> list[str]:
    """An audit of one host by twelve names, one after the other, which takes longer than five seconds."""
    own = yaml.safe_load(host.identity.inventory.read_text())["lab"]
    names = {f"{host.name}-{number:02}": own["hosts"][host.name] for number in range(NAMES)}
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"lab": {"vars": own["vars"], "hosts": names}}))
    return [PLAYBOOK, "-i", str(inventory), "--forks", "1", "dockernet.baseline.audit_docker_net"]


def with_progress(**more: str) -> dict[str, str]:
    return {**environment(), "ANSIBLE_CALLBACKS_ENABLED": "dockernet.baseline.progress", **more}


@pytest.mark.long
@pytest.mark.kinds("debian13")
def test_in_a_log(fresh_host: Host, tmp_path: Path) -> None:
    done = subprocess.run(
        command(fresh_host, tmp_path),
        env=with_progress(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PLAYBOOK_LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("progress: ")]
    assert lines
    # No callback fails, which Ansible only warns of.
    assert "WARNING" not in done.stderr
    assert "progress:" not in done.stdout
    assert f" of {NAMES} hosts (" in lines[0]
    assert lines[0].endswith(" left")


@pytest.mark.long
@pytest.mark.kinds("debian13")
def test_on_a_terminal(fresh_host: Host, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    settings = with_progress(TERM="xterm", ANSIBLE_DISPLAY_OK_HOSTS="false")
    with subprocess.Popen(
        command(fresh_host, tmp_path), env=settings, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        text = b""
        # The end of the last program that has it open is an error to read from a terminal.
        with suppress(OSError):
            while data := os.read(ours, 65536):
                text += data
        os.close(ours)
        assert process.wait(60) == 0
    states = [part for part in text.decode().split("\r\x1b[K") if f" of {NAMES} hosts (" in part]
    assert len(states) >= 2
    # Each was removed before anything else came.
    assert not [state for state in states if "\n" in state], states
