"""Shared SSH connections to the hosts, which Ansible keeps open between its runs."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab.identity import Identity
from tests.lab.proc import run

# A short path: the kernel limits those of sockets to 107 bytes.
SOCKETS = Path("/run/dockernet-lab/ssh")


def control_sockets(identity: Identity, host: str = "") -> Path:
    """Where the connections to a host (or, one folder a host, to all of them) have their sockets."""
    return SOCKETS / identity.tag / host


def end_connections(identity: Identity, host: str = "") -> None:
    """End the connections: those to a host that was restarted lead nowhere."""
    folder = control_sockets(identity, host)
    for socket in folder.rglob("*"):
        if socket.is_socket():
            run(["ssh", "-F", "/dev/null", "-O", "exit", "-o", f"ControlPath={socket}", "lab"], check=False)
    shutil.rmtree(folder, ignore_errors=True)
