# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which interfaces systemd-networkd and NetworkManager take care of, if they run: asked of them, not of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    NETWORK_MANAGER,
    NETWORKD,
    ManagedLink,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import ERROR, UnreadableError

STATES = Path("/run/systemd/netif/links")
# networkctl(1); "pending" and "initialized" are not decided yet.
_NETWORKD_MANAGES = ("configuring", "configured", "failed")
_NMCLI = ["nmcli", "--terse", "--escape", "no", "--fields", "STATE,CONNECTION,DEVICE", "device"]
# /proc/PID/stat has room for 15 characters.
_NAMES = {NETWORKD: NETWORKD[:15], NETWORK_MANAGER: NETWORK_MANAGER[:15]}


def read_managed_links(run: Run, processes: list[procfs.Process], names: dict[int, str]) -> list[ManagedLink]:
    """Return what running network managers say of the links of that name by index; none where none runs.

    Raises UnreadableError when one runs and does not tell.
    """
    running = {name for name in _NAMES if any(_is(process, name) for process in processes)}
    found = _networkd(names) if NETWORKD in running else []
    return found + (_network_manager(run) if NETWORK_MANAGER in running else [])


def parse_networkd(interface: str, text: str) -> ManagedLink:
    """What a file of /run/systemd/netif/links says: lines NAME=VALUE."""
    values = dict(line.partition("=")[::2] for line in text.splitlines() if not line.startswith("#"))
    state = values.get("ADMIN_STATE", "")
    return ManagedLink(NETWORKD, interface, state, state in _NETWORKD_MANAGES, values.get("NETWORK_FILE", ""))


def parse_nmcli(text: str) -> list[ManagedLink]:
    """What ``nmcli --terse`` prints of the fields STATE, CONNECTION and DEVICE.

    A name of a connection can have a colon.
    """
    found = []
    # Not splitlines(): names of connections can have other ends of lines in them.
    for line in filter(None, text.split("\n")):
        state, dummy, rest = line.partition(":")
        connection, dummy2, interface = rest.rpartition(":")
        managed = state not in ("unmanaged", "") and "(externally)" not in state
        found.append(ManagedLink(NETWORK_MANAGER, interface, state, managed, connection))
    return found


def _is(process: procfs.Process, name: str) -> bool:
    """Whether a process is that manager, of this host and not of a container on it, and no stranger by its name.

    NetworkManager runs as root, systemd-networkd as the owner of its files.
    """
    if process.name != _NAMES[name] or procfs.is_nested(process.pid):
        return False
    try:
        users = {procfs.ROOT, STATES.stat().st_uid} if name == NETWORKD else {procfs.ROOT}
    except OSError:
        return False
    return procfs.uid(process.pid) in users


def _networkd(names: dict[int, str]) -> list[ManagedLink]:
    found = []
    for index, name in names.items():
        text = _text(STATES / str(index))
        if text is not None:
            found.append(parse_networkd(name, text))
    return found


def _network_manager(run: Run) -> list[ManagedLink]:
    status, output, problem = run(_NMCLI)
    if status != 0:
        why = problem.strip() or f"exit status {status}"
        raise UnreadableError(ERROR, f"NetworkManager runs, but nmcli does not show what it manages: {why}")
    return parse_nmcli(output)


def _text(path: Path) -> Optional[str]:
    """The text of a file; None for a link that appeared after the manager looked, or went."""
    try:
        return read_regular(path).text
    except FileNotFoundError:
        return None
